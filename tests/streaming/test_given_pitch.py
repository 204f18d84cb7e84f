"""f0 that a caller gives, by every way in which a voice can be asked to speak."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from audiodiff.errors import ConfigError, MelError, StreamError
from audiodiff.streaming import synthesis, windows
from tests.tiny_voices import HIFIGAN, mel_of, source_filter, whitened

KNOWN = {"spec": HIFIGAN, "seed": 3}


@pytest.fixture(scope="module")
def vocoder():
    return source_filter()


@pytest.fixture(scope="module")
def f0(vocoder):
    """Half of the mel's own, so that nothing is above what may be given."""
    return 0.5 * vocoder.pitch(mel_of(60), spec=HIFIGAN)


def test_the_mel_s_own_f0_given_back_changes_nothing(vocoder):
    mel = mel_of(60)
    own = vocoder.pitch(mel, spec=HIFIGAN)
    assert own.shape == (60,)
    assert torch.equal(own > 0, vocoder.model.prior.source.f0(mel[None])[0] > 0)
    assert_close(vocoder(mel, f0=own, **KNOWN), vocoder(mel, **KNOWN), rtol=0, atol=1e-5)


def test_another_f0_makes_another_sound_and_pulses_at_that_f0(vocoder):
    mel = mel_of(60)
    told = torch.full((60,), 220.0)
    assert (vocoder(mel, f0=told, **KNOWN) - vocoder(mel, **KNOWN)).abs().max() > 0.1
    mean = vocoder.model.prior.condition(mel[None], told[None]).mean
    silent = vocoder.model.prior.condition(mel[None], torch.zeros(1, 60)).mean
    assert mean.abs().max() > 0.1
    assert silent.abs().max() == 0


def test_pitch_in_pieces_is_the_pitch(vocoder):
    mel = mel_of(90)
    whole = vocoder.pitch(mel, spec=HIFIGAN)
    assert_close(vocoder.pitch(mel.split(17, dim=1), spec=HIFIGAN), whole, rtol=1e-10, atol=0)
    pieces = [piece.numpy() for piece in mel.split(17, dim=1)]
    found = vocoder.pitch(pieces, spec=HIFIGAN)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, whole, rtol=1e-10)
    assert vocoder.pitch([]).shape == (0,)


def test_alone_batched_listed_and_padded(vocoder, f0):
    mels, tracks = torch.stack([mel_of(60), mel_of(60, 1)]), torch.stack([f0, f0.roll(7)])
    batch = vocoder(mels, f0=tracks, **KNOWN)
    for mel, track, wave in zip(mels, tracks, batch, strict=True):
        assert_close(vocoder(mel, f0=track, **KNOWN), wave, rtol=0, atol=1e-5)
    listed = vocoder([mels[0], mels[1][:, :31]], f0=[tracks[0], tracks[1][:31]], **KNOWN)
    assert_close(listed[0], batch[0], rtol=0, atol=1e-5)
    padded = vocoder(mels, lengths=[60, 31], f0=tracks, **KNOWN)
    assert_close(padded[1, : 31 * 256], listed[1], rtol=0, atol=1e-5)
    assert padded[1, 31 * 256 :].abs().max() == 0


def test_many_go_together_on_a_gpu_each_at_its_own_f0(vocoder, f0, monkeypatch):
    """On a processor that is taken for one: a batch, a list of one length, and windows of many lengths."""
    monkeypatch.setattr(windows, "FRAMES", 48)
    monkeypatch.setattr(windows, "TIMES_REACH", 3)
    n = windows.WindowPlan.of(vocoder.model, vocoder.sampler(), vocoder.times(2)).length
    lengths = [20, 20, n + 3, 20, 2 * n + 5, n + 9]
    known = {"spec": HIFIGAN, "n_steps": 2, "seed": list(range(6))}
    mels = [mel_of(frames, seed) for seed, frames in enumerate(lengths)]
    tracks = [f0[seed : seed + 1].expand(frames) + 90 + 10 * seed for seed, frames in enumerate(lengths)]
    batch = {"f0": torch.stack([*tracks[:2], tracks[3]]), "spec": HIFIGAN, "n_steps": 2, "seed": [0, 1, 3]}
    stacked = torch.stack([*mels[:2], mels[3]])
    alone, alone_batch = vocoder(mels, f0=tracks, **known), vocoder(stacked, **batch)
    sizes = []
    hook = vocoder.model.denoiser.network.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    monkeypatch.setattr(synthesis, "BATCHED", {"cpu"})
    assert_close(vocoder(stacked, **batch), alone_batch, rtol=0, atol=1e-5)
    assert sizes == [3, 3]
    for one, wave in zip(vocoder(mels, f0=tracks, **known), alone, strict=True):
        assert_close(one, wave, rtol=0, atol=1e-5)
    hook.remove()
    assert sizes[4:] == [3, 3]
    assert min(sizes[2:4]) > 3


