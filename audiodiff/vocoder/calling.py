"""Calls of a vocoder: mels in, waveforms out, whole, step by step or in pieces."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, SupportsIndex, Unpack, overload

import numpy as np
import torch
from torch import Tensor

from audiodiff.defaults import on_processor
from audiodiff.diffusion import Times
from audiodiff.errors import AudioError, ConfigError
from audiodiff.mel.contract import Convert
from audiodiff.noise import SampleNoise
from audiodiff.streaming import VocoderStream, open_stream
from audiodiff.streaming.foreign_arrays import (
    AnyArray,
    ArrayKind,
    Form,
    NumpyArray,
    NumpyWave,
    is_array,
    items_of,
    tensor_of,
)
from audiodiff.streaming.given_pitch import open_to_pitch, pitch_of, synthesize_at, synthesize_each_at
from audiodiff.streaming.inputs import (
    GivenF0,
    Numbers,
    Seed,
    SpecOrName,
    StreamOptions,
    VocodeCall,
    VocodeOptions,
    checked_f0,
    contract_of,
    padded,
    seeds_for,
    unpadded,
)
from audiodiff.streaming.pieces import silent
from audiodiff.types import Hertz, Mel, OneWave, Samples, Temperature, Wave
from audiodiff.vocoder.extraction import extracted
from audiodiff.vocoder.loading import LoadedVocoder


class Vocoder(LoadedVocoder):
    """A trained diffusion vocoder: call it with a mel, get the waveform.

    >>> vocoder = Vocoder.from_pretrained()
    >>> wave = vocoder(mel)  # [80, frames] -> [256 · frames] at vocoder.sample_rate

    A tensor becomes a tensor, a NumPy array a NumPy array of float32. The options are those of `VocodeOptions`.
    """

    @overload
    def __call__(self, mel: Tensor, lengths: Numbers | None = None, **options: Unpack[VocodeOptions]) -> Tensor: ...

    @overload
    def __call__(
        self, mel: NumpyArray, lengths: Numbers | None = None, **options: Unpack[VocodeOptions]
    ) -> NumpyWave: ...

    @overload
    def __call__(
        self, mel: Sequence[Tensor], lengths: None = None, **options: Unpack[VocodeOptions]
    ) -> list[Tensor]: ...

    @overload
    def __call__(
        self, mel: Sequence[NumpyArray], lengths: None = None, **options: Unpack[VocodeOptions]
    ) -> list[NumpyWave]: ...

    @on_processor()
    def __call__(
        self,
        mel: AnyArray | Sequence[AnyArray],
        lengths: Numbers | None = None,
        *,
        n_steps: int | None = None,
        times: Times | None = None,
        sampler: str | None = None,
        seed: Seed = 0,
        temperature: Temperature = 1.0,
        spec: SpecOrName | None = None,
        convert: Convert = "exact",
        f0: GivenF0 | None = None,
        progress: Callable[[float], None] = silent,
    ) -> Any:
        """Vocode one mel [n_mels, frames] to [samples], or a batch to [batch, samples]; samples = hop · frames.

        A list of mels of any lengths becomes a list of waveforms. `lengths` are the frames that count in each item
        of a padded batch; beyond hop · length a waveform is exactly zero. An item sounds the same alone, in a batch,
        in a list and padded. The other options are those of `VocodeOptions`.

        Raises `MelMismatchError` for a mel in another convention, `MelError` for one that is empty or not finite,
        `ConfigError` for options, lengths or seeds that do not fit.
        """
        plan, contract = self._plan(n_steps, times, sampler, temperature), contract_of(spec, self.mel_spec, convert)
        call = VocodeCall(plan=plan, contract=contract, seed=seed, f0=f0, progress=progress)
        if not is_array(mel):
            if lengths is not None:
                raise ConfigError("got lengths beside a list of mels: they belong to a padded batch, one array")
            mels = list(items_of(mel, "a mel"))
            return [Form.of(one, 2).restore(wave[None]) for one, wave in zip(mels, self._each(mels, call), strict=True)]
        form = Form.of(mel, 2)
        if lengths is not None:
            return form.restore(self._unpadded(tensor_of(mel, "a mel"), lengths, call))
        return form.restore(*self._waves(mel, call, every_step=False))

    decode = __call__

    def each_step(
        self,
        mel: ArrayKind,
        *,
        n_steps: int | None = None,
        times: Times | None = None,
        sampler: str | None = None,
        seed: Seed = 0,
        temperature: Temperature = 1.0,
        spec: SpecOrName | None = None,
        convert: Convert = "exact",
        f0: GivenF0 | None = None,
        progress: Callable[[float], None] = silent,
    ) -> Iterator[ArrayKind]:
        """Yield the waveform after every step of the sampler; the last is the result of calling the vocoder.

        A network that works tile by tile has all of them at its end, and a mel that is long is treated alike.
        """
        plan, contract = self._plan(n_steps, times, sampler, temperature), contract_of(spec, self.mel_spec, convert)
        call = VocodeCall(plan=plan, contract=contract, seed=seed, f0=f0, progress=progress)
        for wave in self._waves(mel, call, every_step=True):
            yield Form.of(mel, 2).restore(wave)

    @on_processor()
    def stream(
        self,
        *,
        live: bool = True,
        n_steps: int | None = None,
        times: Times | None = None,
        sampler: str | None = None,
        seed: SupportsIndex = 0,
        temperature: Temperature = 1.0,
        spec: SpecOrName | None = None,
        convert: Convert = "exact",
    ) -> VocoderStream:
        """Begin with one mel that comes in pieces; see `VocoderStream`.

        Where nobody listens meanwhile, `live=False` may let samples come later, in exchange for speed.
        A stream does not guess a convention: without `spec` the mel is taken to be in the model's own.
        Raises `ConfigError` for a sampler that cannot run on a part of a signal.
        """
        contract = contract_of(spec or self.mel_spec, self.mel_spec, convert)
        with torch.inference_mode(), self._precision():
            voice, pitch = open_to_pitch(self._fast)
            plan = self._plan(n_steps, times, sampler, temperature)
            stream = open_stream(voice, **plan, noise=SampleNoise(seeds_for(seed, 1)), live=live)
        return VocoderStream(stream, lambda mel: self._placed(contract.mel(mel)), self._precision, pitch)

    async def astream(
        self, mels: AsyncIterable[ArrayKind], **options: Unpack[StreamOptions]
    ) -> AsyncIterator[ArrayKind]:
        """Yield the waveform of a mel that comes in pieces, as it is finished; the work is done in a thread."""
        stream = self.stream(**options)
        async for mel in mels:
            wave = await asyncio.to_thread(stream.feed, mel)
            if wave.shape[-1]:
                yield wave
        yield await asyncio.to_thread(stream.flush)

    def latency(self, *, n_steps: int | None = None, times: Times | None = None, sampler: str | None = None) -> Samples:
        """Distance by which a stream must have been fed ahead of the samples that it returns, at most; computed."""
        return self.stream(n_steps=n_steps, times=times, sampler=sampler).latency

    @overload
    def pitch(
        self, mel: Tensor | Iterable[Tensor], *, spec: SpecOrName | None = None, convert: Convert = "exact"
    ) -> Tensor: ...

    @overload
    def pitch(
        self, mel: NumpyArray | Iterable[NumpyArray], *, spec: SpecOrName | None = None, convert: Convert = "exact"
    ) -> NumpyArray: ...

    @on_processor()
    def pitch(
        self, mel: AnyArray | Iterable[AnyArray], *, spec: SpecOrName | None = None, convert: Convert = "exact"
    ) -> Any:
        """The f0 of one mel, in pieces or whole, for `f0`; `ConfigError` for a voice without a `SourceFilter` prior."""
        contract = contract_of(spec, self.mel_spec, convert)
        pieces = [mel] if is_array(mel) else list(items_of(mel, "a mel"))
        numpy = bool(pieces) and all(isinstance(piece, np.ndarray) for piece in pieces)
        form = Form.of(mel, 2) if is_array(mel) else Form(numpy, batched=False)
        with torch.inference_mode():
            found = pitch_of(self.model, (self._placed(contract.mel(piece)) for piece in pieces))
        return form.restore(found[None])

    @on_processor()
    def mel(self, wave: ArrayKind, sample_rate: Hertz | None = None) -> ArrayKind:
        """Extract the model's own mel [n_mels, frames] of a waveform [samples], or of a batch of them; whole hops only.

        A waveform at another `sample_rate` is resampled. Raises `AudioError` for one that is too short, not finite or
        no waveform.
        """
        samples = tensor_of(wave, "a waveform", error=AudioError)
        return Form.of(wave, 1).restore(extracted(samples, self.mel_spec, sample_rate))

    def _each(self, mels: Sequence[object], call: VocodeCall) -> list[OneWave]:
        """The waveforms of single mels."""
        seeds = seeds_for(call.seed, len(mels))
        alone = [self._placed(call.contract.mel(mel))[0] for mel in mels]
        f0 = checked_f0(call.f0, alone, self.sample_rate)
        with torch.inference_mode(), self._precision():
            return synthesize_each_at(self._fast, alone, f0, **call.plan, seeds=seeds, progress=call.progress)

    def _unpadded(self, mels: Tensor, lengths: Numbers, call: VocodeCall) -> Wave:
        """The waveforms of a padded batch."""
        items = unpadded(mels, lengths)
        f0 = checked_f0(call.f0, mels, self.sample_rate, lengths)
        waves = self._each(items, replace(call, f0=f0))
        return padded(waves, mels.shape[-1] * self.hop_length)

    @torch.inference_mode()
    def _waves(self, mel: object, call: VocodeCall, *, every_step: bool) -> Iterator[Wave]:
        with on_processor():
            batch = self._placed(call.contract.mels(mel))
            waves = synthesize_at(
                self._fast,
                batch,
                checked_f0(call.f0, batch, self.sample_rate),
                **call.plan,
                noise=[SampleNoise([seed]) for seed in seeds_for(call.seed, len(batch))],
                every_step=every_step,
                progress=call.progress,
            )
        while (wave := self._next(waves)) is not None:
            yield wave

    def _next(self, waves: Iterator[Wave]) -> Wave | None:
        """The next one, or None; the caller's own precision and device hold again between the steps."""
        with on_processor(), self._precision():
            return next(waves, None)

    def _placed(self, mels: Mel) -> Mel:
        return mels.to(self.device)
