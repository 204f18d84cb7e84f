"""What cannot be compared is left out with its reason, and never spoils a mean."""

import json

import numpy as np
import pytest
import soundfile

from audiodiff.data import Utterance, write_manifest
from audiodiff.errors import InputError
from audiodiff.evaluation.pairs import find_pairs
from audiodiff.evaluation.record import make_record, write_record
from audiodiff.evaluation.systems import Rules, compare, evaluate
from tests.evaluation.conftest import SAMPLE_RATE


@pytest.fixture(scope="module")
def folders(tmp_path_factory, speech):
    """Two good pairs beside every kind of bad one."""
    ours, theirs = tmp_path_factory.mktemp("generated"), tmp_path_factory.mktemp("reference")
    first, second = (signal[:12000] for signal in speech.values())

    def write(name, generated, reference, rate=SAMPLE_RATE):
        soundfile.write(ours / f"{name}.wav", generated, rate)
        soundfile.write(theirs / f"{name}.flac", reference, SAMPLE_RATE)

    write("good", first, first)
    write("fair", second + 0.01 * np.random.default_rng(0).standard_normal(len(second)), second)
    write("slow", first[: len(first) * 16000 // SAMPLE_RATE], first, rate=16000)
    write("long", np.concatenate([first, first]), first)
    write("stereo", np.stack([first, first], axis=1), first)
    write("mute", np.zeros(12000), first)
    write("unheard", first, np.zeros(12000))
    write("sample", first[:1], first[:1])
    write("short", first[:3000], first[:3000])
    (ours / "text.wav").write_text("not audio")
    soundfile.write(theirs / "text.flac", first, SAMPLE_RATE)
    soundfile.write(ours / "extra.wav", first, SAMPLE_RATE)
    soundfile.write(theirs / "absent.wav", first, SAMPLE_RATE)
    write_broken(ours / "nan.wav", first)
    soundfile.write(theirs / "nan.wav", first, SAMPLE_RATE)
    return ours, theirs


def write_broken(path, signal):
    """A file with a NaN in it."""
    broken = signal.copy()
    broken[5] = np.nan
    soundfile.write(path, broken, SAMPLE_RATE, subtype="FLOAT")


REASONS = {
    "slow": "16000 Hz, the reference at 22050 Hz; pass --resample",
    "long": "10 % apart",
    "stereo": "2 channels, the reference 1",
    "mute": "generated is silent",
    "unheard": "reference is silent",
    "sample": "only 1 samples",
    "short": "only 3000 samples",
    "text": "cannot be read as audio",
    "extra": "no reference of that name",
    "absent": "nothing of that name",
    "nan": "NaN or infinite",
}


@pytest.fixture(scope="module")
def system(folders):
    pairs, lonely = find_pairs(*folders)
    return evaluate("tested", pairs, Rules(), excluded=lonely)


def test_every_bad_pair_is_excluded_with_its_reason(system):
    reasons = {item.id: item.reason for item in system.excluded}
    assert reasons.keys() == REASONS.keys()
    for name, reason in REASONS.items():
        assert reason in reasons[name]
    assert sorted(scores.id for scores in system.scores) == ["fair", "good"]


def test_means_are_those_of_the_good_pairs_and_finite(system):
    values = {scores.id: scores.values for scores in system.scores}
    for name, mean in system.estimates().items():
        assert np.isfinite(mean.mean)
        assert mean.mean == pytest.approx(np.mean([v[name] for v in values.values() if name in v]))
    assert values["fair"]["log_mel"] > values["good"]["log_mel"]


def test_the_record_is_json_without_nan(system, tmp_path):
    write_record(tmp_path / "report.json", make_record([system, system], {}, {}))
    record = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert record["systems"][0]["utterances"] == 2
    assert len(record["systems"][0]["excluded"]) == len(REASONS)
    assert not any(d["clear"] for d in record["comparisons"][0]["differences"].values())


def test_another_rate_is_converted_on_request(folders):
    pairs = [pair for pair in find_pairs(*folders)[0] if pair.id == "slow"]
    assert len(evaluate("tested", pairs, Rules(resampled=True)).scores) == 1


def test_a_worse_system_loses_the_comparison(speech, tmp_path):
    rng = np.random.default_rng(0)
    stretches = [signal[start : start + 12000] for signal in speech.values() for start in (0, 12000, 24000)]
    for name, level in (("reference", 0), ("good", 0.001), ("noisy", 0.05)):
        (tmp_path / name).mkdir()
        for i, stretch in enumerate(stretches):
            made = stretch + level * rng.standard_normal(len(stretch))
            soundfile.write(tmp_path / name / f"{i}.wav", made, SAMPLE_RATE)
    noisy, good = (
        evaluate(name, find_pairs(tmp_path / name, tmp_path / "reference")[0], Rules()) for name in ("noisy", "good")
    )
    record = make_record([noisy, good], {}, {})["comparisons"][0]["differences"]
    assert compare(noisy, good)["log_mel"].estimate.mean > 0
    assert record["log_mel"]["better"] == record["pesq"]["better"] == "good"


def test_nothing_measurable_is_an_error(folders):
    pairs = [pair for pair in find_pairs(*folders)[0] if pair.id in ("mute", "sample")]
    with pytest.raises(InputError, match="mute: generated is silent"):
        evaluate("tested", pairs, Rules())


def test_manifests_and_single_files_are_sources_too(folders):
    ours, theirs = folders
    for folder in folders:
        path = next(path for path in folder.iterdir() if path.stem == "good")
        row = Utterance(id="a", path=path, duration=1.0, sample_rate=SAMPLE_RATE)
        write_manifest(folder / "list.jsonl", [row])
    by_manifest, _ = find_pairs(ours / "list.jsonl", theirs / "list.jsonl")
    by_file, _ = find_pairs(ours / "good.wav", theirs / "good.flac")
    assert [(pair.generated.name, pair.reference.name) for pair in by_manifest + by_file] == [
        ("good.wav", "good.flac")
    ] * 2


@pytest.mark.parametrize(
    ("files", "words"), [([], "holds no audio file"), (["a.wav", "a.flac"], "several recordings called a")]
)
def test_folders_that_name_nothing_or_too_much_are_refused(folders, tmp_path, files, words):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=words):
        find_pairs(tmp_path, folders[1])


def test_folders_without_a_name_in_common_are_refused(folders, tmp_path):
    (tmp_path / "other.wav").touch()
    with pytest.raises(InputError, match="matched by file name"):
        find_pairs(tmp_path, folders[1])
    with pytest.raises(InputError, match="there is no"):
        find_pairs(tmp_path / "missing", folders[1])
