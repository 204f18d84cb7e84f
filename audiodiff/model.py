"""A denoiser and its prior together: what is trained, kept in a bundle and sampled from."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from audiodiff.audio.spec import MelSpec
from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Denoiser, Sampler, Times
from audiodiff.types import Mel, Noise, Wave


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
        """The inverse of `encode`."""
        ...

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """From white noise to this prior's noise."""
        ...


class DiffusionModel(nn.Module):
    """A conditional diffusion over waveforms: `denoiser` works in the units of `prior`, mels are those of `mel`."""

    def __init__(self, *, mel: MelSpec, denoiser: Denoiser, prior: Prior) -> None:
        super().__init__()
        self.mel = mel
        self.denoiser = denoiser
        self.prior = prior

    def start(self, cond: Conditioning, times: Times, noise: Noise) -> Wave:
        """The state at times[0], as if clean audio had unit variance: noise of variance alpha² + sigma²."""
        batch, _, frames = cond.need_mel().shape
        like = torch.empty(batch, frames * self.mel.hop_length, device=cond.need_mel().device)
        schedule = self.denoiser.schedule
        scale = torch.hypot(schedule.alpha(times[0]), schedule.sigma(times[0]))
        return scale * self.prior.shape(noise(like), cond)

    def steps(self, mel: Mel, *, sampler: Sampler, times: Times, noise: Noise) -> Iterator[Wave]:
        """Walk the grid and yield the waveform after every step; the last one is the result."""
        cond = self.prior.condition(mel)

        def shaped(x: Tensor) -> Tensor:
            return self.prior.shape(noise(x), cond)

        x = self.start(cond, times, noise)
        for state in sampler(self.denoiser.bind(cond), self.denoiser.schedule, x, times, shaped):
            yield self.prior.decode(state, cond)

    @torch.no_grad()
    def generate(self, mel: Mel, *, sampler: Sampler, times: Times, noise: Noise) -> Wave:
        """Return `hop_length · frames` samples for every mel of the batch."""
        *_, wave = self.steps(mel, sampler=sampler, times=times, noise=noise)
        return wave
