"""Edits leave alone what they should, change the rest, and refuse what they cannot edit."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.errors import AudioError, ConfigError
from audiodiff.generation.editing import Editor, crossed_over
from audiodiff.generation.requests import ConditionRequest
from tests.elsewhere import PretendedGpu, There, brought, moved, sent
from tests.generators import tiny_generator


@pytest.fixture(scope="module")
def editor():
    return Editor(generator=tiny_generator(), n_steps=4)


@pytest.fixture
def words():
    """Two quiet chords of 1500 samples, shorter than the generator's 1600."""
    t = torch.arange(1500) / 8000
    tones = [torch.sin(2 * torch.pi * f * t) for f in (150, 300, 700, 2500)]
    return torch.stack([0.1 * sum(tones[:2]), 0.05 * sum(tones[1:])])


EDITS = {
    "denoise": lambda editor, x: editor.denoise(x),
    "inpaint": lambda editor, x: editor.inpaint(x, begin=600, end=900),
    "extend_band": lambda editor, x: editor.extend_band(x, cutoff=1500),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_edit_keeps_the_shape_and_follows_loudness(editor, words, edit):
    edited = edit(editor, words)
    assert edited.shape == words.shape
    assert not torch.allclose(edited, words, atol=1e-4)
    assert_close(edit(editor, words / 2), edited / 2, rtol=1e-3, atol=1e-4)


def test_denoising_makes_no_bin_louder(editor, words):
    energy = editor.denoise(words).square().sum(dim=1)
    assert (energy <= 1.01 * words.square().sum(dim=1)).all()


def test_denoising_depends_on_how_far_it_goes(editor, words):
    assert not torch.allclose(editor.denoise(words, start=0.2), editor.denoise(words, start=0.6), atol=1e-4)


def test_inpainting_touches_the_gap_alone(editor, words):
    edited = editor.inpaint(words, begin=600, end=900)
    outside = torch.ones(1500, dtype=torch.bool)
    outside[600 - 40 : 900 + 40] = False
    assert_close(edited[:, outside], words[:, outside], rtol=1e-4, atol=1e-5)


def test_inpainting_does_not_look_into_the_gap(editor, words):
    other = words.clone()
    other[:, 600:900] = torch.rand(300) - 0.5
    assert_close(editor.inpaint(words, begin=600, end=900), editor.inpaint(other, begin=600, end=900))


def test_band_extension_touches_the_upper_band_alone(editor, words):
    low = crossed_over(words, torch.zeros_like(words), 1500 / 8000)
    edited = editor.extend_band(low, cutoff=1500)
    energy = torch.fft.rfft(edited - low).abs().square()
    frequencies = torch.fft.rfftfreq(1500, 1 / 8000)
    assert energy[:, frequencies < 1300].sum() < 0.03 * energy.sum()


def test_interpolation_begins_and_ends_with_its_ends(editor, words):
    first, second = words[:1], words[1:]
    begin, middle, end = editor.interpolate(first, second, [0.0, 0.5, 1.0])
    assert_close(begin, editor.interpolate(first, first, [0.3])[0])
    assert_close(end, editor.interpolate(second, second, [0.3])[0])
    assert not torch.allclose(middle, begin, atol=1e-3)
    assert not torch.allclose(middle, end, atol=1e-3)


def test_what_is_told_changes_the_edit(words):
    generator = tiny_generator()
    request = [ConditionRequest(label=label, draw=False) for label in (0, 1)]
    one, two = (Editor(generator=generator, request=what, n_steps=4).denoise(words, start=0.6) for what in request)
    assert not torch.allclose(one, two, atol=1e-5)


BAD = {
    "too long": (torch.ones(1, 1601), "at most 1600"),
    "empty": (torch.ones(1, 0), "at most 1600"),
    "none": (torch.ones(0, 800), "at most 1600"),
    "a number": (torch.tensor(1.0), "at most 1600"),
    "no batch": (torch.ones(1600), "expected \\[batch, samples\\]"),
    "silent": (torch.zeros(1, 800), "silent"),
    "not finite": (torch.full((1, 800), float("nan")), "NaN"),
}


@pytest.mark.parametrize(("waves", "words"), BAD.values(), ids=BAD)
def test_unusable_clip_is_refused(editor, waves, words):
    with pytest.raises(AudioError, match=words):
        editor.denoise(waves)


@pytest.mark.parametrize("start", [0.0, 1.0, -0.5])
def test_impossible_start_is_refused(editor, words, start):
    with pytest.raises(ConfigError, match="expected a time between"):
        editor.denoise(words, start=start)


@pytest.mark.parametrize(("begin", "end"), [(5, 5), (900, 600), (-1, 5), (0, 1501)])
def test_impossible_gap_is_refused(editor, words, begin, end):
    with pytest.raises(ConfigError, match="a gap from"):
        editor.inpaint(words, begin=begin, end=end)


@pytest.mark.parametrize("cutoff", [0, 4000, -5])
def test_impossible_cutoff_is_refused(editor, words, cutoff):
    with pytest.raises(ConfigError, match="cutoff"):
        editor.extend_band(words, cutoff=cutoff)


EDITS_OF_MORE = EDITS | {
    "interpolate": lambda editor, x: torch.cat(editor.interpolate(x[:1], x[1:], [0.0, 0.5])),
}


@pytest.mark.parametrize("edit", EDITS_OF_MORE.values(), ids=EDITS_OF_MORE)
@pytest.mark.parametrize("where", ["here", "there"])
def test_recordings_and_generator_may_be_on_different_devices(editor, words, edit, where):
    """What comes back is where the recordings are; a GPU is pretended."""
    expected = edit(editor, words)
    generator = tiny_generator()
    moved(generator.model)
    with PretendedGpu():
        edited = edit(Editor(generator=generator, n_steps=4), words if where == "here" else sent(words))
    assert isinstance(edited, There) == (where == "there")
    assert_close(brought(edited), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("edit", EDITS_OF_MORE.values(), ids=EDITS_OF_MORE)
def test_the_default_device_is_the_callers(editor, words, edit):
    expected = edit(editor, words)
    with torch.device("meta"):
        assert_close(edit(editor, words), expected, rtol=0, atol=0)
