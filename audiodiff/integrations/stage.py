"""The base of all adapters: a vocoder as the last stage of a pipeline, held to the pipeline's mel convention."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self, TypedDict

import torch
from torch import Tensor, nn

from audiodiff.bundle.for_mel import speaks_any_mel
from audiodiff.errors import ConfigError
from audiodiff.mel.contract import Convert, relation_for
from audiodiff.mel.spec import MelSpec
from audiodiff.streaming.inputs import SpecOrName, contract_of, spec_of
from audiodiff.types import Hertz, Mel, Wave
from audiodiff.vocoder import Vocoder

ANY_MEL = "universal"
"""The voice that speaks for anybody in every convention."""


class StageOptions(TypedDict, total=False):
    """Options of a stage for its vocoder; what is left out is as in calling the vocoder itself."""

    convert: Convert
    n_steps: int | None
    sampler: str | None
    seed: int


class VocoderStage(nn.Module):
    """A vocoder for mels of the convention `spec`, or of that name, which are those that a TTS pipeline makes.

    Raises `ConfigError` for what is no vocoder or no convention. Raises `MelMismatchError` at once where the contract
    lets no such mel through to the vocoder: frames at other times never, estimates only with `convert="approximate"`. A
    voice for every mel speaks this one's convention, and is taken where `vocoder` is None. As a module it moves with
    the pipeline that it is a part of, and takes its precision.
    """

    def __init__(
        self,
        vocoder: Vocoder | None,
        spec: SpecOrName,
        *,
        n_steps: int | None = None,
        sampler: str | None = None,
        seed: int = 0,
        convert: Convert = "exact",
    ) -> None:
        super().__init__()
        spec = spec_of(spec, "spec")
        if vocoder is None:
            vocoder = Vocoder.from_pretrained(ANY_MEL, mel=spec)
        elif not isinstance(vocoder, Vocoder):
            raise ConfigError(f"got vocoder={vocoder!r:.60}: expected one, as Vocoder.from_pretrained(NAME) loads it")
        elif speaks_any_mel(vocoder.model):
            vocoder = vocoder.for_mel(spec)
        contract = contract_of(spec, vocoder.mel_spec, convert)
        relation_for(spec, contract.want, contract.convert)
        vocoder.sampler(sampler)
        vocoder.times(n_steps)
        self.vocoder, self.model = vocoder, vocoder.model
        self.spec = spec
        self.options: StageOptions = {"n_steps": n_steps, "sampler": sampler, "seed": seed, "convert": convert}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move with the pipeline; its dtype becomes the precision, the weights stay in float32."""
        probe = fn(torch.zeros((), device=self.vocoder.device))
        self.vocoder.to(probe.device, probe.dtype)
        return self

    @property
    def sample_rate(self) -> Hertz:
        """Of the waveforms, in hertz."""
        return self.vocoder.sample_rate

    def speak(self, mel: Mel, lengths: Tensor | Sequence[int] | None = None) -> Wave:
        """Turn mels [batch, n_mels, frames] into waveforms [batch, hop_length · frames].

        `lengths` are the frames of every item; what lies behind them is silent and changes nothing before them.
        """
        return self.vocoder(mel, lengths, spec=self.spec, **self.options)


def standardized(spec: MelSpec, mean: Tensor | Sequence[float], std: Tensor | Sequence[float]) -> MelSpec:
    """The convention of a model whose mels are (mel - mean) / std, with one number [n_mels] for every band.

    Raises `ConfigError` for another number of bands.
    """
    shift, scale = (tuple(float(number) for number in values) for values in (mean, std))
    return replace(spec, shift=shift, scale=scale)
