"""The vocoder as an engineer embeds it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.bundle.location import DEFAULT_VOICE, shipped
from audiodiff.errors import BundleError, ConfigError, MelError, MelMismatchError
from audiodiff.mel import MelSpectrogram, convention, convert_mel
from audiodiff.mel.contract import MelContractWarning

HIFIGAN = convention("hifigan_22k")


@pytest.fixture(scope="module")
def vocoder():
    return Vocoder.from_pretrained()


@pytest.fixture(scope="module")
def mel(vocoder, clip):
    return MelSpectrogram(vocoder.mel_spec)(clip[: 256 * 60].unsqueeze(0))[0]


def test_the_default_voice_ships(vocoder):
    assert DEFAULT_VOICE in shipped()
    assert vocoder.name == DEFAULT_VOICE
    assert vocoder.sample_rate == 22050
    assert vocoder.n_steps <= 4


def test_the_default_voice_speaks(vocoder, mel, clip):
    """Its mel is the mel that it was given, to a quarter of a neper on average."""
    wave = vocoder(mel, spec=HIFIGAN)
    assert wave.shape == (256 * 60,)
    again = MelSpectrogram(vocoder.mel_spec)(wave.unsqueeze(0))[0]
    assert (again - mel).abs().mean() < 0.25
    level = 20 * torch.log10(wave.square().mean().sqrt() / clip[: 256 * 60].square().mean().sqrt())
    assert abs(level.item()) < 1.5


def test_a_mel_sounds_the_same_alone_and_in_a_batch(vocoder, mel):
    other = mel.roll(7, dims=1)
    batch = vocoder(torch.stack([mel, other]), spec=HIFIGAN, seed=[3, 4])
    assert_close(batch[0], vocoder(mel, spec=HIFIGAN, seed=3), rtol=0, atol=1e-5)
    assert_close(batch[1], vocoder(other, spec=HIFIGAN, seed=4), rtol=0, atol=1e-5)


def test_seeds_matter_and_repeat(vocoder, mel):
    assert_close(vocoder(mel, spec=HIFIGAN, seed=1), vocoder(mel, spec=HIFIGAN, seed=1), rtol=0, atol=0)
    assert (vocoder(mel, spec=HIFIGAN, seed=1) - vocoder(mel, spec=HIFIGAN, seed=2)).abs().max() > 1e-4


@pytest.mark.parametrize("sampler", ["ddim", "euler", "ancestral"])
@pytest.mark.parametrize("steps", [1, 2, 6])
def test_any_sampler_takes_any_number_of_steps(vocoder, mel, sampler, steps):
    states = list(vocoder.each_step(mel, spec=HIFIGAN, n_steps=steps, sampler=sampler))
    assert len(states) == steps
    assert all(state.isfinite().all() for state in states)


def test_more_frames_later_do_not_change_the_beginning(vocoder, mel):
    """What a stream of one step looks ahead is all that the beginning depends on."""
    long = torch.cat([mel, mel.flip(1), mel, mel.flip(1)], dim=1)
    known = 60 + vocoder.latency(n_steps=1) // 256
    short = vocoder(long[:, :known], spec=HIFIGAN, n_steps=1)
    whole = vocoder(long, spec=HIFIGAN, n_steps=1)
    assert_close(whole[: 256 * 60], short[: 256 * 60], rtol=0, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 4])
def test_the_default_voice_streams(vocoder, clip, steps):
    mel = MelSpectrogram(HIFIGAN)(clip.unsqueeze(0))[0]
    stream = vocoder.stream(n_steps=steps)
    waves = [*(stream.feed(piece) for piece in mel.split(24, dim=1)), stream.flush()]
    assert_close(torch.cat(waves), vocoder(mel, spec=HIFIGAN, n_steps=steps), rtol=0, atol=1e-5)
    assert stream.latency <= (1.4 if steps == 1 else 2.0) * vocoder.sample_rate


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (torch.zeros(60, 80), MelMismatchError, "transposed"),
        (torch.zeros(100, 60), MelMismatchError, "expected 80 bands"),
        (torch.zeros(80), MelError, "shape"),
        (torch.zeros(80, 0), MelError, "empty"),
        (torch.full((80, 9), np.nan), MelError, "NaN"),
        (torch.full((80, 9), np.inf), MelError, "infinite"),
    ],
)
def test_bad_mels_are_refused(vocoder, bad, error, words):
    with pytest.raises(error, match=words):
        vocoder(bad)


def test_bad_wishes_are_refused(vocoder, mel):
    with pytest.raises(ConfigError, match="sampler"):
        vocoder(mel, spec=HIFIGAN, sampler="magic")
    with pytest.raises(ConfigError, match="step"):
        vocoder(mel, spec=HIFIGAN, n_steps=0)
    with pytest.raises(ConfigError, match="seeds"):
        vocoder(mel, spec=HIFIGAN, seed=[1, 2])
    with pytest.raises(BundleError, match=DEFAULT_VOICE):
        Vocoder.from_pretrained("no-such-voice")
    with pytest.raises(ConfigError, match="device"):
        Vocoder.from_pretrained(device="quantum")


def test_a_mel_that_says_nothing_is_recognized_or_refused(vocoder, mel, clip):
    """The right convention passes, one that is another for sure is refused, and so is what nobody can tell."""
    whole = MelSpectrogram(HIFIGAN)(clip.unsqueeze(0))[0]
    assert vocoder(whole, n_steps=1).isfinite().all()
    other = MelSpectrogram(convention("diffwave_22k"))(clip.unsqueeze(0))[0]
    with pytest.raises(MelMismatchError, match="diffwave_22k"):
        vocoder(other)
    with pytest.raises(MelMismatchError, match=r"spec=vocoder\.mel_spec"):
        vocoder(torch.zeros(80, 20))


def test_exact_conversions_are_made_and_said(vocoder, mel):
    """Decibels of the same bands: a formula leads back, and the waveform is the same."""
    decibels = replace(HIFIGAN, log_base="10", gain=20.0)
    converted = convert_mel(mel, HIFIGAN, decibels)
    with pytest.warns(MelContractWarning, match="gain"):
        wave = vocoder(converted, spec=decibels)
    assert_close(wave, vocoder(mel, spec=HIFIGAN), rtol=0, atol=5e-3)


def test_estimates_are_made_only_on_request(vocoder, clip):
    diffwave = convention("diffwave_22k")
    mel = MelSpectrogram(diffwave)(clip.unsqueeze(0))[0]
    with pytest.raises(MelMismatchError, match=r"mel_scale.*audiodiff mel convert"):
        vocoder(mel, spec=diffwave)
    with pytest.warns(MelContractWarning, match="approximate"):
        assert len(vocoder(mel, spec=diffwave, convert="approximate")) == 256 * mel.shape[1]


def test_frames_at_other_times_are_never_converted(vocoder):
    vocos = convention("vocos_24k")
    with pytest.raises(MelMismatchError, match="extract the mel again"):
        vocoder(torch.zeros(100, 9), spec=vocos, convert="approximate")
