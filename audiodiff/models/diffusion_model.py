"""A denoiser and its prior together: what is trained, kept in a bundle and sampled from."""

from collections.abc import Iterator
from typing import Protocol, TypedDict, runtime_checkable

import torch
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Denoiser, Sampler, Times
from audiodiff.errors import ConfigError
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel, Noise, Samples, Wave


class SamplingPlan(TypedDict):
    """A sampler and its grid."""

    sampler: Sampler
    times: Times


@runtime_checkable
class Means(Protocol):
    """The mean of one mel, frame by frame at most `lag` frames later than the mel."""

    lag: int

    def feed(self, mel: Mel) -> Wave:
        """Take the next frames [1, n_mels, frames], return the whole hops [1, samples] that are ready."""
        ...

    def flush(self) -> Wave:
        """Return the rest."""
        ...


@runtime_checkable
class Prior(Protocol):
    """A distribution to start from, and the units in which the diffusion works."""

    def condition(self, mel: Mel) -> Conditioning:
        """Condition of the network for this mel."""
        ...

    def encode(self, x: Wave, cond: Conditioning) -> Wave:
        """From a waveform to what the diffusion works on."""
        ...

    def decode(self, r: Wave, cond: Conditioning) -> Wave:
        """The inverse of `encode`, which like it looks at one sample at a time."""
        ...

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """From white noise to this prior's noise."""
        ...


@runtime_checkable
class LocalPrior(Prior, Protocol):
    """A prior that can be had for a mel in pieces, since what it does at a frame depends on those around it alone."""

    @property
    def radius(self) -> Samples:
        """Receptive radius of the shaped noise, see `DiffusionModel.radius`."""
        ...

    def means(self) -> Means | None:
        """Begin with the mean of one mel that comes in pieces; None where there is no mean."""
        ...


@runtime_checkable
class ScaledPrior(LocalPrior, Protocol):
    """A prior whose noise is as loud in every bin of a short STFT as it has learnt, which networks may look at."""

    def scale(self, mel: Mel) -> Tensor:
        """Root mean square magnitudes of the noise, [batch, bins, frames of the short STFT]."""
        ...


class DiffusionModel(nn.Module):
    """A conditional diffusion over waveforms: `denoiser` works in the units of `prior`, mels are those of `mel`."""

    def __init__(self, *, mel: MelSpec, denoiser: Denoiser, prior: Prior) -> None:
        super().__init__()
        self.mel = mel
        self.denoiser = denoiser
        self.prior = prior

    @property
    def radius(self) -> Samples:
        """Receptive radius of the network: how far to either side its input counts, be it samples or frames there.

        Raises `ConfigError` if the network does not say.
        """
        return radius_of(self.denoiser.network)

    @property
    def receptive_field(self) -> Samples:
        """Length of the stretch that a sample of the network's output depends on, itself in its middle."""
        return 2 * self.radius + 1

    def frames_around(self, radius: Samples) -> int:
        """Number of frames to either side of its own that a frame's samples depend on, given their receptive radius."""
        return -(-radius // self.mel.hop_length)

    def start_scale(self, times: Times) -> Tensor:
        """The factor on the prior's noise at times[0], as if clean audio had unit variance: alpha² + sigma²."""
        schedule = self.denoiser.schedule
        return torch.hypot(schedule.alpha(times[0]), schedule.sigma(times[0]))

    def steps(self, mel: Mel, *, sampler: Sampler, times: Times, noise: Noise) -> Iterator[Wave]:
        """Sample along the grid and yield the waveform after every step; the last one is the result."""
        cond = self.prior.condition(mel)

        def shaped(x: Tensor) -> Tensor:
            return self.prior.shape(noise(x), cond)

        like = torch.empty(len(mel), mel.shape[-1] * self.mel.hop_length, device=mel.device, dtype=mel.dtype)
        x = self.start_scale(times) * shaped(like)
        for state in sampler(self.denoiser.bind(cond), self.denoiser.schedule, x, times, shaped):
            yield self.prior.decode(state, cond)

    @torch.no_grad()
    def generate(self, mel: Mel, *, sampler: Sampler, times: Times, noise: Noise) -> Wave:
        """Return `hop_length · frames` samples for every mel of the batch."""
        *_, wave = self.steps(mel, sampler=sampler, times=times, noise=noise)
        return wave


def radius_of(network: nn.Module) -> Samples:
    """The receptive radius of a network; raises `ConfigError` if it does not say."""
    radius = getattr(network, "radius", None)
    if not isinstance(radius, int):
        raise ConfigError(f"{type(network).__name__} does not say how far it sees: give it a `radius` in samples")
    return radius
