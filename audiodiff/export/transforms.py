"""The short-time Fourier transform as real convolutions, for runtimes that know neither FFTs nor complex numbers."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.audio.stft import Stft
from audiodiff.types import Wave

Folded = Float[Tensor, "batch channels frames"]
"""A spectrum in the order in which it is computed: bin row + n_rows·column, channels counting columns within
real and imaginary parts within rows. Only rows up to the middle are kept; bins above half of n_fft, and those
below it whose row is missing, are each other's complex conjugates."""
RealPair = Float[Tensor, "batch 2*bins frames"]
"""A spectrum in its usual order: the real parts of all bins, then the imaginary parts."""


class ConvolutionStft(nn.Module):
    """`Stft` as two grouped convolutions each way (Cooley & Tukey 1965, with one twiddled stage).

    With n_fft = n_rows · n_columns and sample n = n_columns·a + c, the sum over a is a convolution along every
    n_columns-th sample that also applies the window, and the sum over c a matrix for each row. For n_fft 1024
    and hop 256 that takes a tenth of the multiplications of one convolution with 1024 taps. Tensors have the
    precision of the window.
    """

    first: Tensor
    second: Tensor
    second_inverse: Tensor
    squared_window: Tensor
    by_row: Tensor
    by_column: Tensor
    order: Tensor
    order_sign: Tensor
    fold_order: Tensor
    fold_sign: Tensor

    def __init__(self, stft: Stft) -> None:
        super().__init__()
        self.n_fft, self.hop_length, self.left = stft.n_fft, stft.hop_length, stft.left
        self.bins = stft.bins
        self.n_columns = best_columns(stft.n_fft, stft.hop_length)
        self.n_rows = stft.n_fft // self.n_columns
        self.kept = self.n_rows // 2 + 1
        window = stft.window.double()
        first, second = self._stages(window)
        row = torch.arange(self.kept)
        # Of the bins only half are kept; the mirrored half adds the same again, but for rows that mirror themselves.
        doubled = torch.where(2 * row % self.n_rows == 0, 1.0, 2.0) / self.n_fft
        channels = torch.arange(2 * self.kept * self.n_columns)
        order, order_sign = self._usual_order()
        fold_order, fold_sign = self._folded_order()
        tensors = {
            "first": first,
            "second": second.flatten(0, 1).unsqueeze(-1),
            "second_inverse": (second * doubled[:, None, None]).mT.flatten(0, 1).unsqueeze(-1),
            "squared_window": window.square()[None, None],
            "by_row": channels.reshape(self.n_columns, -1).mT.flatten(),
            "by_column": channels.reshape(-1, self.n_columns).mT.flatten(),
            "order": order,
            "order_sign": order_sign,
            "fold_order": fold_order,
            "fold_sign": fold_sign,
        }
        for name, tensor in tensors.items():
            tensor = tensor.to(stft.window.dtype) if tensor.is_floating_point() else tensor
            self.register_buffer(name, tensor.contiguous(), persistent=False)

    def forward(self, wave: Wave) -> Folded:
        """Transform `hop_length · frames` samples."""
        padded = F.pad(wave, (self.left, self.n_fft - self.hop_length - self.left))
        # Every column is its own group, so no sample is multiplied with another column's kernel.
        columns = padded.unflatten(1, (-1, self.n_columns)).mT.contiguous()
        x = F.conv1d(columns, self.first, stride=self.hop_length // self.n_columns, groups=self.n_columns)
        return F.conv1d(x.index_select(1, self.by_row), self.second, groups=self.kept)

    def inverse(self, spectrum: Folded, norm: Float[Tensor, " samples"]) -> Wave:
        """Least-squares inverse, divided by the `window_sum`."""
        x = F.conv1d(spectrum, self.second_inverse, groups=self.kept)
        stride = self.hop_length // self.n_columns
        columns = F.conv_transpose1d(
            x.index_select(1, self.by_column), self.first, stride=stride, groups=self.n_columns
        )
        return self._trim(columns.mT.flatten(1), spectrum) / norm

    def window_sum(self, heard: Float[Tensor, "1 1 frames"]) -> Float[Tensor, " samples"]:
        """Sum of the squared windows at every sample, of the frames at which `heard` is 1 and not 0."""
        summed = F.conv_transpose1d(heard, self.squared_window, stride=self.hop_length)
        return self._trim(summed.flatten(1), heard)[0].clamp_min(1e-8)

    def usual(self, spectrum: Folded) -> RealPair:
        """Put the bins in their usual order."""
        return spectrum.index_select(1, self.order) * self.order_sign

    def folded(self, spectrum: RealPair) -> Folded:
        """Put the bins in the order in which they are computed."""
        return spectrum.index_select(1, self.fold_order) * self.fold_sign

    def spread(self, magnitudes: Float[Tensor, "batch bins frames"]) -> Folded:
        """The same number for both parts of a bin, in the order in which spectra are computed."""
        return magnitudes.index_select(1, self.fold_order % self.bins)

    def _trim(self, wave: Wave, spectrum: Folded) -> Wave:
        return wave[:, self.left : self.left + spectrum.shape[-1] * self.hop_length]

    def _stages(self, window: Tensor) -> tuple[Tensor, Tensor]:
        """The kernels of the convolution along the rows, and for every row the matrix across the columns."""
        rows, columns, kept = (torch.arange(n).double() for n in (self.n_rows, self.n_columns, self.kept))
        # W_n^(k·n) with n = columns·a + c is W_rows^(k·a) times W_n^(k·c): the first along rows, the second across.
        angle = -2 * math.pi / self.n_rows * torch.outer(kept, rows)
        kernel = torch.stack([angle.cos(), angle.sin()], dim=1)
        windows = window.reshape(self.n_rows, self.n_columns).mT
        first = (kernel * windows[:, None, None, :]).reshape(-1, 1, self.n_rows)
        bins = kept[:, None] + self.n_rows * columns
        angle = -2 * math.pi / self.n_fft * bins.unsqueeze(-1) * columns
        cosine, sine = angle.cos(), angle.sin()
        second = torch.cat([torch.cat([cosine, -sine], dim=2), torch.cat([sine, cosine], dim=2)], dim=1)
        return first, second

    def _usual_order(self) -> tuple[Tensor, Tensor]:
        """For every entry of a `RealPair` its place in the flattened `Folded`, and its sign."""
        k = torch.arange(self.bins)
        mirrored = k % self.n_rows >= self.kept
        source = torch.where(mirrored, self.n_fft - k, k)  # the conjugate: same real part, other sign below
        real = 2 * self.n_columns * (source % self.n_rows) + source // self.n_rows
        sign = torch.where(mirrored, -1.0, 1.0)
        return torch.cat([real, real + self.n_columns]), torch.cat([sign.abs(), sign]).unsqueeze(-1)

    def _folded_order(self) -> tuple[Tensor, Tensor]:
        """For every entry of a flattened `Folded` its place in a `RealPair`, and its sign."""
        k = torch.arange(self.kept).unsqueeze(-1) + self.n_rows * torch.arange(self.n_columns)
        mirrored = k >= self.bins
        source = torch.where(mirrored, self.n_fft - k, k)
        sign = torch.where(mirrored, -1.0, 1.0)
        order = torch.stack([source, source + self.bins], dim=1).flatten()
        return order, torch.stack([sign.abs(), sign], dim=1).flatten().unsqueeze(-1)


def best_columns(n_fft: int, hop_length: int) -> int:
    """The number of columns that takes the fewest multiplications; a hop must be a whole number of rows."""
    shared = math.gcd(n_fft, hop_length)
    divisors = [n for n in range(1, shared + 1) if shared % n == 0]
    return min(divisors, key=lambda columns: n_fft // columns + 2 * columns)
