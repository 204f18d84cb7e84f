"""A diffusion over short waveforms that follows no mel: what is trained, kept in a bundle and generated from."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Denoise, Denoiser, Sampler, Times
from audiodiff.diffusion.process import start_scale
from audiodiff.errors import ConfigError
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.mel.spec import MelSpec
from audiodiff.models.diffusion_model import Prior, radius_of
from audiodiff.types import Mel, Noise, Samples, Wave


@runtime_checkable
class MelSpacePrior(Prior, Protocol):
    """A prior in whose units a state is a mel."""

    def mel(self, r: Tensor) -> Mel:
        """The mels that states stand for."""
        ...


class GenerativeModel(nn.Module):
    """`denoiser` works on what `prior` makes of waveforms of `length` samples, rows of `size` numbers.

    `labels` and `speakers` name what the ids of the condition stand for, `embedding_size` is 0 without one.
    `p_uncond` is the chance with which training dropped them (see `Conditioning.dropped`). `mel` gives the sample
    rate and the frames that networks, pictures and classifiers share. `level` is the loudness of a training clip.
    """

    def __init__(
        self,
        *,
        mel: MelSpec,
        denoiser: Denoiser,
        prior: Prior,
        length: Samples,
        level: float = 0.1,
        labels: Sequence[str] = (),
        speakers: Sequence[str] = (),
        embedding_size: int = 0,
        p_uncond: float = 0.0,
    ) -> None:
        super().__init__()
        if length < mel.hop_length or length % mel.hop_length:
            raise ConfigError(f"length {length} is not a whole number of hops of {mel.hop_length} samples")
        if not 0 <= p_uncond < 1:
            raise ConfigError(f"p_uncond {p_uncond}: expected a chance from 0 to below 1")
        self.mel = mel
        self.front_end = MelSpectrogram(mel)
        self.denoiser = denoiser
        self.prior = prior
        self.length = length
        self.level = level
        self.labels = tuple(labels)
        self.speakers = tuple(speakers)
        self.embedding_size = embedding_size
        self.p_uncond = p_uncond
        self.size = self.encode(torch.zeros(1, length)).shape[-1]

    @property
    def receptive_field(self) -> Samples:
        """Length of the stretch of a clip that a sample of the network's output depends on."""
        network = self.denoiser.network
        if isinstance(frames := getattr(network, "frame_radius", None), int):  # it works on a mel, not on samples
            return (2 * frames + 1) * self.mel.hop_length
        return 2 * radius_of(network) + 1

    def steps(self, denoise: Denoise, batch: int, *, sampler: Sampler, times: Times, noise: Noise) -> Iterator[Tensor]:
        """Sample along the grid from pure noise with `denoise`, guided or not; yield the state after every step."""
        like = next(self.parameters()).new_empty(batch, self.size)
        schedule = self.denoiser.schedule
        x = start_scale(schedule, times[0]) * noise(like)
        return sampler(denoise, schedule, x, times, noise)

    def encode(self, wave: Wave) -> Tensor:
        """From waveforms to what the diffusion works on."""
        return self.prior.encode(wave, Conditioning())

    def decode(self, x: Tensor) -> Wave:
        """The inverse of `encode`."""
        return self.prior.decode(x, Conditioning())

    def mels(self, x: Tensor) -> Mel:
        """The mels of states, noisy or not, in the convention `mel`: what a classifier looks at."""
        return self.prior.mel(x) if isinstance(self.prior, MelSpacePrior) else self.front_end(self.decode(x))
