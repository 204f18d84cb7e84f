"""The numbers are those of the literature: of the libraries' authors, and of the script behind the published table."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from audiodiff.evaluation.alignment import Aligned
from audiodiff.evaluation.perceptual import intelligibility, pesq_wide_band
from audiodiff.evaluation.scoring import score
from audiodiff.evaluation.spectral import si_sdr, stft_measures
from audiodiff.evaluation.waveform import resample
from tests.evaluation.conftest import SAMPLE_RATE
from tests.evaluation.controls import another_speaker, inverted_from_the_mel, with_noise

THEIR_NAMES = {
    "log_mel": "logmel",
    "log_mel_matched": "logmel_lm",
    "mr_stft": "mrstft",
    "mr_stft_matched": "mrstft_lm",
    "vuv_error": "vuv",
} | {name: name for name in ("pesq", "pesq_best", "stoi", "mcd", "f0_cents", "f0_fine", "f0_gross", "level")}


@pytest.fixture(scope="module")
def published(shared):
    """Two recordings, and what the libraries and the script say of them."""
    folder = shared / "parity" / "metrics"
    reference, rate = soundfile.read(folder / "LJ001-0003_gt.flac")
    generated, _ = soundfile.read(folder / "LJ001-0003_gen.flac")
    return reference, generated, rate, json.loads((folder / "metrics.json").read_text())


def test_unaligned_values_are_those_of_the_libraries(published):
    reference, generated, rate, expected = published
    generated = generated[: len(reference)]
    slow = [resample(signal, rate, 16000) for signal in (reference, generated)]
    values = expected["values_no_alignment"]
    assert pesq_wide_band(*slow) == pytest.approx(values["pesq_wb[resample_poly]"], abs=1e-4)
    assert intelligibility(*slow, extended=False) == pytest.approx(values["stoi_16k[resample_poly]"], abs=1e-5)
    assert intelligibility(*slow, extended=True) == pytest.approx(values["estoi_16k[resample_poly]"], abs=1e-5)
    distances = stft_measures(Aligned(reference, generated, rate, 0, 0.2, "envelopes"))
    assert distances["mr_stft"] == pytest.approx(values["mrstft_default(gen,gt)"], abs=1e-5)
    assert si_sdr(reference, generated) == pytest.approx(values["sisdr(gen,gt)"], abs=1e-2)


def test_aligned_values_are_those_of_the_published_table(published):
    reference, generated, rate, expected = published
    ours, theirs = score("LJ001-0003", reference, generated, rate), expected["score_py_aligned"]
    assert 1000 * ours.lag == pytest.approx(theirs["lag_ms"])
    for name, their_name in THEIR_NAMES.items():
        assert ours.values[name] == pytest.approx(theirs[their_name], abs=1e-4), name


def test_any_pair_scores_as_by_the_script(shared, speech, tmp_path):
    reference, other = speech["LJ001-0002"], speech["LJ001-0008"]
    pairs = {
        "noisy": (reference, 0.5 * with_noise(reference, 30)[100:]),
        "inverted": (reference, np.concatenate([np.zeros(321), inverted_from_the_mel(reference)])),
        "spoken": (other, -another_speaker(other)),
    }
    for name, (first, second) in pairs.items():
        soundfile.write(tmp_path / f"{name}_gt.wav", first, SAMPLE_RATE, subtype="DOUBLE")
        soundfile.write(tmp_path / f"{name}_gen.wav", second, SAMPLE_RATE, subtype="DOUBLE")
    script = [shared / "tools" / "score.py", "--pairs", tmp_path, "--out", tmp_path / "scores.json", "--quiet"]
    subprocess.run([sys.executable, *map(str, script)], check=True, capture_output=True)
    rows = {row["utt"]: row for row in json.loads((tmp_path / "scores.json").read_text())["utterances"]}
    for name, (first, second) in pairs.items():
        ours, theirs = score(name, first, np.ascontiguousarray(second), SAMPLE_RATE), rows[name]
        assert 1000 * ours.lag == pytest.approx(theirs["lag_ms"])
        assert ours.correlation == pytest.approx(theirs["xcorr"])
        for our_name, their_name in THEIR_NAMES.items():
            assert ours.values[our_name] == pytest.approx(theirs[their_name], abs=1e-3), (name, our_name)
