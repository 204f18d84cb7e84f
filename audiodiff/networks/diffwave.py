"""DiffWave, the denoiser that works on waveform samples (Kong et al. 2021, https://arxiv.org/abs/2009.09761)."""

from collections.abc import Callable, Iterator
from itertools import repeat
from math import sqrt
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.conditioning import Conditioning
from audiodiff.errors import ConfigError
from audiodiff.networks.clip_embedding import ClipEmbedding
from audiodiff.networks.embeddings import StepEmbedding
from audiodiff.networks.from_v import FromV
from audiodiff.networks.keep_to_mel import KeepToMel
from audiodiff.networks.upsampling import BlockUpsamplers, MelUpsampler, Stretched
from audiodiff.networks.whitening import Whitening
from audiodiff.types import Samples, Time, Wave

Hidden = Float[Tensor, "batch channels samples"]
Outputs = Float[Tensor, "batch *outputs samples"]
PaddingMode = Literal["zeros", "reflect"]


class ResidualBlock(nn.Module):
    """One gated dilated convolution, told the step and the mel (Kong et al. 2021, figure 2)."""

    def __init__(
        self, *, channels: int, dilation: int, n_mels: int | None, step_channels: int, padding_mode: PaddingMode
    ) -> None:
        super().__init__()
        self.step = nn.Linear(step_channels, channels)
        self.dilated = nn.Conv1d(
            channels, 2 * channels, 3, padding=dilation, dilation=dilation, padding_mode=padding_mode
        )
        self.conditioner = nn.Conv1d(n_mels, 2 * channels, 1) if n_mels else None
        self.output = nn.Conv1d(channels, 2 * channels, 1)
        for convolution in (self.dilated, self.conditioner, self.output):
            if convolution is not None:
                nn.init.kaiming_normal_(convolution.weight)

    def forward(
        self, x: Hidden, step: Float[Tensor, "batch step_channels"], mel: Stretched | None
    ) -> tuple[Hidden, Hidden]:
        """Return the input of the next block and this block's share of the output."""
        h = self.dilated(x + self.step(step).unsqueeze(-1))
        h = h if self.conditioner is None else h + self.conditioner(mel)
        gate, value = h.chunk(2, dim=1)
        residual, skip = self.output(gate.sigmoid() * value.tanh()).chunk(2, dim=1)
        return (x + residual) / sqrt(2), skip  # keeps the variance of the sum at one


Inputs = Float[Tensor, "batch inputs samples"]
"""x_t and the mean, if it is seen."""
Core = Callable[[Inputs, Time, Conditioning], Outputs]


def _check(hop_length: Samples, patch: Samples, n_mels: int | None, outputs: int, **shaped: object) -> None:
    if patch < 1 or hop_length % patch:
        raise ConfigError(f"patch={patch} does not divide hop_length={hop_length}")
    constraint = shaped.get("constraint")
    if isinstance(constraint, KeepToMel) and constraint.does_more:
        raise ConfigError("constraint scales to the mel, no more: all else belongs to the model's finish")
    kinds = " and ".join(name for name, part in shaped.items() if part is not None)
    if kinds and (outputs != 1 or not n_mels):
        raise ConfigError(f"{kinds} needs a mel and is for one output: got n_mels={n_mels}, outputs={outputs}")


