"""On a processor that is taken for a GPU, mels of many lengths go through together, and sound as each does alone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from audiodiff.streaming import synthesis, windows
from audiodiff.streaming.windows import WindowPlan
from tests.tiny_voices import HIFIGAN, VOICES, mel_of


@pytest.fixture(params=VOICES)
def vocoder(request, monkeypatch):
    monkeypatch.setattr(windows, "FRAMES", 48)
    monkeypatch.setattr(windows, "TIMES_REACH", 3)
    return VOICES[request.param]()


@given(frames=st.integers(0, 5000), length=st.integers(1, 700), share=st.floats(0, 0.49))
def test_windows_keep_every_frame_once_and_none_that_a_cut_is_near(frames, length, share):
    plan = WindowPlan(length, int(share * length))
    if frames < length:
        return
    done = 0
    for window in plan.cut(0, frames):
        assert window.first == done < window.end <= window.start + length <= frames
        assert window.start == 0 or window.first - window.start >= plan.reach
        assert window.start + length == frames or window.start + length - window.end >= plan.reach
        done = window.end
    assert done == frames


@pytest.mark.parametrize("sampler", ["ddim", "ancestral", "heun"])
def test_many_lengths_together_are_each_alone(vocoder, sampler, monkeypatch):
    plan = WindowPlan.of(vocoder.model, vocoder.sampler(sampler), vocoder.times(2))
    n, shares = plan.length, []
    lengths = [n, n + 1, 2 * n + 7, 9, 3 * n, 3 * n, n + 1]
    mels = [mel_of(frames, seed) for seed, frames in enumerate(lengths)]
    known = {"spec": HIFIGAN, "sampler": sampler, "n_steps": 2, "seed": list(range(30, 30 + len(mels)))}
    alone = vocoder(mels, **known)
    monkeypatch.setattr(synthesis, "BATCHED", {"cpu"})
    monkeypatch.setattr(synthesis, "LONG", 2 * n + 10)
    monkeypatch.setattr(synthesis, "MELS_TOGETHER", 3)
    went, whole = [], synthesis.in_windows
    monkeypatch.setattr(
        synthesis,
        "in_windows",
        lambda model, mels, **k: went.append([m.shape[-1] for m in mels]) or whole(model, mels, **k),
    )
    together = vocoder(mels, **known, progress=shares.append)
    assert went == [[n, 2 * n + 7, 3 * n, 3 * n]]
    for one, wave in zip(together, alone, strict=True):
        assert_close(one, wave, rtol=0, atol=1e-5)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_long_batch_goes_in_windows_too(vocoder, monkeypatch):
    n = WindowPlan.of(vocoder.model, vocoder.sampler(), vocoder.times(2)).length
    mels = torch.stack([mel_of(2 * n + 5, seed) for seed in (1, 2)])
    known = {"spec": HIFIGAN, "n_steps": 2, "seed": [8, 9]}
    alone = vocoder(mels, **known)
    monkeypatch.setattr(synthesis, "BATCHED", {"cpu"})
    monkeypatch.setattr(synthesis, "LONG", n)
    monkeypatch.setattr(synthesis, "in_pieces", lambda *_, **__: pytest.fail("one after the other"))
    assert_close(vocoder(mels, **known), alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("lengths", "places"),
    [
        ([600], []),  # one alone fills nothing
        ([600, 700, 600], []),  # two alike go whole, and the third is left alone
        ([600, 700, 800], [0, 1, 2]),
        ([600, 100, 800], [0, 2]),  # too short for a window
        ([1100], [0]),  # too long to go whole
        ([1100, 1100, 600, 20000], [0, 1, 2]),  # and too long for a whole prior
    ],
)
def test_who_goes_in_windows(lengths, places):
    mels = [torch.empty(80, frames) for frames in lengths]
    assert synthesis.in_many_lengths(mels, range(512, synthesis.LONGEST_TOGETHER + 1)) == places
