"""Closure instants and f0 of recordings in which they are known, and of those that have none."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from audiodiff.audio import load_audio
from audiodiff.errors import ConfigError
from audiodiff.source.glottis import find_closures, residual_polarity
from audiodiff.source.pitch_track import FRAME, track_pitch
from tests.conftest import CLIP
from tests.vowels import vibrato, vowel

RATES = (16000, 22050, 44100)
SECONDS = 0.6
NEAR = 1e-4
"""Seconds by which an instant may be wrong."""
EDGE = 0.02
"""Seconds at either end of a vowel in which none need be found."""
VOWELS = [("e", f0) for f0 in (55, 60, 100, 200, 330, 500, 700, 1000)] + [("i", f0) for f0 in (55, 100, 200, 330)]
VOWELS += [("a", f0) for f0 in (60, 100, 200, 330)]
"""Where f0 lies on a strong formant, the residual of linear prediction says little about phase."""


def misses(found, instants, sample_rate):
    """How many instants were not found, and how many were found between the first and the last that are none."""
    near = NEAR * sample_rate
    distance = np.abs(found[:, None] - instants)
    inside = (found > instants[0] + near) & (found < instants[-1] - near)
    return int((distance.min(axis=0) > near).sum()), int((distance.min(axis=1)[inside] > near).sum())


@pytest.mark.parametrize("polarity", [1, -1])
@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize(("formants", "f0"), VOWELS)
def test_instants_are_found_within_a_tenth_of_a_millisecond(formants, f0, sample_rate, polarity):
    """All within the vowel, and none between them that is none."""
    wave, instants = vowel(vibrato(f0, sample_rate, SECONDS), sample_rate, formants, SECONDS)
    glottis = find_closures(polarity * wave, sample_rate)
    inner = instants[(instants > instants[0] + EDGE * sample_rate) & (instants < instants[-1] - EDGE * sample_rate)]
    missed, false = misses(glottis.instants, inner, sample_rate)
    assert glottis.polarity == polarity
    assert missed == false == 0


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("f0", [50, 75, 123.4, 250, 440, 700, 1000])
@pytest.mark.parametrize("formants", ["a", "e"])
def test_f0_of_a_periodic_wave_is_the_highest_of_all_that_it_repeats_with(f0, sample_rate, formants):
    """A wave that repeats after one period repeats after two and four just as well."""
    wave, _ = vowel(f0, sample_rate, formants, SECONDS)
    track = track_pitch(wave, sample_rate)
    inside = track.f0[(track.times > 0.2) & (track.times < 0.4)]
    assert_allclose(inside, f0, rtol=0.015)


def test_f0_follows_a_glide_over_two_octaves():
    glide = 110 * 4 ** (np.arange(22050) / 22050)
    wave, _ = vowel(glide, 22050, "e")
    track = track_pitch(wave, 22050)
    inside = (track.times > 0.15) & (track.times < 0.85)
    assert_allclose(track.f0[inside], 110 * 4 ** track.times[inside], rtol=0.03)


def test_a_known_polarity_is_believed():
    wave, _ = vowel(vibrato(120, 22050), 22050, "e")
    assert find_closures(wave, 22050, polarity=-1).polarity == -1


def test_a_recording_has_one_polarity_and_its_opposite_the_other():
    wave = load_audio(CLIP).double().numpy()
    plain, inverted = find_closures(wave, 22050), find_closures(-wave, 22050)
    assert plain.polarity == -inverted.polarity
    assert_allclose(plain.instants, inverted.instants, rtol=0, atol=1e-6)
    f0 = plain.track.f0[np.rint(plain.instants / 22050 / FRAME).astype(int)][1:]
    periods = np.diff(plain.instants) / 22050 * f0
    assert 0.5 < (plain.track.f0 > 0).mean() < 0.9
    assert np.median(periods[f0 > 0]) == pytest.approx(1, abs=0.02)
    assert (np.abs(periods[f0 > 0] - 1) < 0.2).mean() > 0.9


def test_instants_in_a_recording_rise_and_lie_where_it_is_voiced():
    wave = load_audio(CLIP).double().numpy()
    glottis = find_closures(wave, 22050)
    f0 = glottis.track.f0
    assert (np.diff(glottis.instants) > 0).all()
    frames = np.rint(glottis.instants / 22050 / FRAME).astype(int)
    assert all(f0[max(0, frame - 1) : frame + 2].max() > 0 for frame in frames)


NOTHING = {
    "silence": lambda n, draw: np.zeros(n),
    "a constant": lambda n, draw: np.full(n, 0.3),
    "noise": lambda n, draw: draw.standard_normal(n),
    "soft noise": lambda n, draw: 1e-4 * draw.standard_normal(n),
    "a click": lambda n, draw: np.eye(1, n, n // 2)[0],
    "clicks": lambda n, draw: np.isin(np.arange(n), [n // 6, n // 4 + 17, n // 2, 3 * n // 4 + 11]) * 0.9,
}


@pytest.mark.parametrize("kind", NOTHING)
@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("seed", range(2))
def test_what_is_not_voiced_has_no_instants(kind, sample_rate, seed):
    wave = NOTHING[kind](sample_rate, np.random.default_rng(seed))
    glottis = find_closures(wave, sample_rate)
    assert len(glottis.instants) == 0
    assert (glottis.track.f0 > 0).mean() < 0.04


@pytest.mark.parametrize("n", [0, 1, 2, 5, 50, 110, 500, 3000])
@pytest.mark.parametrize("kind", ["zeros", "ones", "noise"])
def test_a_recording_may_be_as_short_as_it_likes(n, kind):
    wave = {"zeros": np.zeros(n), "ones": np.ones(n), "noise": np.random.default_rng(0).standard_normal(n)}[kind]
    glottis = find_closures(wave, 22050)
    assert len(glottis.instants) == 0
    assert len(glottis.track.f0) == len(glottis.track.strength) == int(n / 22050 / FRAME) + 1


def test_the_sign_of_nothing_is_positive():
    track = track_pitch(np.zeros(0), 22050)
    assert residual_polarity(np.zeros(0), track, 22050) == 1


@pytest.mark.parametrize(("floor", "ceiling"), [(0, 500), (-50, 500), (500, 100), (50, 12000), (float("nan"), 500)])
def test_a_range_that_cannot_be_is_refused(floor, ceiling):
    with pytest.raises(ConfigError, match="expected a range above 0 and below 11025"):
        track_pitch(np.zeros(100), 22050, floor=floor, ceiling=ceiling)


def test_a_narrower_range_is_kept_to():
    wave, _ = vowel(200, 22050, "e")
    voiced = track_pitch(wave, 22050, floor=80, ceiling=150).f0
    assert (voiced[voiced > 0] <= 150 * 2 ** (1 / 48)).all()
