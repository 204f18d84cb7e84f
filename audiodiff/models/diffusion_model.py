"""A denoiser and its prior together: what is trained, kept in a bundle and sampled from."""

from collections.abc import Iterator
from typing import Protocol, TypedDict, runtime_checkable

import torch
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Denoiser, Sampler, Times
from audiodiff.errors import ConfigError
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel, Noise, Wave


class Walk(TypedDict):
    """Which sampler walks which grid."""

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
    """Where sampling starts, and in which units the diffusion works."""

    def condition(self, mel: Mel) -> Conditioning:
        """What the network is told about this mel."""
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
    def reach(self) -> int:
        """How many frames to either side of its own frame a sample of the shaped noise depends on."""
        ...

    def means(self) -> Means | None:
        """Begin with the mean of one mel that comes in pieces; None where there is no mean."""
        ...


class DiffusionModel(nn.Module):
    """A conditional diffusion over waveforms: `denoiser` works in the units of `prior`, mels are those of `mel`."""

    def __init__(self, *, mel: MelSpec, denoiser: Denoiser, prior: Prior) -> None:
        super().__init__()
        self.mel = mel
        self.denoiser = denoiser
        self.prior = prior

    @property
    def reach(self) -> int:
        """How many frames to either side the network sees at every call; `ConfigError` if it does not say."""
        reach = getattr(self.denoiser.network, "reach", None)
        if not isinstance(reach, int):
            raise ConfigError(f"{type(self.denoiser.network).__name__} does not say how far it sees: give it a `reach`")
        return reach

    def start_scale(self, times: Times) -> Tensor:
        """The factor on the prior's noise at times[0], as if clean audio had unit variance: alpha² + sigma²."""
        schedule = self.denoiser.schedule
        return torch.hypot(schedule.alpha(times[0]), schedule.sigma(times[0]))

    def steps(self, mel: Mel, *, sampler: Sampler, times: Times, noise: Noise) -> Iterator[Wave]:
        """Walk the grid and yield the waveform after every step; the last one is the result."""
        cond = self.prior.condition(mel)

        def shaped(x: Tensor) -> Tensor:
            return self.prior.shape(noise(x), cond)

        like = torch.empty(len(mel), mel.shape[-1] * self.mel.hop_length, device=mel.device)
        x = self.start_scale(times) * shaped(like)
        for state in sampler(self.denoiser.bind(cond), self.denoiser.schedule, x, times, shaped):
            yield self.prior.decode(state, cond)

    @torch.no_grad()
    def generate(self, mel: Mel, *, sampler: Sampler, times: Times, noise: Noise) -> Wave:
        """Return `hop_length · frames` samples for every mel of the batch."""
        *_, wave = self.steps(mel, sampler=sampler, times=times, noise=noise)
        return wave
