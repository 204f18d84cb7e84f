"""Tensors and NumPy arrays, single, in batches and in lists; and everything else refused in a sentence."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from audiodiff.errors import AudioError, ConfigError, MelError
from audiodiff.mel import MelSpectrogram
from tests.tiny_voices import HIFIGAN, inversion, mel_of, source_filter, whitened

MEL = mel_of(9)
KNOWN = {"spec": HIFIGAN}


@pytest.fixture(scope="module", params=[whitened, inversion])
def vocoder(request):
    return request.param()


@pytest.fixture(scope="module")
def wave(vocoder):
    return vocoder(MEL, **KNOWN)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, ">f4"])
def test_numpy_in_numpy_out(vocoder, dtype):
    mel = MEL.numpy().astype(dtype)
    made = vocoder(mel, **KNOWN)
    assert type(made) is np.ndarray
    assert made.dtype == np.float32
    assert_close(torch.from_numpy(made), vocoder(torch.from_numpy(mel.astype(np.float32)), **KNOWN), rtol=0, atol=1e-6)


def test_any_strides_and_read_only_arrays(vocoder, wave):
    mel = MEL.numpy()
    locked = mel.copy()
    locked.flags.writeable = False
    for array in (mel[:, ::-1][:, ::-1], np.asfortranarray(mel), locked):
        assert_close(torch.from_numpy(vocoder(array, **KNOWN)), wave, rtol=0, atol=0)


def test_a_batch_of_one_stays_a_batch(vocoder, wave):
    for mel in (MEL[None], MEL.numpy()[None]):
        made = vocoder(mel, **KNOWN)
        assert type(made) is type(mel)
        assert made.shape == (1, len(wave))
        (listed,) = vocoder([mel], **KNOWN)
        assert listed.shape == (1, len(wave))
        assert_close(torch.as_tensor(listed)[0], wave, rtol=0, atol=1e-5)


def test_lists_of_both_kinds(vocoder, wave):
    waves = vocoder([MEL.numpy(), MEL, MEL[:, :4].numpy()], **KNOWN)
    assert [type(one) for one in waves] == [np.ndarray, torch.Tensor, np.ndarray]
    assert_close(torch.from_numpy(waves[0]), wave, rtol=0, atol=1e-5)
    assert waves[2].shape == (4 * 256,)
    assert vocoder([], **KNOWN) == []


def test_padded_batches_of_numpy(vocoder):
    batch = torch.stack([MEL, MEL])
    made = vocoder(batch.numpy(), [9, 4], **KNOWN)
    assert_close(torch.from_numpy(made), vocoder(batch, [9, 4], **KNOWN), rtol=0, atol=0)


def test_every_step_is_of_the_same_kind(vocoder):
    states = list(vocoder.each_step(MEL.numpy(), **KNOWN))
    assert {type(state) for state in states} == {np.ndarray}
    for state, tensor in zip(states, vocoder.each_step(MEL, **KNOWN), strict=True):
        assert_close(torch.from_numpy(state), tensor, rtol=0, atol=0)


def test_streams_answer_in_kind(vocoder, wave):
    for mel in (MEL, MEL.numpy(), MEL[None], MEL.numpy()[None]):
        stream = vocoder.stream(**KNOWN)
        parts = [stream.feed(mel[..., :5]), stream.feed(mel[..., 5:]), stream.flush()]
        assert {type(part) for part in parts} == {type(mel)}
        assert {part.ndim for part in parts} == {mel.ndim - 1}
        whole = torch.cat([torch.as_tensor(part) for part in parts], dim=-1)
        assert_close(whole.reshape(-1), wave, rtol=0, atol=1e-5)


def test_a_stream_takes_one_mel(vocoder):
    stream = vocoder.stream(**KNOWN)
    with pytest.raises(MelError, match="got 2 mels in one batch: a single mel"):
        stream.feed(torch.stack([MEL, MEL]))
    with pytest.raises(MelError, match="got 2 mels in one batch: a single mel"):
        vocoder([torch.stack([MEL, MEL])], **KNOWN)


def test_pitch_answers_in_kind():
    vocoder = source_filter()
    f0 = vocoder.pitch(MEL, **KNOWN)
    assert_close(torch.from_numpy(vocoder.pitch(MEL.numpy(), **KNOWN)), f0, rtol=0, atol=0)
    f0 = f0.clamp(min=0, max=400)
    expected = vocoder(MEL, f0=f0, **KNOWN)
    assert_close(vocoder(MEL, f0=f0.numpy(), **KNOWN), expected, rtol=0, atol=0)
    assert_close(vocoder([MEL], f0=[f0.float().numpy()], **KNOWN)[0], expected, rtol=0, atol=1e-3)
    stream = vocoder.stream(**KNOWN)
    streamed = [stream.feed(MEL, f0.numpy()), stream.flush()]
    assert_close(torch.cat(streamed), expected, rtol=0, atol=1e-5)


WRONG = {
    "nothing": (None, "got None as a mel"),
    "a path": ("mel.npy", r"read files with audiodiff\.mel\.read_mel"),
    "a number": (3.5, "class float"),
    "a dict": ({"mel": MEL}, "class dict"),
    "nested lists": (MEL.tolist(), "class list as a mel"),
    "numbers": ([1.0, 2.0], "class (float|list) as a mel"),
    "complex": (MEL.to(torch.complex64), "complex64 values"),
    "complex of numpy": (MEL.numpy() + 1j, "complex64 values"),
    "integers": (MEL.long(), "int64 values"),
    "integers of numpy": (MEL.numpy().astype(int), "int64 values"),
    "truths": (MEL > 0, "bool values"),
    "objects": (MEL.numpy().astype(object), "object values"),
    "texts": (np.array([["a"]]), "<U1 values"),
    "sparse": (MEL.to_sparse(), "expected a dense one"),
    "meta": (MEL.to("meta"), "expected a dense one"),
    "a scalar": (torch.tensor(1.0), r"shape \(\)"),
    "four dimensions": (MEL[None, None], r"shape \(1, 1, 80, 9\)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_everything_else_is_refused_in_a_sentence(vocoder, name):
    mel, words = WRONG[name]
    calls = [lambda: vocoder(mel, **KNOWN), lambda: vocoder([mel], **KNOWN), lambda: vocoder.stream().feed(mel)]
    for call in calls:
        with pytest.raises(MelError, match=words) as caught:
            call()
        assert len(str(caught.value).splitlines()) == 1


def test_lengths_are_whole_numbers(vocoder):
    with pytest.raises(ConfigError, match="expected whole numbers"):
        vocoder(MEL[None], [2.5], **KNOWN)


def test_results_are_ordinary_tensors(vocoder):
    """They can be changed in place and fed to a net that trains, in whichever way they were made."""
    stream = vocoder.stream(**KNOWN)
    results = [
        vocoder(MEL, **KNOWN),
        vocoder([MEL], **KNOWN)[0],
        vocoder(MEL[None], [9], **KNOWN)[0],
        *vocoder.each_step(MEL, **KNOWN),
        stream.feed(MEL),
        stream.flush(),
        vocoder.mel(torch.randn(4000, generator=torch.Generator().manual_seed(0)))[0],
    ]
    net = nn.Linear(1, 1)
    for result in results:
        assert not result.is_inference()
        assert not result.requires_grad
        result /= 2
        net(result[:, None]).square().sum().backward()
    assert net.weight.grad is not None


def test_changing_a_step_in_place_does_not_change_the_next(vocoder):
    expected = vocoder(MEL, **KNOWN)
    for mel in (MEL, MEL.numpy()):
        last = None
        for last in vocoder.each_step(mel, **KNOWN):
            kept = torch.as_tensor(last).clone()
            last *= 0
        assert_close(kept, expected, rtol=0, atol=1e-6)


def test_its_own_mel_of_a_waveform(vocoder):
    wave = torch.randn(256 * 20 + 100, generator=torch.Generator().manual_seed(0)) / 10
    mel = vocoder.mel(wave)
    assert_close(mel, MelSpectrogram(HIFIGAN)(wave[None])[0, :, :20], rtol=0, atol=0)
    assert_close(torch.from_numpy(vocoder.mel(wave.numpy())), mel, rtol=0, atol=0)
    assert vocoder.mel(torch.stack([wave, wave])).shape == (2, 80, 20)
    for rate in (11025, 11025.0, np.float32(11025), torch.tensor(11025)):
        assert vocoder.mel(wave, sample_rate=rate).shape == (80, 40)
    assert vocoder(vocoder.mel(wave.numpy()), **KNOWN).shape == (256 * 20,)


@pytest.mark.parametrize(
    ("wave", "words"),
    [
        (torch.zeros(2, 3, 4000), "shape"),
        (torch.zeros(100), "less than one mel frame"),
        (torch.zeros(0), "got an empty waveform"),
        (torch.zeros(0, 1000), "got an empty waveform"),
        (torch.full((4000,), torch.nan), "NaN"),
        (torch.zeros(4000, dtype=torch.int16), "int16 values as a waveform"),
        ([0.0, 1.0], "class list as a waveform"),
    ],
)
def test_what_is_no_waveform_has_no_mel(vocoder, wave, words):
    with pytest.raises(AudioError, match=words):
        vocoder.mel(wave)


@pytest.mark.parametrize("shape", [(0, 80, 9), (2, 80, 0)])
def test_a_padded_batch_holds_something(vocoder, shape):
    with pytest.raises(MelError, match="got an empty mel"):
        vocoder(torch.zeros(shape), lengths=[0] * shape[0], **KNOWN)
