"""`MelSpec`: everything that two mel front-ends can disagree on, as one value to compare and to store."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from audiodiff.audio.framing import Framing, frame_count
from audiodiff.errors import ConfigError
from audiodiff.types import Hertz, Samples

MelScale = Literal["slaney", "htk"]
PadMode = Literal["reflect", "constant"]
LogBase = Literal["e", "10"]
FloorMode = Literal["clamp", "add"]
StftNorm = Literal["window"]
LastFrame = Literal["keep", "drop"]

HTK_CORNER = 700.0

FINE_PRINT = frozenset({"magnitude_epsilon", "magnitude_floor", "periodic", "framing", "pad_mode", "last_frame"})
"""Fields of a spec that change its values a little, or at the edges only, or that move the frames by half a hop."""
FLOORS = frozenset({"floor", "floor_mode", "silence"})
"""Fields of a spec that only say what becomes of the quietest values."""


@dataclass(frozen=True, kw_only=True)
class MelSpec:
    """A mel convention: how a waveform in [-1, 1] becomes a [n_mels, frames] array.

    With X the STFT of the padded waveform and F the filterbank, the stored value is

        clamp( (gain * log_base( max( F |X|^power, floor ) ) - shift) / scale, *range )      or F |X|^power + floor
        |X| = sqrt( max( re^2 + im^2 + magnitude_epsilon, magnitude_floor^2 ) )

    Frequencies are in hertz, lengths in samples; `f_max=None` means half the sample rate. `shift` and `scale`
    are one number or one per band. Raises `ConfigError` for values that cannot work together.
    """

    sample_rate: Hertz
    n_fft: Samples
    win_length: Samples
    hop_length: Samples
    n_mels: int
    f_min: float = 0.0
    f_max: float | None = None
    mel_scale: MelScale = "slaney"
    htk_corner: float = HTK_CORNER
    """Hertz at which the HTK scale turns logarithmic; a filterbank made for another sample rate stretches it."""
    mel_norm: Literal["slaney"] | None = "slaney"
    """"slaney": every filter has unit area; None: every filter peaks at 1."""
    power: Literal[1, 2] = 1
    magnitude_epsilon: float = 0.0
    magnitude_floor: float = 0.0
    log_base: LogBase = "e"
    gain: float = 1.0
    """1 for plain logarithms, 20 for decibels of a magnitude."""
    floor: float = 1e-5
    floor_mode: FloorMode = "clamp"
    """"clamp": no band value is below the floor; "add": the floor is added to every one."""
    silence: float | None = None
    """Value for log 0 where nothing bounds the mel from below (`floor=0`)."""
    shift: float | tuple[float, ...] = 0.0
    scale: float | tuple[float, ...] = 1.0
    range: tuple[float, float] | None = None
    periodic: bool = True
    """Kind of the Hann window: periodic (torch, scipy `fftbins=True`) or symmetric."""
    framing: Framing = "center"
    """"center": frame t is centred on sample t * hop; "same": half a hop later, and one frame fewer."""
    pad_mode: PadMode = "reflect"
    stft_norm: StftNorm | None = None
    """"window": the STFT is divided by the root of the window's energy (torchaudio's `normalized=True`)."""
    last_frame: LastFrame | float = "keep"
    """Treatment of the last frame; a number is written over it."""

    def __post_init__(self) -> None:
        for name in ("shift", "scale", "range"):
            value = getattr(self, name)
            if isinstance(value, Sequence):
                object.__setattr__(self, name, tuple(float(number) for number in value))
        self._check_lengths()
        self._check_choices()
        self._check_band()
        self._check_values()
        if self.f_max == self.sample_rate / 2:
            object.__setattr__(self, "f_max", None)

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    @property
    def f_top(self) -> float:
        """The upper edge of the filterbank in hertz: `f_max`, or half the sample rate."""
        return self.sample_rate / 2 if self.f_max is None else self.f_max

    def frames_of(self, n_samples: Samples) -> int:
        """Number of frames of a waveform of `n_samples`."""
        return frame_count(n_samples, self.hop_length, self.framing) - (self.last_frame == "drop")

    def to_dict(self) -> dict[str, Any]:
        """The constructor arguments as plain JSON values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "MelSpec":
        """Rebuild a spec from `to_dict`; raises `ConfigError` for unknown or missing fields."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ConfigError(
                f"a mel spec has no field {', '.join(unknown)}; its fields are {', '.join(sorted(known))}"
            )
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"not a mel spec: {error}") from error

    def _check_lengths(self) -> None:
        for name in ("sample_rate", "n_fft", "win_length", "hop_length", "n_mels"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} must be a whole number above 0, got {value!r}")
        if not self.hop_length <= self.win_length <= self.n_fft:
            raise ConfigError(
                f"hop_length {self.hop_length} <= win_length {self.win_length} <= n_fft {self.n_fft} must "
                "hold: a longer hop skips samples, a longer window does not fit the FFT"
            )
        if self.n_fft % 2:
            raise ConfigError(f"n_fft must be even, got {self.n_fft}")
        if self.framing == "same" and (self.n_fft - self.hop_length) % 2:
            raise ConfigError(
                f'framing "same" pads (n_fft - hop_length) / 2 samples, but {self.n_fft} - {self.hop_length} '
                'is odd: choose an even hop_length or framing "center"'
            )

    def _check_choices(self) -> None:
        choices = {
            "mel_scale": get_args(MelScale),
            "mel_norm": ("slaney", None),
            "power": (1, 2),
            "log_base": get_args(LogBase),
            "floor_mode": get_args(FloorMode),
            "periodic": (True, False),
            "framing": get_args(Framing),
            "pad_mode": get_args(PadMode),
            "stft_norm": ("window", None),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                listed = ", ".join(repr(choice) for choice in allowed)
                raise ConfigError(f"{name} must be one of {listed}; got {getattr(self, name)!r}")
        if isinstance(self.last_frame, str) and self.last_frame not in get_args(LastFrame):
            raise ConfigError(f'last_frame must be "keep", "drop" or a number, got {self.last_frame!r}')

    def _check_band(self) -> None:
        nyquist = self.sample_rate / 2
        if not 0 <= self.f_min < self.f_top <= nyquist:
            raise ConfigError(
                f"the mel bands must lie within 0 <= f_min < f_max <= {nyquist:g} Hz (half of sample_rate "
                f"{self.sample_rate}), got f_min {self.f_min:g} and f_max {self.f_top:g}"
            )
        if not 0 < self.htk_corner < math.inf or (self.mel_scale != "htk" and self.htk_corner != HTK_CORNER):
            raise ConfigError(
                f'htk_corner must be above 0 Hz, and belongs to mel_scale "htk"; got {self.htk_corner:g} beside '
                f'mel_scale "{self.mel_scale}"'
            )

    def _check_values(self) -> None:
        for name in ("floor", "magnitude_epsilon", "magnitude_floor"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be 0 or a positive number, got {getattr(self, name)!r}")
        if self.floor == 0 and self.silence is None:
            raise ConfigError("floor 0 leaves log(0) undefined: set floor, or say in `silence` what replaces it")
        if self.floor == 0 and self.floor_mode == "add":
            raise ConfigError('floor_mode "add" needs a floor to be added, got floor 0')
        if not math.isfinite(self.gain) or self.gain == 0:
            raise ConfigError(f"gain must be finite and not 0, got {self.gain}")
        for name in ("shift", "scale"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != self.n_mels:
                raise ConfigError(f"{name} has {len(value)} values for {self.n_mels} bands")
            numbers = value if isinstance(value, tuple) else (value,)
            if not all(math.isfinite(number) for number in numbers) or (name == "scale" and 0 in numbers):
                raise ConfigError(f"{name} must be finite{' and not 0' * (name == 'scale')}, got {value!r}")
        if self.range is not None and not (len(self.range) == 2 and self.range[0] < self.range[1]):
            raise ConfigError(f"range must be (lowest, highest), got {self.range!r}")
