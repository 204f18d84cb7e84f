"""Small critics of waveforms, by periods (Kong et al. 2020, HiFi-GAN) and spectrograms (Jang et al. 2021, UnivNet)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from audiodiff.types import Samples, Wave

SLOPE = 0.1
Maps = list[Float[Tensor, "batch _ _ _"]]
"""The outputs of all layers of one critic; the last one is its judgement."""


class PeriodCritic(nn.Module):
    """Convolutions over the samples that lie `period` apart, each of the period's phases by itself."""

    def __init__(self, *, period: Samples, channels: int, layers: int = 4) -> None:
        super().__init__()
        self.period = period
        widths = [1, *(channels * 2**layer for layer in range(layers))]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (5, 1), stride=(3, 1), padding=(2, 0))) for a, b in pairwise(widths)
        )
        self.output = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, wave: Wave) -> Maps:
        """All maps of [batch, samples]; the end is reflected to whole periods."""
        x = F.pad(wave.unsqueeze(1), (0, -wave.shape[-1] % self.period), mode="reflect")
        return _maps(x.unflatten(2, (-1, self.period)), self.layers, self.output)


class SpectrogramCritic(nn.Module):
    """Convolutions over the log magnitudes of an STFT with a hop of a quarter of its window."""

    window: Tensor

    def __init__(self, *, n_fft: Samples, channels: int, layers: int = 3) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        widths = [1, *(channels * (1 + layer) for layer in range(layers))]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (5, 3), stride=(2, 1), padding=(2, 1))) for a, b in pairwise(widths)
        )
        self.output = weight_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, wave: Wave) -> Maps:
        """All maps of [batch, samples]."""
        n_fft = len(self.window)
        spectrum = torch.stft(wave, n_fft, n_fft // 4, window=self.window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return _maps(power.clamp_min(1e-8).log().unsqueeze(1) / 4, self.layers, self.output)


class Critics(nn.Module):
    """Several critics side by side."""

    def __init__(
        self,
        *,
        periods: Sequence[Samples] = (2, 3, 5, 7, 11),
        n_ffts: Sequence[Samples] = (1024, 512, 128),
        channels: int = 16,
    ) -> None:
        super().__init__()
        by_period = [PeriodCritic(period=period, channels=channels) for period in periods]
        by_spectrum = [SpectrogramCritic(n_fft=n_fft, channels=channels) for n_fft in n_ffts]
        self.critics = nn.ModuleList([*by_period, *by_spectrum])

    def forward(self, wave: Wave) -> list[Maps]:
        """The maps of every critic."""
        return [critic(wave) for critic in self.critics]


def critic_loss(real: list[Maps], fake: list[Maps]) -> Float[Tensor, ""]:
    """Least squares: recordings are to be judged 1, generated waveforms 0 (Mao et al. 2017)."""
    losses = [(1 - r[-1]).square().mean() + f[-1].square().mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(losses).mean()


def generator_loss(fake: list[Maps]) -> Float[Tensor, ""]:
    """Least squares: generated waveforms are to be judged 1."""
    return torch.stack([(1 - maps[-1]).square().mean() for maps in fake]).mean()


def feature_matching(real: list[Maps], fake: list[Maps]) -> Float[Tensor, ""]:
    """Mean distance of the maps before the judgement, relative to their size (Kumar et al. 2019)."""
    pairs = [pair for r, f in zip(real, fake, strict=True) for pair in zip(r[:-1], f[:-1], strict=True)]
    return torch.stack([(a.detach() - b).abs().mean() / (a.detach().abs().mean() + 1e-6) for a, b in pairs]).mean()


def _maps(x: Tensor, layers: nn.ModuleList, output: nn.Module) -> Maps:
    found = []
    for layer in layers:
        x = F.leaky_relu(layer(x), SLOPE)
        found.append(x)
    return [*found, output(x)]