class DiffWave(nn.Module):
    """A stack of gated dilated convolutions over the waveform; the dilation doubles and starts anew every cycle.

    The defaults are the paper's BASE model. `n_steps` is T, the number of training steps that the step
    embedding counts in; `outputs` is 2 where a variance is learnt too. With `n_mels` None there is no mel, and
    without `clip` as well the network is unconditional. With `sees_mean` it also sees the prior's mean, beside
    x_t, which it needs where the state is the difference from that mean. With `constraint` the output, an estimate of
    x_0, is scaled on the mel's STFT until mean + x_0 has the given mel; with `from_v`, of the denoiser's own schedule,
    the stack says v, and the output is the x_0 that follows. `patch` samples share a place of the convolutions; 1 is
    the paper's, more is cheaper. Other people's DiffWaves differ in their `embedding`, in their `upsampler`, or in what
    their convolutions see beyond both ends.
    """

    def __init__(
        self,
        *,
        n_mels: int | None,
        hop_length: Samples,
        channels: int = 64,
        layers: int = 30,
        dilation_cycle: int = 10,
        n_steps: int = 50,
        outputs: int = 1,
        embedding: StepEmbedding | None = None,
        upsampler: MelUpsampler | BlockUpsamplers | None = None,
        padding_mode: PaddingMode = "zeros",
        sees_mean: bool = False,
        clip: ClipEmbedding | None = None,
        whitening: Whitening | None = None,
        constraint: KeepToMel | None = None,
        from_v: FromV | None = None,
        patch: Samples = 1,
    ) -> None:
        super().__init__()
        _check(hop_length, patch, n_mels, outputs, whitening=whitening, constraint=constraint, from_v=from_v)
        self.hop_length, self.patch, self.outputs, self.sees_mean = hop_length, patch, outputs, sees_mean
        self.reflects = padding_mode == "reflect"
        self.input = nn.Conv1d(2 if sees_mean else 1, channels, patch, stride=patch)
        self.embedding = embedding or StepEmbedding(n_steps=n_steps)
        self.clip, self.whitening, self.constraint, self.from_v = clip, whitening, constraint, from_v
        self.upsampler = (upsampler or MelUpsampler(hop_length=hop_length // patch)) if n_mels else None
        dilations = [2 ** (layer % dilation_cycle) for layer in range(layers)]
        self.blocks = nn.ModuleList(
            ResidualBlock(
                channels=channels,
                dilation=dilation,
                n_mels=n_mels,
                step_channels=self.embedding.channels,
                padding_mode=padding_mode,
            )
            for dilation in dilations
        )
        self.skip = nn.Conv1d(channels, channels, 1)
        self.output = nn.Conv1d(channels, outputs * patch, 1)
        self.block_radius, self.widest = sum(dilations), max(dilations)
        for convolution in (self.input, self.skip):
            nn.init.kaiming_normal_(convolution.weight)
        nn.init.zeros_(self.output.weight)

    @property
    def radius(self) -> Samples:
        """Receptive radius: the blocks', and what stretching the mel or whitening the signal adds to it.

        The first block sees the mel behind its convolution, whose dilation is 1.
        """
        mel = 0 if self.upsampler is None else self.block_radius - 1 + self.upsampler.radius
        blocks, mel = (self._in_samples(places) for places in (self.block_radius, mel))
        stft = None if self.whitening is None else self.whitening.stft
        inner = max(blocks, mel) if stft is None else max(stft.radius_around(blocks), mel + stft.radius)
        if self.constraint is None:
            return inner
        return inner + (self.constraint.stft.radius if stft is None else self.constraint.radius_behind(stft))

    def _in_samples(self, places: int) -> Samples:
        """The radius of a sample whose place of the convolutions sees this many to either side."""
        return places * self.patch + self.patch - 1

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Outputs:
        """Map `hop_length · frames` noisy samples, their noise time and the mel to the prediction.

        With two outputs that is [batch, 2, samples].
        """
        return self.call_core(self.core, x_t, t, cond)

    def call_core(self, core: Core, x_t: Wave, t: Time, cond: Conditioning) -> Outputs:
        """Call `core`, this network's own or another of its weights, on the scale that it works on."""
        estimate = self._call_white(core, x_t, t, cond)
        if self.from_v is not None:
            estimate = self.from_v(estimate, x_t, t)
        if self.constraint is None:
            return estimate
        mean = cond.need_mean()
        return self.constraint(estimate + mean, cond.need_mel()) - mean

    def _call_white(self, core: Core, x_t: Wave, t: Time, cond: Conditioning) -> Outputs:
        waves = [x_t, cond.need_mean()] if self.sees_mean else [x_t]
        if self.whitening is None:
            return core(torch.stack(waves, dim=1), t, cond)
        std = self.whitening.std(cond.need_mel())
        white = torch.stack([self.whitening.white(wave, std) for wave in waves], dim=1)
        return self.whitening.colored(core(white, t, cond), std)

    def core(self, waves: Inputs, t: Time, cond: Conditioning) -> Outputs:
        """Map x_t and the mean, if it is seen, to the output, on the scale that the network works on."""
        x = F.relu(self.input(waves)).to(waves.dtype)  # and so the state is, and the sum, under autocast too
        step = self.embedding(t) if self.clip is None else self.clip(self.embedding(t), cond)
        total = 0.0
        for block, mel in zip(self.blocks, self._mels(cond), strict=True):
            x, skip = block(x, step, mel)
            total = total + skip.to(x.dtype)
        return self.samples(self.output(F.relu(self.skip(total / sqrt(len(self.blocks))))))

    def samples(self, places: Float[Tensor, "batch values places"]) -> Outputs:
        """The samples that share the places of the convolutions, one after the other."""
        return places.unflatten(1, (-1, self.patch)).mT.flatten(2).squeeze(1)

    def _mels(self, cond: Conditioning) -> Iterator[Stretched | None]:
        if self.upsampler is None:
            return repeat(None, len(self.blocks))
        return self.upsampler.per_block(cond.need_mel(), len(self.blocks))
