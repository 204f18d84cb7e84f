"""The public way to turn mels into sound."""

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Unpack, overload

import torch
from torch import Tensor

from audiodiff.bundle.for_mel import bundle_for
from audiodiff.bundle.format import Bundle, load_bundle
from audiodiff.bundle.hub import push_bundle, write_bundle
from audiodiff.bundle.location import DEFAULT_VOICE, bundle_folder
from audiodiff.diffusion import Sampler, Times
from audiodiff.engine import accelerated, compiled
from audiodiff.engine.precision import Precision, autocast, chosen_dtype
from audiodiff.errors import BundleError, ConfigError
from audiodiff.mel.conventions import convention
from audiodiff.mel.spec import MelSpec
from audiodiff.models.diffusion_model import DiffusionModel, SamplingPlan
from audiodiff.noise import SampleNoise
from audiodiff.streaming import VocoderStream, open_stream
from audiodiff.streaming.given_pitch import open_to_pitch, pitch_of, synthesize_at, synthesize_each_at
from audiodiff.streaming.inputs import Lengths, VocodeOptions, checked, checked_f0, padded, seeds_for, unpadded
from audiodiff.streaming.synthesis import silent
from audiodiff.types import AnyMel, AnyWave, Hertz, Mel, OneF0, OneMel, OneWave, Samples, Wave


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
        self._compiled, self._built = False, None
        self._dtype: Precision | torch.dtype = "fp32"
        self._siblings: dict[MelSpec, Vocoder] = {self.model.mel: self}

    @classmethod
    def from_pretrained(
        cls,
        model: str | os.PathLike[str] = DEFAULT_VOICE,
        *,
        device: torch.device | str = "cpu",
        precision: Precision = "fp32",
        mel: MelSpec | str | None = None,
    ) -> "Vocoder":
        """Load a bundle by its folder, by name one that ships with audiodiff, or one of the hub as `hub:user/repo`.

        `mel` is the convention, by name or as a `MelSpec`, that a voice for every mel is to speak (`for_mel`).

        `precision` is that of the networks' products, see `audiodiff.engine.precision`; "auto" is bf16 where the
        device has instructions for it, otherwise fp32. Raises `BundleError` for a model that is not there or damaged,
        `ConfigError` for an unknown device or precision.
        """
        vocoder = cls(load_bundle(bundle_folder(model))).to(device)
        chosen_dtype(precision, torch.device(device))
        vocoder._dtype = precision
        return vocoder if mel is None else vocoder.for_mel(mel)

    def for_mel(self, mel: MelSpec | str) -> "Vocoder":
        """The same voice for mels of another convention, at its rate and hop; all weights are shared.

        Raises `ConfigError` for an unknown name, and as `bundle_for` does.
        """
        spec = convention(mel) if isinstance(mel, str) else mel
        if spec == self.mel_spec:
            return self
        if spec not in self._siblings:
            self._siblings[spec] = sibling = Vocoder(bundle_for(self._bundle, spec))
            sibling._dtype, sibling._compiled, sibling._siblings = self._dtype, self._compiled, self._siblings
        return self._siblings[spec]

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
        """Number of network steps that are taken unless the caller says otherwise."""
        return self._bundle.n_steps

    @property
    def receptive_field(self) -> Samples:
        """Number of samples that a sample depends on at every network call, itself among them; computed."""
        return self.model.receptive_field

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
        self._compiled = True
        return self

    def to(self, device: torch.device | str) -> "Vocoder":
        """Move the model; raises `ConfigError` for a device that is not there."""
        try:
            torch.empty(1, device=device).cpu()  # which "meta" cannot do, as it computes nothing
            self.model.to(device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(f"cannot use device {str(device)!r}: {error}") from error
        return self

    @overload
    def __call__(
        self, mel: Sequence[OneMel], lengths: None = None, **options: Unpack[VocodeOptions]
    ) -> list[OneWave]: ...

    @overload
    def __call__(self, mel: AnyMel, lengths: Lengths | None = None, **options: Unpack[VocodeOptions]) -> AnyWave: ...

    @torch.inference_mode()
    def __call__(
        self, mel: AnyMel | Sequence[OneMel], lengths: Lengths | None = None, **options: Unpack[VocodeOptions]
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
                (wave,) = self._waves(mel, options, every_step=False)
                return wave
            f0 = checked_f0(options.get("f0"), mel, self.sample_rate, lengths)
            waves = self._each(unpadded(mel, lengths), {**options, "f0": f0})
            return padded(waves, mel.shape[-1] * self.mel_spec.hop_length)
        if lengths is not None:
            raise ConfigError("got lengths beside a list of mels: they belong to a padded batch, one tensor")
        return self._each(list(mel), options)

    @torch.inference_mode()
    def steps(self, mel: AnyMel, **options: Unpack[VocodeOptions]) -> Iterator[AnyWave]:
        """Yield the waveform after every step of the sampler; the last is the result of calling the vocoder.

        A network that works tile by tile has all of them at its end, and a mel that is long is treated alike.
        """
        yield from self._waves(mel, options, every_step=True)

    def stream(self, *, live: bool = True, **options: Unpack[VocodeOptions]) -> VocoderStream:
        """Begin with one mel that comes in pieces; see `VocoderStream`.

        Where nobody listens meanwhile, `live=False` may let samples come later, in exchange for speed.
        A stream does not guess a convention: without `spec` the mel is taken to be in the model's own.
        Raises `ConfigError` for a sampler that cannot run on a part of a signal.
        """
        options = {**options, "spec": options.get("spec") or self.mel_spec}
        (seed,) = seeds_for(options.get("seed", 0), 1)
        with torch.inference_mode(), self._precision():
            voice, pitch = open_to_pitch(self._fast, options)
            stream = open_stream(voice, **self._plan(options), noise=SampleNoise([seed]), live=live)
        return VocoderStream(stream, lambda mel: self._checked(mel, options), self._precision, pitch)

    @torch.inference_mode()
    def pitch(self, mel: OneMel | Iterable[OneMel], **options: Unpack[VocodeOptions]) -> OneF0:
        """The f0 of one mel, in pieces or whole, for `f0`; `ConfigError` for a voice without a `SourceFilter` prior."""
        pieces = [mel] if isinstance(mel, Tensor) else mel
        return pitch_of(self.model, (self._checked(piece, options) for piece in pieces))

    async def astream(self, mels: AsyncIterable[OneMel], **options: Unpack[VocodeOptions]) -> AsyncIterator[OneWave]:
        """Yield the waveform of a mel that comes in pieces, as it is finished; the work is done in a thread."""
        stream = self.stream(**options)
        async for mel in mels:
            wave = await asyncio.to_thread(stream.feed, mel)
            if len(wave):
                yield wave
        yield await asyncio.to_thread(stream.flush)

    def latency(self, **options: Unpack[VocodeOptions]) -> Samples:
        """Distance by which a stream must have been fed ahead of the samples that it returns, at most; computed."""
        return self.stream(**options).latency

    def sampler(self, name: str | None = None) -> Sampler:
        """The sampler of that name, or the model's own; raises `ConfigError` for an unknown one."""
        return self._bundle.sampler_named(name)

    def times(self, steps: int | Times | None = None) -> Times:
        """The grid for a number of network steps: one tuned for it, else the model's own or a uniform one."""
        return self._bundle.times(steps)

    def _each(self, mels: Sequence[OneMel], options: VocodeOptions) -> list[OneWave]:
        seeds, progress = seeds_for(options.get("seed", 0), len(mels)), options.get("progress", silent)
        alone = [self._checked(mel, options)[0] for mel in mels]
        f0 = checked_f0(options.get("f0"), alone, self.sample_rate)
        with self._precision():
            return synthesize_each_at(self._fast, alone, f0, **self._plan(options), seeds=seeds, progress=progress)

    def _waves(self, mel: AnyMel, options: VocodeOptions, *, every_step: bool) -> Iterator[AnyWave]:
        batch = self._checked(mel, options)
        waves = synthesize_at(
            self._fast,
            batch,
            checked_f0(options.get("f0"), batch, self.sample_rate),
            **self._plan(options),
            noise=[SampleNoise([seed]) for seed in seeds_for(options.get("seed", 0), len(batch))],
            every_step=every_step,
            progress=options.get("progress", silent),
        )
        while (wave := self._next(waves)) is not None:
            yield wave[0] if mel.ndim == 2 else wave

    def _next(self, waves: Iterator[Wave]) -> Wave | None:
        """The next one, or None; the caller's own precision holds again between the steps."""
        with self._precision():
            return next(waves, None)

    @property
    def _fast(self) -> DiffusionModel:
        """The same model for inference where it is now: chosen anew once it was moved, by whomever."""
        device = next(self.model.parameters()).device
        if self._built is None or self._built[0] != (device, self._compiled):
            build = compiled if self._compiled else accelerated
            self._built = (device, self._compiled), build(self.model)
        return self._built[1]

    def _precision(self) -> torch.autocast:
        return autocast(self._dtype, next(self.model.parameters()).device)

    def _plan(self, options: VocodeOptions) -> SamplingPlan:
        return {"sampler": self.sampler(options.get("sampler")), "times": self.times(options.get("steps"))}

    def _checked(self, mel: AnyMel, options: VocodeOptions) -> Mel:
        batch = checked(mel, options.get("spec"), self.mel_spec, options.get("convert", "exact"))
        return batch.to(next(self.model.parameters()).device)
