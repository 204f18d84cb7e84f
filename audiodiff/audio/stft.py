"""A short-time Fourier transform whose frames line up with those of a mel spectrogram."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.audio.framing import FrameLayout, edge_padding
from audiodiff.errors import ConfigError
from audiodiff.types import Samples, Wave

Spectrum = Complex[Tensor, "batch bins frames"]


class Stft(nn.Module):
    """Hann-windowed STFT of `hop_length · frames` samples into exactly `frames` frames, and its inverse.

    Frames lie where the frames of `mel` lie (with `framing="center"` without the one frame more at the end).
    Beyond both ends the signal counts as zero, so a frame depends on `n_fft` samples and on nothing else.
    """

    window: Tensor

    def __init__(self, mel: FrameLayout) -> None:
        super().__init__()
        if mel.hop_length > mel.win_length // 2:
            raise ConfigError(
                f"hop_length {mel.hop_length} is too long for win_length {mel.win_length}: "
                "frames must overlap by half at least, or the waveform cannot be put together again"
            )
        self.n_fft, self.win_length, self.hop_length = mel.n_fft, mel.win_length, mel.hop_length
        self.left = edge_padding(mel.n_fft, mel.hop_length, mel.framing)
        self.segments = -(-mel.n_fft // mel.hop_length)
        margin = mel.n_fft - mel.win_length
        window = F.pad(torch.hann_window(mel.win_length), (margin // 2, margin - margin // 2))
        self.register_buffer("window", window, persistent=False)
        self.noise_magnitude = window.square().sum().sqrt().item()
        """Root mean square magnitude of a bin when the input is standard normal noise."""

    @property
    def bins(self) -> int:
        """Number of frequency bins, n_fft / 2 + 1."""
        return self.n_fft // 2 + 1

    @property
    def radius(self) -> Samples:
        """Receptive radius of a transform and its inverse: frames that hold a sample hold none further away.

        The first value of a Hann window is zero, so a frame of `win_length` holds one sample less.
        """
        return self.win_length - 2

    def radius_around(self, inner: Samples) -> Samples:
        """Receptive radius of what lies between two pairs of transform and inverse, and itself sees `inner` samples.

        A sample shares a frame with others, they see more, and these share a frame with others again; the last of all
        frames begins at a whole hop.
        """
        return (self.radius + inner) // self.hop_length * self.hop_length + self.radius

    def reach(self, before: Samples, after: Samples) -> tuple[Samples, Samples]:
        """Samples before the start of a hop and after its end that the samples that near to it share frames with.

        A frame begins at a fixed place of a hop, so this is less than `radius` more.
        """
        first = (self.n_fft - self.win_length) // 2 - self.left + 1  # of frame 0, whose window begins with a zero
        last = first + self.win_length - 2
        earliest, latest = -((before + last) // self.hop_length), (after - 1 - first) // self.hop_length
        return -(earliest * self.hop_length + first), latest * self.hop_length + last + 1

    def forward(self, wave: Wave) -> Spectrum:
        """Transform; the number of samples must be a multiple of `hop_length`."""
        right = self.n_fft - self.hop_length - self.left
        padded = F.pad(wave, (self.left, right))
        return torch.stft(padded, self.n_fft, self.hop_length, window=self.window, center=False, return_complex=True)

    def inverse(self, spectrum: Spectrum, norm: Float[Tensor, " samples"] | None = None) -> Wave:
        """Least-squares inverse (Griffin & Lim 1984, eq. 6); pass `norm` when calling often."""
        frames = torch.fft.irfft(spectrum.mT, n=self.n_fft) * self.window
        norm = self.window_sum(spectrum.shape[-1]) if norm is None else norm
        return self._overlap_add(frames) / norm

    def window_sum(self, n_frames: int) -> Float[Tensor, " samples"]:
        """Sum of the squared windows at every sample: what overlap-add has to be divided by."""
        squares = self.window.square().expand(1, n_frames, -1)
        return self._overlap_add(squares)[0].clamp_min(1e-8)

    def overlapped(
        self, frames: Float[Tensor, "*batch frames n_fft"], past: Float[Tensor, " overlap"]
    ) -> Float[Tensor, "*batch samples"]:
        """Lay frames over one another, on top of the `segments` - 1 hops that earlier ones have left."""
        *batch, n_frames, _ = frames.shape
        if rest := self.segments * self.hop_length - self.n_fft:
            frames = F.pad(frames, (0, rest))
        pieces = frames.reshape(*batch, n_frames, self.segments, self.hop_length)
        wave = F.pad(pieces[..., 0, :], (0, 0, 0, self.segments - 1))
        wave[..., : self.segments - 1, :] += past.view(-1, self.hop_length)
        for k in range(1, self.segments):
            wave[..., k : k + n_frames, :] += pieces[..., k, :]
        return wave.flatten(-2)

    def _overlap_add(self, frames: Float[Tensor, "batch frames n_fft"]) -> Wave:
        nothing = frames.new_zeros((self.segments - 1) * self.hop_length)
        n_samples = frames.shape[1] * self.hop_length
        return self.overlapped(frames, nothing)[:, self.left : self.left + n_samples]
