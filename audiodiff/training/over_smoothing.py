"""Mels smoothed for training, as regression to a mean does it: averaged over bands, over frames, with errors."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.data.perturbation import NaturalLogMel, add_noise

SmoothingKernel = Float[Tensor, " taps"]


class OverSmoothing(nn.Module):
    """Draw for every mel by itself a kernel over its bands, one over its frames, noise, or nothing of it all.

    A kernel is an average of neighbours or a Gaussian, of standard deviations up to `bands` and `frames`; an average
    over one neighbour to either side has 0.8, over two 1.4. `noise` is in nepers, at most. A share of `untouched` mels
    stay as they are.
    """

    def __init__(self, *, bands: float = 1.5, frames: float = 1.2, noise: float = 0.4, untouched: float = 0.45) -> None:
        super().__init__()
        self.bands, self.frames, self.noise, self.untouched = bands, frames, noise, untouched

    def forward(self, log_mels: Float[Tensor, "batch n_mels frames"]) -> Float[Tensor, "batch n_mels frames"]:
        """Smooth levels in nepers, all finite."""
        return torch.stack([self._one(one) for one in log_mels])

    def _one(self, log_mel: NaturalLogMel) -> NaturalLogMel:
        if torch.rand(()) < self.untouched:
            return log_mel
        over_bands, over_frames, noisy = (torch.rand(3) < torch.tensor([0.6, 0.4, 0.35])).tolist()
        if over_bands or not (over_frames or noisy):
            log_mel = smoothed(log_mel.mT, drawn_kernel(self.bands)).mT
        if over_frames:
            log_mel = smoothed(log_mel, drawn_kernel(self.frames))
        return add_noise(log_mel, self.noise * float(torch.rand(()))) if noisy else log_mel


def drawn_kernel(widest: float) -> SmoothingKernel:
    """An average over one neighbour to either side or two, or a Gaussian of a standard deviation below `widest`."""
    shape, width = torch.rand(2).tolist()
    if shape < 0.4:
        reach = 2 if width < 0.5 and widest >= 2**0.5 else 1
        return torch.full((2 * reach + 1,), 1 / (2 * reach + 1))
    deviation = widest * (0.3 + 0.7 * width)
    reach = int(3 * deviation) + 1
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation).square())
    return kernel / kernel.sum()


def smoothed(log_mel: NaturalLogMel, kernel: SmoothingKernel) -> NaturalLogMel:
    """Convolve over the last dimension, whose ends repeat."""
    reach = len(kernel) // 2
    padded = F.pad(log_mel.unsqueeze(1), (reach, reach), mode="replicate")
    return F.conv1d(padded, kernel.to(log_mel).view(1, 1, -1)).squeeze(1)
