"""A whole model as one function of tensors: mel and noise in, waveform out."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.bundle.format import Bundle
from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Sampler, Times
from audiodiff.errors import ConfigError
from audiodiff.export.real import RealDiffWave
from audiodiff.export.real_gains import RealKeepToMel, RealSpectralGainNetwork
from audiodiff.export.real_source import RealAnyMelSourceFilter, RealSourceFilter
from audiodiff.export.unroll import Call, Clamp, NoiseDraw, Sum, Value, unroll
from audiodiff.models.diffusion_model import Prior
from audiodiff.networks import DiffWave, KeepToMel, SpectralGainNetwork
from audiodiff.priors import MelInversion, SourceFilter, SpectralEnvelope
from audiodiff.priors.any_mel import AnyMelSourceFilter
from audiodiff.types import Mel, Time, Wave


class UnrolledSampler(nn.Module):
    """A model with its sampler and grid: every step written out, every coefficient a constant.

    `n_draws` is how often it draws noise, `n_calls` how often it calls the network.
    """

    def __init__(self, bundle: Bundle, sampler: Sampler, times: Times) -> None:
        super().__init__()
        denoiser, prior = bundle.model.denoiser, bundle.model.prior
        program, self.result = unroll(denoiser, sampler, times)
        self.values: Sequence[Value] = program.values
        self.n_draws, self.n_calls = program.n_draws, program.n_calls
        self.network = real(denoiser.network)
        self.prior = real_prior(prior)
        self.finish = real_finish(bundle.model.finish)

    def forward(self, mel: Mel, noise: Float[Tensor, "draws batch samples"]) -> Wave:
        """Map mels and standard normal noise to `hop_length · frames` samples each."""
        cond = self.prior.condition(mel)
        done: list[Wave] = []
        for value in self.values:
            done.append(self._computed(value, done, noise, cond))
        wave = self.prior.decode(weighted(self.result, done), cond)
        return wave if self.finish is None else self.finish(wave, mel)

    def _computed(self, value: Value, done: Sequence[Wave], noise: Tensor, cond: Conditioning) -> Wave:
        match value:
            case NoiseDraw(number):
                return self.prior.shape(noise[number], cond)
            case Call(x, label):
                x_t = weighted(x, done)
                return self.network(x_t, torch.full_like(x_t[:, 0], label), cond)
            case Clamp(x, low, high):
                return weighted(x, done).clamp(low, high)


class NetworkAlone(nn.Module):
    """A model's network as a function of plain tensors."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        self.network = real(bundle.model.denoiser.network)

    def forward(self, x_t: Wave, t: Time, mel: Mel, mean: Wave | None = None, scale: Tensor | None = None) -> Wave:
        """Map noisy samples, their noise time, the mel and the prior's mean and scale to the network's output."""
        return self.network(x_t, t, Conditioning(mel=mel, mean=mean, scale=scale))


def real(network: nn.Module) -> nn.Module:
    """The network itself, or its twin without complex numbers; `ConfigError` for one that takes more than a mel."""
    if isinstance(network, DiffWave) and network.clip is not None:
        raise ConfigError(
            "this network is told labels, speakers or embeddings: only those that take a mel are exported"
        )
    if isinstance(network, SpectralGainNetwork):
        return RealSpectralGainNetwork(network)
    return RealDiffWave(network) if isinstance(network, DiffWave) else network


def real_finish(finish: Any) -> Any:  # noqa: ANN401 (what a graph needs of a Finish: no frames are counted in one)
    """The finish itself, or its twin without complex numbers."""
    return RealKeepToMel(finish) if isinstance(finish, KeepToMel) else finish


def real_prior(prior: Prior) -> Any:  # noqa: ANN401 (what a graph needs of a Prior: it encodes nothing)
    """The prior itself, or its twin without complex numbers; `ConfigError` for one that has none."""
    if isinstance(prior, AnyMelSourceFilter):
        return RealAnyMelSourceFilter(prior)
    if isinstance(prior, SourceFilter):
        return RealSourceFilter(prior)
    if isinstance(prior, MelInversion | SpectralEnvelope):
        raise ConfigError(
            f"a voice on a {type(prior).__name__} prior is not exported whole, which would take complex numbers: "
            "export its network alone, or a voice on a SourceFilter prior"
        )
    return prior


def weighted(total: Sum, values: Sequence[Wave]) -> Wave:
    """Add up values with their coefficients."""
    first, *others = (coefficient * values[number] for number, coefficient in total.terms.items())
    return sum(others, start=first)
