"""Near relatives pass, doubtful mels raise a warning, and what cannot be inverted is refused with the reason."""

from dataclasses import replace
from itertools import permutations

import pytest
import torch

from audiodiff.audio import resample
from audiodiff.errors import ConfigError, MelMismatchError
from audiodiff.integrations import MatchaVocoder
from audiodiff.mel import CONVENTIONS, MelSpec, MelSpectrogram, convention
from audiodiff.mel.compatibility import Verdict, check_compatibility, suspicion
from audiodiff.mel.contract import MelContractWarning, fit_mel, relation_for
from audiodiff.mel.conventions import families
from audiodiff.mel.conversion_error import estimated_error, quiet_error
from audiodiff.mel.invertible import FEWEST_BANDS, check_invertible
from tests.integrations.voices import voice_for

HIFIGAN = convention("hifigan_22k")
RELATIVES = [pair for names in families().values() for pair in permutations(names, 2)]
DISTINCT = [name for names in families().values() for name in names]


@pytest.fixture(scope="module")
def mel(clip):
    """The mel of the clip, and of digital silence behind it on request, [1, n_mels, frames]."""

    def make(name, silence=0):
        spec = convention(name)
        wave = torch.cat([resample(clip, 22050, spec.sample_rate), torch.zeros(silence)])
        return MelSpectrogram(spec)(wave[None])

    return make


@pytest.mark.parametrize(("have", "want"), RELATIVES)
def test_naming_a_relative_is_not_worse_than_saying_nothing(have, want):
    """A mel that says nothing may pass for any convention of its family, so it may with its name."""
    assert relation_for(convention(have), convention(want)).is_family


@pytest.mark.parametrize("name", ["tacotron2_22k", "nemo_22k_before_2025_07"])
def test_a_near_relative_sounds_as_it_does_without_its_name(name, mel):
    """Without a warning, which would fail here, and to the last bit."""
    voice = voice_for(HIFIGAN)
    named, unnamed = (voice(mel(name), spec=spec) for spec in (convention(name), None))
    assert torch.equal(named, unnamed)


def test_relatives_of_other_silence_pass_with_a_warning(mel):
    have, want = "fish_44k", "bigvgan_44k_512"
    with pytest.warns(MelContractWarning, match="near relative of bigvgan_44k_512"):
        fitted = fit_mel(mel(have, silence=40000), convention(have), convention(want))
    assert torch.equal(fitted, mel(have, silence=40000))


@pytest.mark.parametrize(
    ("have", "want"),
    [("fish_24k", "bigvgan_24k"), ("bigvgan_24k", "fish_24k"), ("tortoise_24k", "gptsovits_v3_24k")],
)
def test_error_of_quiet_values_is_the_measured_one(have, want, mel):
    have, want, quiet = convention(have), convention(want), mel(have, silence=24000)[0]
    measured = estimated_error(quiet, have, want)
    assert measured / 2 <= quiet_error(quiet, have, want) + 0.01 <= measured + 0.7


def test_silence_above_a_floor_is_an_error_of_its_own(mel):
    """ESPnet stores digital silence at -6.3, where Parallel WaveGAN stores -10."""
    have, want = convention("espnet_22k"), convention("parallel_wavegan_22k")
    assert quiet_error(mel("espnet_22k")[0], have, want) < 0.01
    silent = mel("espnet_22k", silence=22050)[0]
    assert quiet_error(silent, have, want) == pytest.approx(20 * 3.68 * (silent < -6).float().mean().item(), rel=0.05)


@pytest.mark.parametrize("name", DISTINCT)
def test_nobody_doubts_the_right_name(name, mel):
    assert suspicion(mel(name)[0], convention(name)) is None
    assert suspicion(mel(name, silence=4000)[0], convention(name)) is None
    assert suspicion(mel(name)[0, :, :9], convention(name)) is None


WRONG_NAMES = [
    ("diffwave_22k", "hifigan_22k", "another convention. It looks like diffwave_22k"),
    ("bigvgan_22k", "hifigan_22k", "another convention. It looks like bigvgan_22k"),
    ("hifigan_22k", "bigvgan_22k", "another convention. It looks like hifigan_22k"),
    ("hifigan_22k", "diffwave_22k", "between 0 and 1, but it holds -1"),
    ("hifigan_22k", "espnet_22k", "between -6.35 and 1.41, but it holds -1"),
    ("vocos_24k", "bigvgan_24k", "between -11.5 and"),
]


@pytest.mark.parametrize(("really", "named", "words"), WRONG_NAMES)
def test_a_wrong_name_is_doubted(really, named, words, mel):
    spec = convention(named)
    with pytest.warns(MelContractWarning, match="is said to be in " + named) as caught:
        assert torch.equal(fit_mel(mel(really), spec, spec), mel(really))
    assert words in str(caught[0].message)
    report = check_compatibility(mel(really)[0], spec, spec)
    assert report.verdict is Verdict.UNKNOWN
    assert words in report.reason


def test_a_convention_without_a_name_is_doubted_by_its_values_only(mel):
    spec = replace(HIFIGAN, f_min=30.0)
    assert suspicion(mel("bigvgan_22k")[0], spec) is None
    assert "between -11.5" in suspicion(mel("hifigan_22k")[0] * 3, spec)


@pytest.mark.parametrize("name", sorted(CONVENTIONS))
def test_every_named_convention_can_be_inverted(name):
    check_invertible(convention(name))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hop_length": 514}, "hop_length 514 and win_length 1024 cannot be inverted: frames must overlap"),
        ({"n_mels": 3}, "3 bands cannot be inverted: that is too few"),
        ({"n_mels": FEWEST_BANDS - 1}, "too few"),
    ],
)
def test_what_cannot_be_inverted_is_refused_with_the_reason(changes, words):
    spec = replace(HIFIGAN, **changes)
    with pytest.raises(ConfigError, match=words) as refusal:
        check_invertible(spec)
    assert str(refusal.value).count(". ") == 0


def test_no_estimate_is_made_of_what_cannot_be_inverted():
    three = MelSpec(sample_rate=22050, n_fft=1024, win_length=1024, hop_length=256, n_mels=3)
    with pytest.raises(ConfigError, match="3 bands"):
        fit_mel(torch.zeros(1, 3, 20), three, HIFIGAN, "approximate")
    with pytest.raises(MelMismatchError, match="approximate"):
        fit_mel(torch.zeros(1, 3, 20), three, HIFIGAN)


def fed(voice, mel):
    voice.stream(spec=HIFIGAN).feed(mel)


CALLS = {
    "fit_mel": lambda voice, mel: fit_mel(mel[None], HIFIGAN, HIFIGAN),
    "call": lambda voice, mel: voice(mel, spec=HIFIGAN),
    "list": lambda voice, mel: voice([mel], spec=HIFIGAN),
    "padded": lambda voice, mel: voice(mel[None], [mel.shape[1]], spec=HIFIGAN),
    "each step": lambda voice, mel: next(voice.each_step(mel, spec=HIFIGAN)),
    "stream": fed,
    "stage": lambda voice, mel: MatchaVocoder(voice)(mel[None]),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_warning_points_at_the_callers_line(name, mel):
    """Not at one of ours, nor at one of the decorators that lie between."""
    with pytest.warns(MelContractWarning, match="another convention") as caught:
        CALLS[name](voice_for(HIFIGAN), mel("bigvgan_22k")[0])
    assert {warning.filename for warning in caught} == {__file__}
