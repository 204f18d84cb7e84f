"""What two conventions have to do with each other, and what is left of a mel after the journey."""

from dataclasses import replace

import pytest
import torch

from audiodiff.errors import MelMismatchError
from audiodiff.mel import CONVENTIONS, Compatibility, MelSpectrogram, compare, convention, convert_mel, estimated_error
from audiodiff.mel.conventions import families
from audiodiff.mel.conversion import MelConverter
from audiodiff.mel.conversion_error import floored_share, lowest_value, mel_distance
from audiodiff.mel.nnls import MelToLinear

DISTINCT = [name for names in families().values() for name in names]
KINSHIP = {compatibility: [] for compatibility in Compatibility}
for a in DISTINCT:
    for b in DISTINCT:
        KINSHIP[compare(CONVENTIONS[a], CONVENTIONS[b]).compatibility].append((a, b))

STATISTICS = replace(
    convention("parallel_wavegan_22k"), shift=tuple(-2 - 0.01 * b for b in range(80)), scale=(0.5,) * 80
)
"""A convention with the statistics of a corpus, one mean and deviation per band."""


@pytest.fixture(scope="module")
def mel(clip):
    """The mel of the clip in a convention whose floor it does not reach."""

    def make(spec):
        return MelSpectrogram(spec)(clip[None, : 256 * 100])

    return make


@pytest.mark.parametrize("name", DISTINCT)
def test_convention_is_the_same_as_itself(name):
    relation = compare(CONVENTIONS[name], CONVENTIONS[name])
    assert (relation.compatibility, dict(relation.differences)) == (Compatibility.SAME, {})


@pytest.mark.parametrize(("have", "want"), KINSHIP[Compatibility.EXACT])
def test_compatibility_is_mutual_and_names_the_fields(have, want):
    there, back = compare(CONVENTIONS[have], CONVENTIONS[want]), compare(CONVENTIONS[want], CONVENTIONS[have])
    assert there.compatibility is back.compatibility
    assert {k: (b, a) for k, (a, b) in there.differences.items()} == dict(back.differences)


EXACT = [
    *KINSHIP[Compatibility.EXACT],
    ("parallel_wavegan_22k", STATISTICS),
    ("parallel_wavegan_22k", "ln"),
    ("vocos_24k", "area"),
]
OTHERS = {
    "ln": replace(convention("parallel_wavegan_22k"), log_base="e", floor=1e-5),
    "area": replace(convention("vocos_24k"), mel_norm="slaney", stft_norm="window", floor=1e-12),
}


@pytest.mark.parametrize(("have", "want"), EXACT, ids=lambda x: x if isinstance(x, str) else "statistics")
def test_exact_conversion_equals_extraction_and_returns(have, want, mel):
    have, want = (OTHERS.get(x) or CONVENTIONS[x] if isinstance(x, str) else x for x in (have, want))
    assert compare(have, want).compatibility is Compatibility.EXACT
    there = convert_mel(mel(have), have, want)
    compressed = MelConverter(have, want).write
    above = compressed.log_bands(there) > max(lowest_value(spec).max() for spec in (have, want)) + 0.01
    torch.testing.assert_close(there[above], mel(want)[above], atol=3e-3, rtol=0)  # two float32 STFTs
    back = convert_mel(there, want, have)
    torch.testing.assert_close(back[above], mel(have)[above], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("have", "want"), KINSHIP[Compatibility.MISMATCHED][::7])
def test_other_frame_times_are_refused(have, want):
    with pytest.raises(MelMismatchError, match="frames per second"):
        convert_mel(torch.zeros(1, CONVENTIONS[have].n_mels, 10), CONVENTIONS[have], CONVENTIONS[want])


INEXACT = [
    ("tacotron2_22k", "hifigan_22k", 0.01),
    ("diffwave_22k", "hifigan_22k", 1.5),
    ("hifigan_22k", "diffwave_22k", 2.0),
    ("parallel_wavegan_22k", "hifigan_22k", 1.2),
    ("espnet_22k", "parallel_wavegan_22k", 0.01),
    ("nemo_22k", "hifigan_22k", 0.2),
    ("bigvgan_22k", "hifigan_22k", 1.5),
]


