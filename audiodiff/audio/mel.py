"""From waveforms to mel spectrograms, in any convention that a `MelSpec` can describe."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.audio.compression import MelCompression
from audiodiff.audio.filterbank import mel_filterbank
from audiodiff.audio.framing import edge_padding
from audiodiff.audio.spec import MelSpec
from audiodiff.errors import AudioError
from audiodiff.types import Mel, Wave

__all__ = ["MelSpec", "MelSpectrogram"]

Magnitude = Float[Tensor, "batch bins frames"]


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
        return self.compression(self.filters @ self.magnitude(self.stft(wave)))

    def stft(self, wave: Wave) -> Complex[Tensor, "batch bins frames"]:
        """The complex STFT of the padded waveform."""
        spec = self.spec
        padding = edge_padding(spec.n_fft, spec.hop_length, spec.framing)
        shortest = padding + 1 if spec.pad_mode == "reflect" else max(1, spec.n_fft - 2 * padding)
        if wave.shape[-1] < shortest:
            raise AudioError(
                f"a waveform of {wave.shape[-1]} samples is too short for a mel with n_fft {spec.n_fft}: "
                f"at least {shortest} samples are needed"
            )
        padded = F.pad(wave.to(self.window.dtype), (padding, padding), mode=spec.pad_mode)
        return torch.stft(
            padded,
            spec.n_fft,
            spec.hop_length,
            spec.win_length,
            self.window,
            center=False,
            return_complex=True,
        )

    def magnitude(self, stft: Complex[Tensor, "batch bins frames"]) -> Magnitude:
        """|X|^power; without epsilon and floor its gradient at 0 is 0, not NaN."""
        spec = self.spec
        if spec.magnitude_epsilon == spec.magnitude_floor == 0:
            return stft.abs().pow(spec.power)
        energy = stft.real.square() + stft.imag.square() + spec.magnitude_epsilon
        return energy.clamp(min=spec.magnitude_floor**2).pow(spec.power / 2)


def analysis_window(spec: MelSpec) -> Float[Tensor, " win_length"]:
    """The Hann window, already divided by the root of its energy where the convention asks for it."""
    window = torch.hann_window(spec.win_length, periodic=spec.periodic, dtype=torch.float64)
    if spec.stft_norm == "window":
        window = window / window.square().sum().sqrt()
    return window.float()
