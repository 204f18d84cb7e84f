"""The guesser names what it can tell, admits what it cannot, and a report never calls a wrong mel a match."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
import torch

from audiodiff.audio import audio_sample_rate, load_audio, resample
from audiodiff.mel import CONVENTIONS, MelSpec, MelSpectrogram, convention
from audiodiff.mel.compatibility import SURE, Verdict, check_compatibility
from audiodiff.mel.conventions import families
from audiodiff.mel.fingerprint import FEWEST
from audiodiff.mel.guesser import LEARN, UNLEARNT, UNNAMED, bounds, classes, guess

DISTINCT = [name for names in families().values() for name in names]
FAMILY = {name: names[0] for names in families().values() for name in names}
HIFIGAN = convention("hifigan_22k")


def mel_of(spec, wave, sample_rate):
    return MelSpectrogram(spec)(resample(wave, sample_rate, spec.sample_rate)[None])[0]


def test_guesser_knows_every_family():
    assert {name for names in classes().values() for name in names} == {*families(), UNNAMED}, LEARN


NEW = {
    "64 bands": MelSpec(sample_rate=16000, n_fft=1024, win_length=1024, hop_length=256, n_mels=64),
    "80 bands": MelSpec(
        sample_rate=24000, n_fft=2048, win_length=2048, hop_length=512, n_mels=80, f_min=40.0, log_base="10"
    ),
}


@pytest.fixture(params=NEW)
def new(request, monkeypatch):
    """A convention that somebody has added, and has not taught the guesser."""
    spec = NEW[request.param]
    known = {**CONVENTIONS, "new": spec}
    for module in ("guesser", "compatibility"):
        monkeypatch.setattr(f"audiodiff.mel.{module}.CONVENTIONS", known)
    monkeypatch.setattr("audiodiff.mel.compatibility.names_of", lambda spec: [n for n, s in known.items() if s == spec])
    monkeypatch.setattr("audiodiff.mel.guesser.families", lambda: {**families(), "new": ("new",)})
    yield spec
    bounds.cache_clear()


def test_a_new_convention_is_not_taken_for_another(new, clip):
    """Nobody is sure of anything, and whoever added it is told what to run."""
    for wanted in ("new", "hifigan_22k", "cosyvoice2_24k"):
        want = new if wanted == "new" else convention(wanted)
        report = check_compatibility(mel_of(new, clip, 22050), None, want)
        assert report.verdict is not Verdict.MATCH
        assert want.n_mels != new.n_mels or LEARN in report.reason
    assert guess(mel_of(new, clip, 22050)).confidence <= UNLEARNT


def test_a_new_convention_hides_no_other(new, clip):
    """Mels of the known ones are still recognised, if less surely where they could be of the new one."""
    for name in ("hifigan_22k", "vocos_24k", "nemo_44k", "diffwave_22k"):
        found = guess(mel_of(convention(name), clip, 22050))
        assert name in found.names
        assert found.confidence <= UNLEARNT or "new" not in found.reason
    assert guess(mel_of(convention("vocos_24k"), clip, 22050)).confidence > UNLEARNT


@pytest.mark.parametrize("name", DISTINCT)
def test_family_of_a_mel_is_recognised(name, clip):
    found = guess(mel_of(convention(name), clip, 22050))
    assert FAMILY[found.names[0]] == FAMILY[name]
    assert name in found.names


@pytest.mark.parametrize("name", DISTINCT)
@pytest.mark.parametrize(
    "wanted", ["hifigan_22k", "tacotron2_22k", "diffwave_22k", "vocos_24k", "parallel_wavegan_22k"]
)
def test_no_wrong_mel_is_called_a_match(name, wanted, clip):
    report = check_compatibility(mel_of(convention(name), clip, 22050), None, convention(wanted))
    if report.verdict is Verdict.MATCH:
        assert name == wanted
    if name == wanted:
        assert report.verdict is not Verdict.MISMATCH


def test_recordings_of_all_kinds(shared):
    """Who is taken for whom, on recordings that the fit never heard: seldom anybody, and nobody for sure."""
    taken_for = defaultdict(Counter)
    for folder in ("ood", "vctk_libritts", "librispeech_16k"):
        for path in sorted((shared / "data" / folder).glob("*.flac"))[:6:3]:
            rate = audio_sample_rate(path)
            wave = load_audio(path)[: 5 * rate]
            for name in DISTINCT:
                found = guess(mel_of(convention(name), wave, rate))
                first = FAMILY[found.names[0]] if found.names else "nothing"
                taken_for[FAMILY[name]][first] += 1
                assert first == FAMILY[name] or found.confidence < SURE
    right = {name: others[name] / others.total() for name, others in taken_for.items()}
    assert sum(right.values()) >= 0.95 * len(right)
    assert min(right.values()) >= 0.5, taken_for


def test_digital_silence_tells_floors_apart(clip):
    wave = torch.cat([clip, torch.zeros(8192)])
    for name in ("vocos_24k", "f5_24k", "espnet_22k", "fastdiff_22k"):
        assert guess(mel_of(convention(name), wave, 22050)).names == (name,)


def test_constant_last_frame_tells_nemo(clip):
    assert (
        guess(mel_of(convention("nemo_22k"), clip, 22050)).names[0] == "nemo_22k"
        or "nemo_22k" in guess(mel_of(convention("nemo_22k"), clip, 22050)).names
    )
    assert "nemo_22k" not in guess(mel_of(HIFIGAN, clip, 22050)).names


@pytest.mark.parametrize(
    ("mel", "words"),
    [
        (torch.full((80, 100), -11.5129), "silent"),
        (torch.randn(80, FEWEST - 1), "too few"),
        (torch.randn(80, 1), "too few"),
        (torch.randn(77, 100), "none has 77 bands"),
    ],
)
def test_what_cannot_be_guessed_is_not(mel, words):
    found = guess(mel)
    assert not found.names
    assert words in str(found)
    assert check_compatibility(mel, None, replace(HIFIGAN, n_mels=mel.shape[0])).verdict is Verdict.UNKNOWN


def test_noise_is_no_mel():
    mel = torch.randn(80, 400, generator=torch.Generator().manual_seed(0)) * 2 - 5
    assert check_compatibility(mel, None, HIFIGAN).verdict in (Verdict.UNKNOWN, Verdict.MISMATCH)


def test_convention_without_a_name_is_not_forced_into_one(clip):
    strange = MelSpec(sample_rate=32000, n_fft=1024, win_length=1024, hop_length=320, n_mels=80, f_max=14000.0)
    for wanted in ("hifigan_22k", "bigvgan_22k", "cosyvoice2_24k"):
        assert check_compatibility(mel_of(strange, clip, 22050), None, convention(wanted)).verdict is not Verdict.MATCH


def test_report_on_a_declared_mel_says_why(clip):
    mel = mel_of(convention("diffwave_22k"), clip, 22050)
    verdicts = {
        "diffwave_22k": (Verdict.MATCH, "declared as diffwave_22k"),
        "hifigan_22k": (Verdict.CONVERTIBLE, "dB"),
        "vocos_24k": (Verdict.MISMATCH, "frames lie at other times"),
    }
    for wanted, (verdict, words) in verdicts.items():
        report = check_compatibility(mel, convention("diffwave_22k"), CONVENTIONS[wanted])
        assert report.verdict is verdict
        assert words in str(report)


def test_a_million_frames_are_guessed_from_some(clip):
    mel = mel_of(convention("diffwave_22k"), clip, 22050)
    long = mel.expand(7000, -1, -1).permute(1, 0, 2).flatten(1)
    assert long.shape[1] > 1_000_000
    assert guess(long).names == ("diffwave_22k",)
