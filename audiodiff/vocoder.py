"""The public way to turn mels into sound."""

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Unpack, overload

import torch
from torch import Tensor

from audiodiff.bundle.format import Bundle, load_bundle
from audiodiff.bundle.hub import push_bundle, write_bundle
from audiodiff.bundle.location import DEFAULT, bundle_folder
from audiodiff.diffusion import SAMPLERS, Sampler, Times, uniform
from audiodiff.engine import RecordedModel, accelerated, compiled
from audiodiff.engine.precision import Precision, autocast, chosen_dtype
from audiodiff.errors import BundleError, ConfigError
from audiodiff.mel.spec import MelSpec
from audiodiff.models.diffusion_model import DiffusionModel, Walk
from audiodiff.noise import SampleNoise
from audiodiff.streaming import LONG, ModelStream, VocoderStream, vocoded
from audiodiff.streaming.inputs import (
    AnyMel,
    AnyWave,
    Lengths,
    OneMel,
    OneWave,
    Options,
    checked,
    padded,
    seeds_for,
    unpadded,
)
from audiodiff.types import Hertz, Mel, Samples, Wave


class Vocoder:
    """A trained diffusion vocoder: call it with a mel, get the waveform.

    >>> vocoder = Vocoder.from_pretrained()
    >>> wave = vocoder(mel)  # [80, frames] -> [256 · frames] at vocoder.sample_rate
    """

    def __init__(self, bundle: Bundle) -> None:
        if not isinstance(bundle.model, DiffusionModel):
            raise BundleError(f"{bundle.name} is a generator, it takes no mels: use Generator, or `audiodiff generate`")
        self.name, self._bundle = bundle.name, bundle
        self.model = bundle.model.requires_grad_(False)
        self._fast, self._compiled = accelerated(self.model), False
        self._dtype: Precision | torch.dtype = "fp32"
        self._sampler, self._grid, self._grids = bundle.sampler, bundle.grid, bundle.grids

    @classmethod
    def from_pretrained(
        cls,
        model: str | os.PathLike[str] = DEFAULT,
        *,
        device: torch.device | str = "cpu",
        precision: Precision = "fp32",
    ) -> "Vocoder":
        """Load a bundle by its folder, by name one that ships with audiodiff, or one of the hub as `hub:user/repo`.

        `precision` is that of the networks' products, see `audiodiff.engine.precision`; "auto" is bf16 where the
        device has instructions for it, otherwise fp32. Raises `BundleError` for a model that is not there or damaged,
        `ConfigError` for an unknown device or precision.
        """
        vocoder = cls(load_bundle(bundle_folder(model))).to(device)
        chosen_dtype(precision, torch.device(device))
        vocoder._dtype = precision
        return vocoder

    def save_pretrained(self, folder: str | os.PathLike[str]) -> Path:
        """Write the bundle to a folder that is new or holds one; raises `OutputError` otherwise."""
        return write_bundle(self._bundle, Path(folder))

    def push_to_hub(self, repo: str, *, private: bool = False, token: str | None = None) -> str:
        """Upload the bundle and its model card to `user/repo`; return the commit's address: see `bundle.hub`."""
        return push_bundle(self._bundle, repo, private=private, token=token)

    @property
    def sample_rate(self) -> Hertz:
        """Of the waveforms, in hertz."""
        return self.mel_spec.sample_rate

    @property
    def mel_spec(self) -> MelSpec:
        """The convention of the mels that the model was trained on."""
        return self.model.mel

    @property
    def n_steps(self) -> int:
        """How many network steps are taken unless the caller says otherwise."""
        return len(self._grid(self.model.denoiser.schedule)) - 1

    @property
    def receptive_field(self) -> Samples:
        """How many samples the samples of one frame depend on at every network call, that frame among them."""
        return (2 * self.model.reach + 1) * self.mel_spec.hop_length

    def half(self) -> "Vocoder":
        """Let the networks compute in float16; transforms, noise and waveforms stay in float32."""
        self._dtype = torch.float16
        return self

    def bfloat16(self) -> "Vocoder":
        """Let the networks compute in bfloat16; transforms, noise and waveforms stay in float32."""
        self._dtype = "bf16"
        return self

    def float(self) -> "Vocoder":
        """Let the networks compute in float32 again."""
        self._dtype = "fp32"
        return self

    def compile(self) -> "Vocoder":
        """Have the denoising network compiled at its first call, for all lengths; this takes a C or C++ compiler.

        On a processor the blocks of a `DiffWave` become one function in C (half a second; what for: docs/speed.md), a
        `SpectralDiffWave` bound to its mel is not compiled. On a GPU a `DiffWave` gets fused blocks and CUDA graphs,
        never yet run on one: see docs/speed_gpu.md first. The first call raises `ConfigError`, or torch's own error,
        where no compiler can.
        """
        self._fast, self._compiled = compiled(self.model), True
        return self

    def to(self, device: torch.device | str) -> "Vocoder":
        """Move the model; raises `ConfigError` for a device that is not there."""
        try:
            self.model.to(device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(f"cannot use device {str(device)!r}: {error}") from error
        self._fast = compiled(self.model) if self._compiled else self._fast
        return self

    @overload
    def __call__(self, mel: Sequence[OneMel], lengths: None = None, **options: Unpack[Options]) -> list[OneWave]: ...

    @overload
    def __call__(self, mel: AnyMel, lengths: Lengths | None = None, **options: Unpack[Options]) -> AnyWave: ...

    @torch.inference_mode()
    def __call__(
        self, mel: AnyMel | Sequence[OneMel], lengths: Lengths | None = None, **options: Unpack[Options]
    ) -> AnyWave | list[OneWave]:
        """Vocode one mel [n_mels, frames] to [samples], or a batch to [batch, samples]; samples = hop · frames.

        A list of mels of any lengths becomes a list of waveforms. `lengths` are the frames that count in each item
        of a padded batch; beyond hop · length a waveform is exactly zero. An item sounds the same alone, in a batch,
        in a list and padded.

        Raises `MelMismatchError` for a mel in another convention, `MelError` for one that is empty or not finite,
        `ConfigError` for options, lengths or seeds that do not fit.
        """
        if isinstance(mel, Tensor):
            if lengths is None:
                return self._last(mel, options)
            waves = self._each(unpadded(mel, lengths), options)
            return padded(waves, mel.shape[-1] * self.mel_spec.hop_length)
        if lengths is not None:
            raise ConfigError("got lengths beside a list of mels: they belong to a padded batch, one tensor")
        return self._each(list(mel), options)

    @torch.inference_mode()
    def steps(self, mel: AnyMel, **options: Unpack[Options]) -> Iterator[AnyWave]:
        """Yield the waveform after every network step, in one piece; the last is the result of calling the vocoder."""
        batch = self._checked(mel, options)
        noise = SampleNoise(seeds_for(options.get("seed", 0), len(batch)))
        waves = self._fast.steps(batch, **self._walk(options), noise=noise)
        while (wave := self._next(waves)) is not None:
            yield wave[0] if mel.ndim == 2 else wave

    def stream(self, **options: Unpack[Options]) -> VocoderStream:
        """Begin with one mel that comes in pieces; see `VocoderStream`.

        A stream does not guess a convention: without `spec` the mel is taken to be in the model's own.
        Raises `ConfigError` for a sampler that cannot run on a part of a signal.
        """
        options = {**options, "spec": options.get("spec") or self.mel_spec}
        (seed,) = seeds_for(options.get("seed", 0), 1)
        stream = ModelStream(self._fast, **self._walk(options), noise=SampleNoise([seed]))
        return VocoderStream(stream, lambda mel: self._checked(mel, options), self._precision)

    async def astream(self, mels: AsyncIterable[OneMel], **options: Unpack[Options]) -> AsyncIterator[OneWave]:
        """Yield the waveform of a mel that comes in pieces, as it is finished; the work is done in a thread."""
        stream = self.stream(**options)
        async for mel in mels:
            wave = await asyncio.to_thread(stream.feed, mel)
            if len(wave):
                yield wave
        yield await asyncio.to_thread(stream.flush)

    def latency(self, **options: Unpack[Options]) -> Samples:
        """How far ahead of the samples that it returns a stream must have been fed, at most; computed."""
        return self.stream(**options).latency

    def sampler(self, name: str | None = None) -> Sampler:
        """The sampler of that name, or the model's own; raises `ConfigError` for an unknown one."""
        if name is None:
            return self._sampler
        if name not in SAMPLERS:
            raise ConfigError(f"no sampler {name!r}: choose one of {', '.join(sorted(SAMPLERS))}")
        return SAMPLERS[name]

    def times(self, steps: int | None = None) -> Times:
        """The grid for a number of network steps: one tuned for it, else the model's own or a uniform one."""
        schedule = self.model.denoiser.schedule
        steps = self.n_steps if steps is None else steps
        if steps in self._grids:
            return self._grids[steps]
        return self._grid(schedule) if steps == self.n_steps else uniform(schedule, steps)

    def _each(self, mels: Sequence[OneMel], options: Options) -> list[OneWave]:
        seeds = seeds_for(options.get("seed", 0), len(mels))
        alone = [self._checked(mel, options)[0] for mel in mels]
        if isinstance(self._fast, RecordedModel) and all(mel.shape[-1] <= LONG for mel in alone):
            with self._precision():
                return self._fast.each(alone, seeds=seeds, **self._walk(options))
        return [
            self._last(mel, {**options, "spec": self.mel_spec, "seed": seed})
            for mel, seed in zip(alone, seeds, strict=True)
        ]

    def _last(self, mel: AnyMel, options: Options) -> AnyWave:
        batch = self._checked(mel, options)
        noise = [SampleNoise([seed]) for seed in seeds_for(options.get("seed", 0), len(batch))]
        with self._precision():
            waves = vocoded(self._fast, batch, **self._walk(options), noise=noise)
        return waves[0] if mel.ndim == 2 else waves

    def _next(self, waves: Iterator[Wave]) -> Wave | None:
        """The next one, or None; the caller's own precision holds again between the steps."""
        with self._precision():
            return next(waves, None)

    def _precision(self) -> torch.autocast:
        return autocast(self._dtype, next(self.model.parameters()).device)

    def _walk(self, options: Options) -> Walk:
        return {"sampler": self.sampler(options.get("sampler")), "times": self.times(options.get("steps"))}

    def _checked(self, mel: AnyMel, options: Options) -> Mel:
        batch = checked(mel, options.get("spec"), self.mel_spec, options.get("convert", "exact"))
        return batch.to(next(self.model.parameters()).device)