def test_every_step_is_told(vocoder, f0):
    mels = torch.stack([mel_of(60), mel_of(60, 1)])
    walk = list(vocoder.each_step(mels, f0=torch.stack([f0, f0]), **KNOWN))
    assert [wave.shape for wave in walk] == [(2, 60 * 256)] * 3
    assert_close(walk[-1], vocoder(mels, f0=torch.stack([f0, f0]), **KNOWN), rtol=0, atol=1e-5)


def test_a_long_mel_at_a_given_f0(vocoder, f0, monkeypatch):
    whole = vocoder(mel_of(60), f0=f0, **KNOWN)
    monkeypatch.setattr("audiodiff.streaming.synthesis.LONG", 20)
    assert_close(vocoder(mel_of(60), f0=f0, **KNOWN), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [1, 7, 60])
def test_a_stream_at_a_given_f0_is_the_whole(vocoder, f0, size):
    stream = vocoder.stream(**KNOWN)
    parts = [stream.feed(mel, track) for mel, track in zip(mel_of(60).split(size, 1), f0.split(size), strict=True)]
    assert_close(torch.cat([*parts, stream.flush()]), vocoder(mel_of(60), f0=f0, **KNOWN), rtol=0, atol=1e-5)


@pytest.mark.parametrize("first", [True, False])
def test_a_stream_is_told_always_or_never_and_goes_on_after_a_mistake(vocoder, f0, first):
    mel, stream = mel_of(60), vocoder.stream(**KNOWN)
    parts = [stream.feed(mel[:, :30], *([f0[:30]] if first else []))]
    with pytest.raises(StreamError, match="for all, or for none"):
        stream.feed(mel[:, 30:], *([] if first else [f0[30:]]))
    if first:
        with pytest.raises(MelError, match="30 frames"):
            stream.feed(mel[:, 30:], f0)
    parts += [stream.feed(mel[:, 30:], *([f0[30:]] if first else [])), stream.flush()]
    whole = vocoder(mel, **KNOWN, **({"f0": f0} if first else {}))
    assert_close(torch.cat(parts), whole, rtol=0, atol=1e-5)


def changed(place, value):
    track = torch.full((60,), 200.0)
    track[place] = value
    return track


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (torch.full((59,), 200.0), MelError, r"\(59,\) for a mel of 60 frames"),
        (torch.zeros(0), MelError, r"\(0,\) for a mel of 60 frames"),
        (torch.full((1, 1, 60), 200.0), MelError, "for a mel of 60 frames"),
        (changed(7, -1.0), MelError, "got an f0 from -1 to 200"),
        (changed(7, torch.nan), MelError, "nan"),
        (changed(7, torch.inf), MelError, "200 to inf"),
        (changed(7, 5513.0), MelError, "up to 5512.5 Hz"),
        ([torch.full((60,), 200.0)] * 2, ConfigError, "f0 for 2 mels beside 1"),
    ],
)
def test_what_cannot_be_an_f0_is_refused_in_a_sentence(vocoder, given, error, words):
    with pytest.raises(error, match=words) as caught:
        vocoder(mel_of(60), f0=given, **KNOWN)
    assert "\n" not in str(caught.value)


def test_a_voice_without_a_source_takes_no_f0():
    vocoder, f0 = whitened(), torch.full((20,), 200.0)
    stream = vocoder.stream(**KNOWN)
    for call in (
        lambda: vocoder(mel_of(20), f0=f0, **KNOWN),
        lambda: vocoder([mel_of(20)], f0=[f0], **KNOWN),
        lambda: list(vocoder.each_step(mel_of(20), f0=f0, **KNOWN)),
        lambda: vocoder.pitch(mel_of(20), spec=HIFIGAN),
        lambda: stream.feed(mel_of(20), f0),
    ):
        with pytest.raises(ConfigError, match="its prior is a SpectralEnvelope"):
            call()


def test_a_stream_takes_f0_with_every_piece(vocoder, f0):
    with pytest.raises(TypeError, match="f0"):
        vocoder.stream(f0=f0, **KNOWN)


def test_pitch_is_of_one_mel_at_a_time(vocoder):
    with pytest.raises(MelError, match="got 2 mels"):
        vocoder.pitch(torch.stack([mel_of(9)] * 2), spec=HIFIGAN)


def test_silence_is_given_as_zeros(vocoder):
    """A mel without any voicing makes noise and no hum, whatever its network would have said."""
    wave = vocoder(mel_of(30), f0=torch.zeros(30), **KNOWN)
    assert wave.isfinite().all()
    assert_close(wave, vocoder(mel_of(30), f0=torch.zeros(30, dtype=torch.int64), **KNOWN), rtol=0, atol=0)
