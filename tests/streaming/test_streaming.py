"""Chunked = streamed = whole, for every network and sampler, with a latency and a memory that are known before."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from audiodiff.diffusion import SAMPLERS, restart
from audiodiff.errors import ConfigError, MelError, MelMismatchError, StreamError
from audiodiff.mel import convention
from audiodiff.noise import SampleNoise
from audiodiff.streaming import model_stream as stream_module
from tests.tiny_voices import HIFIGAN, VOICES, mel_of

OPTIONS = {"spec": HIFIGAN, "seed": 5}


@pytest.fixture(scope="module", params=VOICES)
def vocoder(request):
    return VOICES[request.param]()


def pieces(mel, sizes):
    """The mel cut into pieces of these sizes, over and over."""
    cut, at = [], 0
    while at < mel.shape[1]:
        cut.append(mel[:, at : at + sizes[len(cut) % len(sizes)]])
        at += cut[-1].shape[1]
    return cut


def streamed(vocoder, mel, sizes, **options):
    stream = vocoder.stream(**options)
    return [*(stream.feed(piece) for piece in pieces(mel, sizes)), stream.flush()]


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
@settings(max_examples=3, deadline=None)
@given(frames=st.integers(1, 110), sizes=st.lists(st.integers(2, 90), min_size=1, max_size=3))
def test_a_stream_is_the_whole_run(vocoder, sampler, frames, sizes):
    mel = mel_of(frames)
    whole = vocoder(mel, sampler=sampler, **OPTIONS)
    assert_close(torch.cat(streamed(vocoder, mel, sizes, sampler=sampler, **OPTIONS)), whole, rtol=0, atol=1e-5)


def use(monkeypatch, vocoder, sampler):
    """Make it the vocoder's own sampler."""
    monkeypatch.setattr(vocoder, "_bundle", replace(vocoder._bundle, sampler=sampler))


def test_samplers_that_are_bound_to_options_stream_too(vocoder, monkeypatch):
    use(monkeypatch, vocoder, partial(restart, low=0.2, high=0.8, n_restarts=2))
    mel = mel_of(70)
    whole = vocoder(mel, n_steps=5, **OPTIONS)
    assert_close(torch.cat(streamed(vocoder, mel, [16], n_steps=5, **OPTIONS)), whole, rtol=0, atol=1e-5)


def test_a_long_mel_is_vocoded_in_tiles(vocoder, monkeypatch):
    mels = torch.stack([mel_of(150, 1), mel_of(150, 2)])
    whole = vocoder(mels, spec=HIFIGAN, seed=[1, 2])
    monkeypatch.setattr("audiodiff.streaming.synthesis.LONG", 40)
    assert_close(vocoder(mels, spec=HIFIGAN, seed=[1, 2]), whole, rtol=0, atol=1e-5)
    assert_close(vocoder(mels[1], spec=HIFIGAN, seed=2), whole[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 4])
def test_latency_is_computed_and_kept(vocoder, steps):
    """Fed frame by frame, the waveform is never later than that, and as late at least once."""
    stream = vocoder.stream(n_steps=steps, **OPTIONS)
    assert stream.latency == vocoder.latency(n_steps=steps)
    behind, got = [], 0
    for fed, frame in enumerate(mel_of(200).split(1, dim=1), start=1):
        got += len(stream.feed(frame))
        behind.append(256 * fed - got if got else 0)
    assert max(behind) == stream.latency


def test_memory_is_bounded_by_the_context(vocoder):
    model = stream_module.ModelStream(
        vocoder.model, sampler=SAMPLERS["dpmpp_2m_sde"], times=vocoder.times(4), noise=SampleNoise([0])
    )
    kept = []
    for piece in mel_of(600).split(20, dim=1):
        model.feed(piece[None])
        buffers = [model.mel, *model.replay.outputs, *model.noise.draws]
        kept.append(sum(buffer.end - buffer.start for buffer in buffers))
    assert max(kept[-10:]) == max(kept[-20:-10])
    assert max(kept) < 600


def test_two_streams_do_not_disturb_each_other(vocoder):
    first, second = mel_of(90, 1), mel_of(90, 2)
    a, b = vocoder.stream(**OPTIONS), vocoder.stream(**OPTIONS)
    fed = [(a.feed(x), b.feed(y)) for x, y in zip(first.split(13, 1), second.split(13, 1), strict=True)]
    waves = [torch.cat([*(x for x, _ in fed), a.flush()]), torch.cat([*(y for _, y in fed), b.flush()])]
    for wave, mel in zip(waves, (first, second), strict=True):
        assert_close(wave, vocoder(mel, **OPTIONS), rtol=0, atol=1e-5)


def test_an_asynchronous_stream_is_the_same(vocoder):
    mel = mel_of(100)

    async def mels():
        for piece in mel.split(17, dim=1):
            await asyncio.sleep(0)
            yield piece

    async def collected():
        return [wave async for wave in vocoder.astream(mels(), **OPTIONS)]

    waves = asyncio.run(collected())
    assert all(len(wave) for wave in waves)
    assert_close(torch.cat(waves), vocoder(mel, **OPTIONS), rtol=0, atol=1e-5)


def test_a_bad_piece_is_refused_and_the_stream_goes_on(vocoder):
    mel = mel_of(60)
    stream = vocoder.stream(**OPTIONS)
    waves = [stream.feed(mel[:, :30])]
    for bad, error, words in [
        (mel[:, :0], MelError, "empty"),
        (mel[:, :9].T, MelMismatchError, "transposed"),
        (mel[:79], MelMismatchError, "79"),
        (mel * torch.nan, MelError, "NaN"),
    ]:
        with pytest.raises(error, match=words):
            stream.feed(bad)
    waves += [stream.feed(mel[:, 30:]), stream.flush()]
    assert_close(torch.cat(waves), vocoder(mel, **OPTIONS), rtol=0, atol=1e-5)
    with pytest.raises(StreamError, match="begin another"):
        stream.feed(mel)
    with pytest.raises(StreamError, match="before"):
        stream.flush()


def test_a_stream_that_was_fed_nothing_has_nothing_to_give(vocoder):
    with pytest.raises(StreamError, match="fed nothing"):
        vocoder.stream().flush()


def test_a_stream_in_another_convention_is_refused(vocoder):
    with pytest.raises(MelMismatchError, match="diffwave_22k"):
        vocoder.stream(spec=convention("diffwave_22k")).feed(mel_of(9))


def test_one_stream_has_one_seed(vocoder):
    with pytest.raises(ConfigError, match="seeds"):
        vocoder.stream(seed=[1, 2])


def test_a_sampler_whose_calls_depend_on_the_signal_cannot_stream(vocoder, monkeypatch):
    def adaptive(denoise, schedule, x, times, noise):
        for t in times[:-1]:
            x = denoise(x, t)
            if x.numel():
                x = denoise(x, t)
            yield x

    use(monkeypatch, vocoder, adaptive)
    stream = vocoder.stream()
    with pytest.raises(ConfigError, match="fixed number of calls"):
        [stream.feed(piece) for piece in mel_of(200).split(50, dim=1)]
