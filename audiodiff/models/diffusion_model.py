"""A denoiser and its prior together: what is trained, kept in a bundle and sampled from."""

from collections.abc import Iterator
from typing import Protocol, TypedDict, runtime_checkable

import torch
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Denoiser, Sampler, Times
from audiodiff.diffusion.process import start_scale
from audiodiff.errors import ConfigError
from audiodiff.mel.spec import MelSpec
from audiodiff.types import FirstFrame, Mel, Noise, Samples, Wave


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


@runtime_checkable
class Finish(Protocol):
    """A change of waveforms behind the sampler, of which a frame depends on frames near it alone."""

    @property
    def frame_radius(self) -> int:
        """Frames of the waveform to either side of its own that a frame of the result depends on."""
        ...

    @property
    def mel_radius(self) -> int:
        """The same of the mel."""
        ...

    def __call__(self, wave: Wave, mel: Mel, first: FirstFrame = 0) -> Wave:
        """Map [batch, hop_length · frames] samples to as many."""
        ...


class DiffusionModel(nn.Module):
    """A conditional diffusion over waveforms: `denoiser` works in the units of `prior`, mels are those of `mel`.

    `finish` changes the waveform that sampling ends with.
    """

    def __init__(self, *, mel: MelSpec, denoiser: Denoiser, prior: Prior, finish: Finish | None = None) -> None:
        super().__init__()
        self.mel = mel
        self.denoiser = denoiser
        self.prior = prior
        self.finish = finish

    def changed(
        self, *, denoiser: Denoiser | None = None, prior: Prior | None = None, finish: Finish | None = None
    ) -> "DiffusionModel":
        """The same model with another denoiser, prior or finish, of the same parameters."""
        return DiffusionModel(
            mel=self.mel,
            denoiser=denoiser or self.denoiser,
            prior=prior or self.prior,
            finish=finish or self.finish,
        )

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
        """The factor on the prior's noise at times[0], see `audiodiff.diffusion.process`."""
        return start_scale(self.denoiser.schedule, times[0])

    def steps(self, mel: Mel, *, sampler: Sampler, times: Times, noise: Noise) -> Iterator[Wave]:
        """Sample along the grid and yield the waveform after every step; the last one is the result."""
        cond = self.prior.condition(mel)
        for state in self.states(cond, sampler=sampler, times=times, noise=noise):
            yield self.waves(state, cond)

    def states(self, cond: Conditioning, *, sampler: Sampler, times: Times, noise: Noise) -> Iterator[Wave]:
        """Sample along the grid and yield the state after every step, in the units of the prior."""
        mel = cond.need_mel()

        def shaped(x: Tensor) -> Tensor:
            return self.prior.shape(noise(x), cond)

        like = torch.empty(len(mel), mel.shape[-1] * self.mel.hop_length, device=mel.device, dtype=mel.dtype)
        x = self.start_scale(times) * shaped(like)
        yield from sampler(self.denoiser.bind(cond), self.denoiser.schedule, x, times, shaped)

    def waves(self, state: Wave, cond: Conditioning, first: FirstFrame = 0) -> Wave:
        """From states to finished waveforms; `first` is the frame of a whole mel that each row begins with."""
        wave = self.prior.decode(state, cond)
        return wave if self.finish is None else self.finish(wave, cond.need_mel(), first)

    @torch.no_grad()
    def generate(self, mel: Mel, *, sampler: Sampler, times: Times, noise: Noise) -> Wave:
        """Return `hop_length · frames` samples for every mel of the batch."""
        cond = self.prior.condition(mel)
        *_, state = self.states(cond, sampler=sampler, times=times, noise=noise)
        return self.waves(state, cond)


def radius_of(network: nn.Module) -> Samples:
    """The receptive radius of a network; raises `ConfigError` if it does not say."""
    radius = getattr(network, "radius", None)
    if not isinstance(radius, int):
        raise ConfigError(f"{type(network).__name__} does not say how far it sees: give it a `radius` in samples")
    return radius