@pytest.mark.parametrize(("have", "want", "limit"), INEXACT)
def test_inexact_conversion_is_off_by_what_is_estimated(have, want, limit, mel):
    have, want = CONVENTIONS[have], CONVENTIONS[want]
    assert compare(have, want).compatibility in (Compatibility.NEAR, Compatibility.APPROXIMATE)
    converter = MelConverter(have, want)
    truth = mel(replace(want, framing=have.framing))
    error = mel_distance(converter(mel(have)), truth, want)
    assert error <= limit
    assert error / 2.5 <= estimated_error(mel(have)[0], have, want) + 0.02 <= 2.5 * error + 0.04
    assert converter.delay == {"center": 128, "same": -128}[have.framing] * (have.framing != want.framing)


def test_long_mels_are_converted_in_blocks(mel, monkeypatch):
    have, want = convention("diffwave_22k"), convention("hifigan_22k")
    whole = convert_mel(mel(have), have, want)
    monkeypatch.setattr("audiodiff.mel.conversion.FRAMES_PER_PASS", 17)
    torch.testing.assert_close(convert_mel(mel(have), have, want), whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["hifigan_22k", "vocos_24k", "wavefm_24k"])
def test_linear_magnitudes_have_the_mel_they_were_made_from(name, mel):
    spec = CONVENTIONS[name]
    inversion = MelToLinear(spec)
    magnitudes = inversion(mel(spec)) * inversion.amplitude
    again = inversion.compression(inversion.filters @ magnitudes.pow(spec.power))
    assert (magnitudes >= 0).all()
    assert mel_distance(again, mel(spec), spec) < 0.5


def test_conversion_of_one_frame(mel):
    have, want = convention("diffwave_22k"), convention("hifigan_22k")
    one = mel(have)[..., :1]
    assert convert_mel(one, have, want).shape == (1, 80, 1)
    assert estimated_error(one[0], have, want) > 0


def test_values_on_the_floor_are_counted(clip):
    low, high, none = (convention(name) for name in ("vocos_24k", "f5_24k", "wavegrad_ivanvovk_22k"))
    half_silent = torch.cat([clip[:8192], torch.zeros(16384)])[None]
    mel = MelSpectrogram(high)(half_silent)[0]
    assert 0.5 < floored_share(mel, high, low) < 0.7
    assert floored_share(MelSpectrogram(low)(half_silent)[0], low, high) == 0
    assert floored_share(MelSpectrogram(none)(half_silent)[0], none, replace(none, floor=1e-9, silence=None)) == 0


def test_added_floor_is_taken_off_again(mel):
    """What StyleTTS 2 stores becomes the same bands in other units, whose floor is clamped, and returns."""
    have = convention("styletts2_24k")
    want = replace(have, floor_mode="clamp", floor=1e-9, shift=0.0, scale=1.0, log_base="10")
    assert compare(have, want).compatibility is Compatibility.EXACT
    there, truth = convert_mel(mel(have), have, want), mel(want)
    heard = truth > -5.5  # half a floor of 1e-5, and louder
    torch.testing.assert_close(there[heard], truth[heard], atol=3e-3, rtol=0)
    torch.testing.assert_close(convert_mel(there, want, have), mel(have), atol=1e-4, rtol=0)


def test_only_a_constant_last_frame_is_replaced(mel):
    """A mel that ends in the middle of a sentence, as every piece of a stream does, keeps its last frame."""
    have, want = convention("nemo_22k"), convention("hifigan_22k")
    whole = mel(have)
    piece = whole[..., :-7]
    torch.testing.assert_close(convert_mel(piece, have, want), piece, atol=1e-5, rtol=0)
    torch.testing.assert_close(convert_mel(whole, have, want)[..., -1], whole[..., -2], atol=1e-5, rtol=0)
