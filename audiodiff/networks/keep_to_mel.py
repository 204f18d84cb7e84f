"""The last stage of a voice: a waveform made to say the mel that it was made from, with onsets where they belong."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from audiodiff.audio.stft import Stft
from audiodiff.errors import ConfigError
from audiodiff.mel.spec import MelSpec
from audiodiff.networks.mel_postfilter import MelPostfilter
from audiodiff.networks.onset_gains import OnsetGains
from audiodiff.phase.griffin_lim import energy
from audiodiff.phase.low_band import LowBand
from audiodiff.phase.mel_constraint import MelConstraint
from audiodiff.types import FirstFrame, Mel, Samples, Wave

LEAST_POWER = 1e-12
"""Under which a magnitude is none, so that none is divided by zero."""


class KeepToMel(nn.Module):
    """Waveforms whose magnitudes are scaled until their mel is the given one; phases stay (`MelConstraint`).

    The scaling spreads sound over its window. With `onsets` channels, gains in time follow it (`OnsetGains`), which
    change the mel a little, and the scaling once more, so in turns for `rounds`: that is for the end, without gains it
    may follow every estimate. Rounds that are not `scaled_first` begin with the gains, for a waveform that says nearly
    the mel as it comes; that saves a window of look-ahead. `iterations` more, below one kilohertz alone, come last,
    of whose way a `share` is gone (`LowBand`). With `postfilter` channels the mel itself comes first: one that was
    smoothed is made sharp (`MelPostfilter`), and the result keeps to that.
    """

    def __init__(
        self,
        *,
        mel: MelSpec,
        onsets: int = 0,
        rounds: int = 1,
        scaled_first: bool = True,
        iterations: int = 0,
        share: float = 1.0,
        postfilter: int = 0,
    ) -> None:
        super().__init__()
        if rounds < 1:
            raise ConfigError(f"rounds={rounds}: expected at least 1")
        if not (onsets or scaled_first):
            raise ConfigError("scaled_first=False: without onsets there is nothing else to begin with")
        if iterations < 0:
            raise ConfigError(f"iterations={iterations}: expected at least 0")
        if not 0 < share <= 1:
            raise ConfigError(f"share={share}: expected more than 0 and at most 1")
        self.hop_length, self.rounds, self.scaled_first = mel.hop_length, rounds, scaled_first
        self.stft = Stft(mel)
        self.constraint = MelConstraint(mel)
        self.onsets = OnsetGains(mel=mel, channels=onsets) if onsets else None
        self.postfilter = MelPostfilter(mel=mel, channels=postfilter) if postfilter else None
        self.low = LowBand(mel, self.stft, self.constraint, iterations, share) if iterations else None
        self.margin = (mel.n_fft - mel.win_length) // 2

    def with_low(self, low: LowBand) -> "KeepToMel":
        """The same, of the same parameters, with other iterations below one kilohertz."""
        return self._changed(low=low)

    @property
    def stages(self) -> tuple["KeepToMel", *tuple["LowStage", ...]]:
        """Scaling and gains, and then the iterations below one kilohertz, if there are any, behind the postfilter.

        A stream takes each as far as it goes, and computes little twice.
        """
        turns = self._changed(low=None, postfilter=None)
        return (turns,) if self.low is None else (turns, LowStage(self.low, self.constraint, self.hop_length))

    def _changed(self, **parts: nn.Module | None) -> "KeepToMel":
        made = copy.copy(self)
        made._modules = {**self._modules, **parts}  # the copy's own: this one keeps its parts
        return made

    @property
    def turns(self) -> "Turns":
        """The order of gains in time and scaling."""
        return Turns(self.onsets, self.rounds, self.scaled_first)

    @property
    def does_more(self) -> bool:
        """True if it does not scale alone."""
        return not (self.onsets is self.low is self.postfilter is None)

    @property
    def frame_radius(self) -> int:
        """Frames of the waveform to either side of its own that a frame of the result depends on."""
        return self._frames(self._reach(self.rounds, self.scaled_first) + self._reach_below)

    @property
    def mel_radius(self) -> int:
        """The same of the mel, which the gains and the postfilter see further, at most."""
        filtered = 0 if self.postfilter is None else self.postfilter.frame_radius
        if self.onsets is None:
            return self.frame_radius + filtered
        behind_gains = self._reach(self.rounds - 1, scaled_first=True)
        gained = self._frames(behind_gains + self.onsets.radius + self._reach_below)
        return max(self.frame_radius, gained) + filtered

    @property
    def _reach_below(self) -> Samples:
        return 0 if self.low is None else self.low.reach

    def _reach(self, rounds: int, scaled_first: bool) -> Samples:
        """Samples to either side that a result sees through that many rounds and the scaling before them."""
        reach = self.stft.reach(0, 0) if scaled_first else (0, 0)
        if self.onsets is not None:
            for _ in range(rounds):
                before, after = reach
                reach = self.stft.reach(before + self.onsets.reach, after + self.onsets.reach)
        return max(reach)

    def _frames(self, samples: Samples) -> int:
        return -(-samples // self.hop_length)

    def radius_behind(self, fine: Stft) -> Samples:
        """Samples that scaling adds to the receptive radius of what ends with the inverse of a shorter transform.

        The last sample of a frame lies within the last of the shorter frames that hold it, not always at its beginning.
        """
        between = fine.left - self.stft.left + self.margin + self.stft.radius
        late, early = between % fine.hop_length, (fine.radius - between + self.stft.radius) % fine.hop_length
        return self.stft.radius - min(late, early)

    def forward(self, wave: Wave, mel: Mel, first: FirstFrame = 0) -> Wave:
        """Scale [batch, hop_length · frames] samples; `first` says where in a whole mel each row begins, if it does."""
        mel = sharpened(mel, self.postfilter)
        wave = in_turns(self.scaled, self.turns, wave, mel)
        return wave if self.low is None else self.low(wave, self.constraint.bands(mel).mT, first)

    def learnt(self, wave: Wave, mel: Mel) -> Wave:
        """The same without postfilter and `iterations`: that through which denoisers and gains learn."""
        return in_turns(self.scaled, self.turns, wave, mel)

    def scaled(self, wave: Wave, mel: Mel) -> Wave:
        """Scale magnitudes alone, once."""
        spectrum = self.stft(wave).mT
        magnitudes = energy(spectrum).clamp_min(LEAST_POWER).sqrt()
        wanted = self.constraint.by_frames(magnitudes, self.constraint.bands(mel).mT)
        return self.stft.inverse((spectrum * (wanted / magnitudes)).mT)


class LowStage:
    """The last stage of a `KeepToMel`, by itself: `LowBand` from a mel in place of its bands."""

    def __init__(self, low: LowBand, constraint: MelConstraint, hop_length: Samples) -> None:
        self.low, self.constraint = low, constraint
        self.frame_radius = self.mel_radius = -(-low.reach // hop_length)

    def __call__(self, wave: Wave, mel: Mel, first: FirstFrame = 0) -> Wave:
        """Change [batch, hop_length · frames] samples."""
        return self.low(wave, self.constraint.bands(mel).mT, first)


@dataclass(frozen=True)
class Turns:
    """Gains and rounds of a finish."""

    onsets: OnsetGains | None
    rounds: int
    scaled_first: bool


def in_turns(scaled: Callable[[Wave, Mel], Wave], turns: Turns, wave: Wave, mel: Mel) -> Wave:
    """Scale a waveform to its mel, then apply gains in time and scale again for some rounds."""
    if turns.scaled_first:
        wave = scaled(wave, mel)
    if turns.onsets is None:
        return wave
    gains = turns.onsets.gains(mel)
    for _ in range(turns.rounds):
        wave = scaled(turns.onsets.scaled(wave, gains), mel)
    return wave


def sharpened(mel: Mel, postfilter: MelPostfilter | None) -> Mel:
    """The mel that a finish keeps to."""
    return mel if postfilter is None else postfilter(mel)
