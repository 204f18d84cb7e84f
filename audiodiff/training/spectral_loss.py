"""Losses that compare sounds by their spectra, deaf to phase."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.errors import ConfigError
from audiodiff.types import Wave


class MultiResolutionStft(nn.Module):
    """Spectral convergence plus L1 of log magnitudes, averaged over several windows.

    (Arik et al. 2019 and Yamamoto et al. 2020, eq. 4 to 6.) `floor` bounds the magnitudes from below, so that
    digital silence does not dominate.
    """

    def __init__(
        self,
        *,
        n_ffts: tuple[int, ...] = (512, 1024, 2048),
        hop_ratio: float = 0.25,
        floor: float = 1e-4,
    ) -> None:
        super().__init__()
        self.hops = [int(n_fft * hop_ratio) for n_fft in n_ffts]
        self.floor = floor
        self.windows = nn.ParameterList(nn.Parameter(torch.hann_window(n_fft), requires_grad=False) for n_fft in n_ffts)

    def forward(self, wave: Wave, reference: Wave) -> Float[Tensor, ""]:
        losses = [self._one(wave, reference, window, hop) for window, hop in zip(self.windows, self.hops, strict=True)]
        return torch.stack(losses).mean()

    def _one(self, wave: Wave, reference: Wave, window: Tensor, hop: int) -> Float[Tensor, ""]:
        ours, theirs = self._magnitude(wave, window, hop), self._magnitude(reference, window, hop)
        difference = torch.linalg.vector_norm(theirs - ours, dim=(1, 2))
        convergence = difference / torch.linalg.vector_norm(theirs, dim=(1, 2))
        distance = convergence.mean() + (ours.log() - theirs.log()).abs().mean()
        return distance

    def _magnitude(self, wave: Wave, window: Tensor, hop: int) -> Float[Tensor, "batch bins frames"]:
        if wave.shape[-1] <= len(window) // 2:
            raise ConfigError(
                f"{wave.shape[-1]} samples are compared, too few for windows of {len(window)}: raise data.segment, "
                "of which some frames at either end do not count"
            )
        spectrum = torch.stft(wave, len(window), hop, window=window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return power.clamp_min(self.floor**2).sqrt()
