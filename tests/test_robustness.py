"""What the universal voice must bear: silence, any loudness, abrupt edges, blurred mels, half-band recordings."""

import math

import pytest
import torch
from torch.nn import functional as F

from audiodiff import Vocoder
from audiodiff.audio import resample
from audiodiff.mel import MelSpectrogram

MELS = ("hifigan_22k", "vocos_24k")


class Voice:
    """A vocoder, a recording at its rate, and its mels; `per_neper` is what a factor of e adds to a mel."""

    def __init__(self, name, clip):
        self.vocoder = Vocoder.from_pretrained("universal", mel=name)
        self.spec = self.vocoder.mel_spec
        self.analysis = MelSpectrogram(self.spec)
        self.wave = resample(clip[:24576], 22050, self.spec.sample_rate)
        self.per_neper = self.spec.power / (math.log(10) if self.spec.log_base == "10" else 1)

    def mel(self, wave):
        frames = len(wave) // self.spec.hop_length
        return self.analysis(wave[None])[0, :, :frames]

    def speak(self, mel):
        return self.vocoder(mel, spec=self.spec)

    def louder(self, mel, decibels):
        """The mel of a recording that is louder; what was at the floor rises with the rest."""
        return mel + decibels / 20 * math.log(10) * self.per_neper


@pytest.fixture(scope="module", params=MELS)
def voice(request, clip):
    return Voice(request.param, clip)


@pytest.fixture(scope="module")
def mel(voice):
    return voice.mel(voice.wave)


@pytest.fixture(scope="module")
def spoken(voice, mel):
    return voice.speak(mel)


def decibels(wave):
    return 10 * wave.square().mean().clamp_min(1e-20).log10().item()


def share_above(wave, hertz, sample_rate):
    """The energy above a frequency as a share of all, in decibels."""
    power = torch.fft.rfft(wave).abs().square()
    above = power[math.ceil(hertz / sample_rate * len(wave)) :].sum() / power.sum()
    return 10 * above.clamp_min(1e-20).log10().item()


def test_silence_stays_silent(voice):
    silent = voice.speak(voice.mel(torch.zeros(voice.spec.hop_length * 60)))
    assert silent.abs().max() < 1e-4


def test_silence_within_speech_stays_silent(voice):
    gap = torch.zeros(voice.spec.hop_length * 40)
    made = voice.speak(voice.mel(torch.cat([voice.wave[:12288], gap, voice.wave[:12288]])))
    inside = made[12288 + 4096 : 12288 + len(gap) - 4096]
    assert inside.abs().max() < 1e-4


@pytest.mark.filterwarnings("ignore::audiodiff.mel.contract.MelContractWarning")  # values no front-end stores
@pytest.mark.parametrize("change", [20, -20])
def test_a_louder_mel_is_a_louder_waveform(voice, mel, spoken, change):
    made = voice.speak(voice.louder(mel, change))
    assert decibels(made) - decibels(spoken) == pytest.approx(change, abs=0.5)


@pytest.mark.filterwarnings("ignore::audiodiff.mel.contract.MelContractWarning")  # values no front-end stores
@pytest.mark.parametrize("change", [60, -60])
def test_very_loud_and_very_quiet_mels_are_bounded(voice, mel, spoken, change):
    made = voice.speak(voice.louder(mel, change))
    assert made.isfinite().all()
    assert made.abs().max() < 2 * 10 ** (change / 20) * spoken.abs().max()
    assert decibels(made) - decibels(spoken) == pytest.approx(change, abs=3)


def test_abrupt_starts_and_ends_do_not_click(voice, mel, spoken):
    """Speech cut in the middle of its loudest vowel, alone and between digital silence."""
    loudest = int(mel.mean(dim=0).argmax())
    first = max(0, loudest - 12)
    part = mel[:, first : loudest + 1]
    floor = voice.mel(torch.zeros(voice.spec.hop_length * 20))
    for made in (voice.speak(part), voice.speak(torch.cat([floor, part, floor], dim=1))):
        assert made.isfinite().all()
        assert made.abs().max() < 1.6 * spoken.abs().max()


def test_blurred_mels_keep_their_level(voice, mel, spoken):
    """What an acoustic model predicts is smoother than any recording's mel."""
    blurred = F.avg_pool2d(F.pad(mel[None], (2, 2, 2, 2), mode="replicate"), 5, 1)[0]
    made = voice.speak(blurred)
    assert made.isfinite().all()
    assert made.abs().max() < 1.6 * spoken.abs().max()
    assert (voice.mel(made) - blurred).abs().mean() < 0.35 * voice.per_neper


def test_half_band_recordings_stay_half_band(voice):
    """Above a band that ends at 4 kHz nothing is made up, not even where the mel tells nothing."""
    rate = voice.spec.sample_rate
    narrow = resample(resample(voice.wave, rate, 8000), 8000, rate)[: len(voice.wave)]
    made = voice.speak(voice.mel(narrow))
    assert made.isfinite().all()
    assert abs(decibels(made) - decibels(narrow)) < 1
    assert share_above(made, 4500, rate) < -45
