"""Whispers of recordings, and made music, that f0 and voicing are learnt from."""

import numpy as np
import pytest
import torch

from audiodiff.mel import MelSpectrogram, convention
from audiodiff.source.pitch_track import FRAME, track_pitch
from audiodiff.training import unspoken
from audiodiff.training.analysed import AnalysedRecording
from audiodiff.training.conventions_data import ConventionBatches
from tests.vowels import vowel

RATE = 22050


def vowel_analysed(f0=150.0, rate=RATE, seconds=2.0):
    wave, instants = vowel(f0, rate, seconds=seconds)
    track = torch.full((int(seconds / FRAME) + 1,), f0)
    return AnalysedRecording(torch.from_numpy(wave).float(), rate, torch.from_numpy(instants), track, rate / 2)


def tracked(recording):
    """f0 by the tracker at the frames of the recording's own."""
    return torch.from_numpy(track_pitch(recording.wave.double().numpy(), recording.sample_rate).f0).float()


def at_pitch(recording, f0=150.0):
    """The share of frames in which the tracker finds this pitch."""
    return float(((tracked(recording) / f0).log2().abs() < 0.15).float().mean())


def envelope(recording):
    """Levels of broad bands from 600 Hz on, which no harmonic is seen in."""
    mel = MelSpectrogram(convention("hifigan_22k"))(recording.wave[None])[0, 16:, 30:-30]
    return (2 * mel).exp().mean(dim=1).reshape(8, 8).sum(dim=1).log().numpy()


def played(seed, tones, noises, monkeypatch):
    monkeypatch.setattr(unspoken, "TONES", (tones,))
    monkeypatch.setattr(unspoken, "NOISES", (noises,))
    return unspoken.played(1.5, RATE, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(4))
def test_a_whisper_has_the_formants_and_no_pitch(seed):
    """Seeds 0 to 3 take both kinds of envelopes. Where a formant rings, the tracker may hear the formant."""
    said = vowel_analysed()
    whisper = unspoken.whispered(said, 2.0, np.random.default_rng(seed))
    assert not len(whisper.instants)
    assert not whisper.f0.any()
    assert at_pitch(said) > 0.8
    assert at_pitch(whisper) < 0.05
    assert np.corrcoef(envelope(said), envelope(whisper))[0, 1] > 0.97


def test_a_whisper_is_of_a_piece():
    assert len(unspoken.whispered(vowel_analysed(), 0.5, np.random.default_rng(0)).wave) == RATE // 2
    assert len(unspoken.whispered(vowel_analysed(), 9.0, np.random.default_rng(0)).wave) == 2 * RATE


@pytest.mark.parametrize("seed", range(4))
def test_one_note_at_a_time_has_the_pitch_that_is_said(seed, monkeypatch):
    found = played(seed, 1, 0, monkeypatch)
    both = (tracked(found) > 0) & (found.f0 > 0)
    assert both.float().sum() > 0.6 * (found.f0 > 0).float().sum()
    # the tracker hears an octave or a twelfth where a note begins or lacks its even partials
    near = (tracked(found)[both] / found.f0[both]).log2().abs() < 0.04
    assert near.float().mean() > 0.8


def test_noise_has_no_pitch(monkeypatch):
    for seed in range(4):
        found = played(seed, 0, 2, monkeypatch)
        assert not found.f0.any()
        assert (tracked(found) > 0).float().mean() < 0.1


def test_the_pitch_of_a_chord_is_that_of_its_loudest_note(monkeypatch):
    """At each frame one part is louder than the others, and it is its pitch that is said."""
    parts = []
    whole = unspoken._part

    def remembered(*arguments, **settings):
        parts.append(whole(*arguments, **settings))
        return parts[-1]

    monkeypatch.setattr(unspoken, "_part", remembered)
    found = played(5, 3, 1, monkeypatch)
    assert len(parts) == 4
    frames, hop = len(found.f0), RATE * FRAME
    said = set()
    for frame in range(10, frames - 10, 7):
        near = slice(int((frame - 2) * hop), int((frame + 2) * hop))
        powers = [np.square(part.wave[near]).sum() for part in parts]
        if sorted(powers)[-1] > 4 * sorted(powers)[-2]:
            said.add(int(np.argmax(powers)))
            assert found.f0[frame] == pytest.approx(parts[int(np.argmax(powers))].f0[frame])
    assert len(said) > 1


def test_batches_of_them_have_no_pulses():
    data = ConventionBatches(
        {"one": [vowel_analysed(rate=48000)]}, batch_size=6, seconds=0.4, count=9, seed=0, speed=0.3, unspoken=1.0
    )
    voiced = []
    for number in range(4):
        batch = data[number]
        assert not batch["pulses"].any()
        assert batch["mel"].isfinite().all()
        assert batch["wave"].abs().amax(dim=1).min() > 1e-4
        voiced += (batch["f0"] > 0).float().mean(dim=(1, 2)).tolist()
    assert min(voiced) == 0
    assert max(voiced) > 0.5
