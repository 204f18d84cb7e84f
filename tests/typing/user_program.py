"""A program of somebody who embeds the vocoder, as the documentation shows it; pyright checks it strictly."""

from collections.abc import AsyncIterator, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audiodiff import MelSpec, Vocoder
from audiodiff.integrations import MatchaVocoder, SpeechT5Vocoder

Samples = NDArray[np.float32]


def load() -> Vocoder:
    """A vocoder on the best device that there is."""
    vocoder = Vocoder.from_pretrained("ljspeech-fast", device="cpu", precision="auto")
    if torch.cuda.is_available():
        vocoder = vocoder.cuda().half()
    return vocoder.to(torch.float32).eval()


def from_the_hub(folder: str) -> Vocoder:
    """One fixed state of somebody's voice."""
    return Vocoder.from_pretrained("user/repo", revision="v1.0", token=None, cache_dir=folder)


def facts(vocoder: Vocoder) -> tuple[int, int, int, int, torch.device, torch.dtype, MelSpec]:
    """What a pipeline asks of its vocoder."""
    return (
        vocoder.sample_rate,
        vocoder.hop_length,
        vocoder.n_mels,
        vocoder.n_steps,
        vocoder.device,
        vocoder.dtype,
        vocoder.mel_spec,
    )


def of_tensors(vocoder: Vocoder, mels: list[Tensor]) -> list[Tensor]:
    """Any lengths, a seed for each."""
    speak = partial(vocoder, spec=vocoder.mel_spec, n_steps=2, sampler="ddim")
    first: Tensor = speak(mels[0], seed=0)
    first /= first.abs().max()
    batch: Tensor = vocoder(torch.stack(mels), [90, 80], spec=vocoder.mel_spec, seed=[1, 2], convert="approximate")
    return [first, *batch, *vocoder(mels, spec="hifigan_22k", seed=np.arange(len(mels)))]


def of_arrays(vocoder: Vocoder, path: str) -> Samples:
    """NumPy in, NumPy out."""
    mel: Samples = np.load(path)
    whole = vocoder.decode(mel, spec="hifigan_22k", seed=np.int64(7))
    several = vocoder([mel, mel[:, :40]], spec="hifigan_22k")
    f0 = vocoder.pitch(mel, spec="hifigan_22k")
    higher = vocoder(mel, f0=f0 * 2 ** (3 / 12), spec="hifigan_22k", progress=print)
    return np.concatenate([whole, *several, higher])


def watched(vocoder: Vocoder, mel: Tensor) -> Iterator[float]:
    """The level after every step."""
    for wave in vocoder.each_step(mel, spec=vocoder.mel_spec, n_steps=4):
        yield wave.square().mean().item()


def copied(vocoder: Vocoder, wave: Tensor) -> Tensor:
    """A recording through its own mel."""
    return vocoder(vocoder.mel(wave, sample_rate=44100), spec=vocoder.mel_spec)


def streamed(vocoder: Vocoder, chunks: Iterator[Samples]) -> Iterator[Samples]:
    """Sound as it is finished."""
    stream = vocoder.stream(seed=0, n_steps=1)
    wait: float = stream.latency / vocoder.sample_rate
    print(f"{wait:.2f} s, {vocoder.latency(n_steps=1)} samples")
    for chunk in chunks:
        yield stream.feed(chunk)
    yield stream.flush()


async def served(vocoder: Vocoder, chunks: AsyncIterator[Tensor]) -> AsyncIterator[bytes]:
    """The same for asyncio."""
    async for wave in vocoder.astream(chunks, n_steps=1):
        yield (wave * 32767).to(torch.int16).numpy().tobytes()


def adapted(vocoder: Vocoder) -> nn.Module:
    """In other people's pipelines."""
    return nn.Sequential(MatchaVocoder(vocoder, n_steps=2, seed=1), SpeechT5Vocoder(vocoder, convert="approximate"))
