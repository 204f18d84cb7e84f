"""From waveforms to mel spectrograms, in any convention that a `MelSpec` can describe."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.audio.framing import edge_padding
from audiodiff.errors import AudioError
from audiodiff.mel.compression import MelCompression
from audiodiff.mel.filterbank import mel_filterbank
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel, Wave

_Spectrum = Complex[Tensor, "batch bins frames"]
Magnitude = Float[Tensor, "batch bins frames"]

FRAMES_AT_ONCE = 8192
"""Frames that are transformed at a time, which bounds the memory that long recordings take."""


class MelSpectrogram(nn.Module):
    """The front-end that `spec` describes, differentiable: waveforms in [-1, 1] to mels."""

    window: Tensor
    filters: Tensor

    def __init__(self, spec: MelSpec) -> None:
        super().__init__()
        self.spec = spec
        self.register_buffer("window", analysis_window(spec), persistent=False)
        self.register_buffer("filters", mel_filterbank(spec), persistent=False)
        self.compression = MelCompression(spec)

    def forward(self, wave: Wave) -> Mel:
        """The mel of each waveform; raises `AudioError` for one that is too short to be padded."""
        padded = self.padded(wave)
        n_frames = 1 + (padded.shape[-1] - self.spec.n_fft) // self.spec.hop_length
        starts = range(0, n_frames, FRAMES_AT_ONCE)
        pieces = (self.samples_of(padded, start, min(start + FRAMES_AT_ONCE, n_frames)) for start in starts)
        blocks = [self.filters @ self.magnitude(self.transform(piece)) for piece in pieces]
        return self.compression(torch.cat(blocks, dim=-1))

    def seen(self, wave: Wave) -> Float[Tensor, "batch n_fft frames"]:
        """The samples of the padded waveform in every frame."""
        return self.padded(wave).unfold(-1, self.spec.n_fft, self.spec.hop_length).mT

    def of_seen(self, seen: Float[Tensor, "batch n_fft frames"]) -> Mel:
        """The mel of frames by what they see, whichever they are but the last, which some conventions treat apart."""
        missing = self.spec.n_fft - self.spec.win_length
        window = F.pad(self.window, (missing // 2, missing - missing // 2))
        spectrum = torch.fft.rfft(seen * window[:, None], dim=1)
        return self.compression.of_frames(self.filters @ self.magnitude(spectrum))

    def stft(self, wave: Wave) -> _Spectrum:
        """The complex STFT whose magnitudes the mel is made of."""
        return self.transform(self.padded(wave))

    def padded(self, wave: Wave) -> Wave:
        """The waveform with what the convention adds to its ends."""
        spec = self.spec
        padding = edge_padding(spec.n_fft, spec.hop_length, spec.framing)
        shortest = padding + 1 if spec.pad_mode == "reflect" else max(1, spec.n_fft - 2 * padding)
        if wave.shape[-1] < shortest:
            raise AudioError(
                f"a waveform of {wave.shape[-1]} samples is too short for a mel with n_fft {spec.n_fft}: "
                f"at least {shortest} samples are needed"
            )
        return F.pad(wave.to(self.window.dtype), (padding, padding), mode=spec.pad_mode)

    def samples_of(self, padded: Wave, start: int, end: int) -> Wave:
        """The stretch of a padded waveform that the frames from `start` to `end` see."""
        hop_length = self.spec.hop_length
        return padded[:, start * hop_length : (end - 1) * hop_length + self.spec.n_fft]

    def transform(self, padded: Wave) -> _Spectrum:
        """The STFT of a padded waveform."""
        spec = self.spec
        return torch.stft(
            padded, spec.n_fft, spec.hop_length, spec.win_length, self.window, center=False, return_complex=True
        )

    def magnitude(self, stft: _Spectrum) -> Magnitude:
        """|X|^power; without epsilon and floor its gradient at 0 is 0, not NaN."""
        spec = self.spec
        if spec.magnitude_epsilon == spec.magnitude_floor == 0:
            return stft.abs() if spec.power == 1 else stft.abs().square()
        energy = stft.real.square() + stft.imag.square() + spec.magnitude_epsilon
        return energy.clamp(min=spec.magnitude_floor**2).pow(spec.power / 2)


def analysis_window(spec: MelSpec) -> Float[Tensor, " win_length"]:
    """The Hann window, already divided by the root of its energy where the convention asks for it."""
    window = torch.hann_window(spec.win_length, periodic=spec.periodic, dtype=torch.float64, device="cpu")
    if spec.stft_norm == "window":
        window = window / window.square().sum().sqrt()
    return window.float()
