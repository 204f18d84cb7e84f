"""f0 between closures: as a recording's voice has it, closer than a pitch track."""

import numpy as np
import pytest

from audiodiff.audio import load_audio
from audiodiff.source.closure_pitch import closure_f0, track_f0
from audiodiff.source.glottis import Glottis, find_closures
from audiodiff.source.pitch_track import PitchTrack
from tests.conftest import CLIP
from tests.vowels import vowel

RATE = 22050


def cents(found, true):
    return np.abs(1200 * np.log2(found / true))


@pytest.mark.parametrize("rate", [6, 12, 20])
@pytest.mark.parametrize("hertz", [120, 220, 320])
def test_vibrato_is_followed_at_least_as_closely_as_by_the_track(hertz, rate):
    """Whose window holds three periods."""
    times = np.arange(RATE) / RATE
    f0 = hertz * np.exp(0.03 * np.sin(2 * np.pi * rate * times))
    glottis = find_closures(vowel(f0, RATE, "e")[0], RATE)
    asked = np.linspace(0.2, 0.8, 200)
    true = np.interp(asked, times, f0)
    assert cents(closure_f0(glottis, RATE, asked), true).mean() < 1.05 * cents(track_f0(glottis, asked), true).mean()


def test_jitter_is_not_followed():
    draw, instants = np.random.default_rng(0), 100 + 147.0 * np.arange(140)
    track = PitchTrack(np.full(201, RATE / 147), np.ones(201))
    jittered = Glottis(instants + draw.normal(0, 1, 140), track, 1)
    asked = np.linspace(0.05, 0.9, 200)
    rough = cents(RATE / np.diff(jittered.instants), RATE / 147).mean()
    assert cents(closure_f0(jittered, RATE, asked), RATE / 147).mean() < 0.7 * rough


def test_voicing_is_the_tracks_and_what_the_track_denies_is_not_believed():
    track = PitchTrack(np.where(np.arange(201) < 100, 150.0, 0.0), np.ones(201))
    octave_off = Glottis(100 + 73.5 * np.arange(140), track, 1)
    asked = np.linspace(0, 1, 97)
    found = closure_f0(octave_off, RATE, asked)
    assert ((found > 0) == (track_f0(octave_off, asked) > 0)).all()
    assert found[found > 0] == pytest.approx(150.0)


@pytest.mark.parametrize("instants", [[], [50.0], [50.0, 200.0, 340.0]])
def test_few_closures_leave_the_track(instants):
    track = PitchTrack(np.full(50, 150.0), np.ones(50))
    found = closure_f0(Glottis(np.array(instants), track, 1), RATE, np.linspace(-0.1, 0.4, 33))
    assert found == pytest.approx(150.0)


def test_of_a_recording_both_are_the_same_voice():
    wave = load_audio(CLIP).double().numpy()
    glottis = find_closures(wave, RATE)
    asked = np.arange(0, len(wave) / RATE, 0.004)
    closures, track = closure_f0(glottis, RATE, asked), track_f0(glottis, asked)
    voiced = track > 0
    assert (voiced == (closures > 0)).all()
    assert 2 < np.median(cents(closures[voiced], track[voiced])) < 15
