"""A projection that makes an estimate say the mel that it was made from."""

from torch import nn

from audiodiff.audio.stft import Stft
from audiodiff.mel.spec import MelSpec
from audiodiff.networks.onset_gains import OnsetGains
from audiodiff.phase.griffin_lim import energy
from audiodiff.phase.mel_constraint import MelConstraint
from audiodiff.types import Mel, Samples, Wave

LEAST_POWER = 1e-12
"""Under which a magnitude is none, so that none is divided by zero."""


class KeepToMel(nn.Module):
    """Waveforms whose magnitudes are scaled until their mel is the given one; phases stay (`MelConstraint`).

    The scaling spreads sound over its window; with `onsets` channels, gains in time follow it (`OnsetGains`).
    """

    def __init__(self, mel: MelSpec, onsets: int = 0) -> None:
        super().__init__()
        self.stft = Stft(mel)
        self.constraint = MelConstraint(mel)
        self.onsets = OnsetGains(mel=mel, channels=onsets) if onsets else None
        self.margin = (mel.n_fft - mel.win_length) // 2

    @property
    def radius(self) -> Samples:
        """Receptive radius over the waveform."""
        return self.stft.radius + (0 if self.onsets is None else self.onsets.reach)

    @property
    def mel_radius(self) -> Samples:
        """Receptive radius over the mel, where that is not within the waveform's."""
        return 0 if self.onsets is None else self.onsets.radius

    def radius_behind(self, fine: Stft) -> Samples:
        """Samples that this adds to the receptive radius of what ends with the inverse of a shorter transform.

        The last sample of a frame lies within the last of the shorter frames that hold it, not always at its beginning.
        """
        between = fine.left - self.stft.left + self.margin + self.stft.radius
        late, early = between % fine.hop_length, (fine.radius - between + self.stft.radius) % fine.hop_length
        return self.radius - min(late, early)

    def forward(self, wave: Wave, mel: Mel) -> Wave:
        """Scale [batch, hop_length · frames] samples."""
        spectrum = self.stft(wave).mT
        magnitudes = energy(spectrum).clamp_min(LEAST_POWER).sqrt()
        wanted = self.constraint.by_frames(magnitudes, self.constraint.bands(mel).mT)
        kept = self.stft.inverse((spectrum * (wanted / magnitudes)).mT)
        return kept if self.onsets is None else self.onsets(kept, mel)
