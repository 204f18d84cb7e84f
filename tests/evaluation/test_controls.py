"""Every metric puts recordings that were made worse in known ways in the right order."""

from itertools import pairwise

import numpy as np
import pytest

from audiodiff.evaluation.ear import EAR
from audiodiff.evaluation.metrics import METRICS
from audiodiff.evaluation.scoring import score
from tests.evaluation.conftest import SAMPLE_RATE
from tests.evaluation.controls import CONTROLS

NOISES = ["noise at -60 dB", "noise at -50 dB", "noise at -40 dB", "noise at -20 dB"]
ORDERS = {
    "pesq": [
        ["itself", *NOISES],
        ["half a sample late", "noise at -50 dB", "Griffin-Lim", "another speaker"],
        ["low-passed at 8 kHz", "low-passed at 3 kHz"],
    ],
    "pesq_best": [["half a sample late", *NOISES[1:]]],
    "stoi": [["half a sample late", "noise at -20 dB", "another speaker"], ["half a sample late", "Griffin-Lim"]],
    "estoi": [["half a sample late", "noise at -40 dB", "noise at -20 dB", "another speaker"]],
    "log_mel": [
        ["half a sample late", *NOISES],
        ["half a sample late", "Griffin-Lim", "another speaker"],
        ["low-passed at 8 kHz", "Griffin-Lim", "low-passed at 3 kHz"],
    ],
    "log_mel_bias": [["half a sample late", *NOISES]],
    "log_mel_bias_below_6": [["half a sample late", *NOISES]],
    "mr_stft": [
        ["half a sample late", *NOISES],
        ["noise at -50 dB", "low-passed at 8 kHz", "low-passed at 3 kHz"],
        ["low-passed at 8 kHz", "Griffin-Lim"],
    ],
    "mcd": [["half a sample late", *NOISES], ["half a sample late", "Griffin-Lim", "another speaker"]],
    "mcd_dtw": [["half a sample late", *NOISES], ["half a sample late", "Griffin-Lim", "another speaker"]],
    "f0_cents": [["half a sample late", "noise at -20 dB", "another speaker"], ["Griffin-Lim", "another speaker"]],
    "f0_fine": [["half a sample late", "Griffin-Lim"]],
    "vuv_f1": [["half a sample late", "noise at -20 dB"], ["half a sample late", "Griffin-Lim"]],
    "periodicity": [["half a sample late", *NOISES], ["half a sample late", "Griffin-Lim"]],
    "high_band": [
        ["half a sample late", *NOISES],
        ["noise at -60 dB", "low-passed at 8 kHz"],
        ["half a sample late", "Griffin-Lim"],
    ],
    "high_band_bias": [["half a sample late", *NOISES], ["half a sample late", "low-passed at 8 kHz"]],
    "residual_crest": [
        ["half a sample late", *NOISES[1:], "lost phases"],
        ["noise at -40 dB", "Griffin-Lim"],
        ["noise at -40 dB", "buzzing"],
    ],
    "pulse_depth_1k": [["half a sample late", "noise at -20 dB", "lost phases", "Griffin-Lim"], ["itself", "buzzing"]],
    "pulse_depth_2k": [
        ["half a sample late", *NOISES[2:], "lost phases", "Griffin-Lim"],
        ["noise at -40 dB", "buzzing"],
    ],
    "pulse_depth_4k": [
        ["half a sample late", *NOISES],
        ["noise at -40 dB", "lost phases", "Griffin-Lim"],
        ["noise at -40 dB", "buzzing"],
    ],
    "high_periodicity": [
        ["half a sample late", "noise at -20 dB", "Griffin-Lim"],
        ["half a sample late", "buzzing"],
        ["lost phases", "Griffin-Lim"],
    ],
    "pre_echo": [
        ["half a sample late", *NOISES],
        ["noise at -40 dB", "lost phases", "Griffin-Lim"],
        ["lost phases", "buzzing"],
    ],
    "group_delay": [
        NOISES,
        ["half a sample late", *NOISES[2:], "lost phases", "Griffin-Lim", "another speaker"],
        ["lost phases", "buzzing"],
    ],
    "pulse_envelope": [
        ["half a sample late", *NOISES[2:], "lost phases", "Griffin-Lim", "another speaker"],
        ["noise at -20 dB", "buzzing"],
    ],
    "voicing_f1": [["half a sample late", "lost phases", "Griffin-Lim", "another speaker"], ["itself", "buzzing"]],
    "f0_deviation": [
        ["half a sample late", "noise at -20 dB", "lost phases", "Griffin-Lim", "another speaker"],
        ["lost phases", "buzzing"],
    ],
    "si_sdr": [NOISES, ["noise at -40 dB", "low-passed at 3 kHz"], ["itself", "half a sample late"]],
}
CHAINS = [(metric, chain) for metric, chains in ORDERS.items() for chain in chains]


@pytest.fixture(scope="module")
def scores(speech):
    return {
        name: [score(id, signal, np.ascontiguousarray(make(signal)), SAMPLE_RATE) for id, signal in speech.items()]
        for name, make in CONTROLS.items()
    }


@pytest.mark.parametrize(("metric", "chain"), CHAINS, ids=lambda value: str(value))
def test_what_is_worse_scores_worse(scores, metric, chain):
    losses = [[METRICS[metric].loss(s.values[metric]) for s in scores[control]] for control in chain]
    for better, worse in pairwise(losses):
        assert np.mean(better) < np.mean(worse)


SIGNS = [
    ("residual_crest", "lost phases", -1),
    ("residual_crest", "buzzing", 1),
    ("pulse_depth_1k", "lost phases", -1),
    ("pulse_depth_1k", "buzzing", 1),
    ("pulse_depth_2k", "lost phases", -1),
    ("pulse_depth_2k", "buzzing", 1),
    ("pulse_depth_4k", "lost phases", -1),
    ("pulse_depth_4k", "buzzing", 1),
    ("high_periodicity", "Griffin-Lim", -1),
    ("high_periodicity", "buzzing", 1),
    ("pre_echo", "lost phases", 1),
]


@pytest.mark.parametrize(("metric", "control", "sign"), SIGNS)
def test_the_sign_says_in_which_way_it_is_worse(scores, metric, control, sign):
    for measured in scores[control]:
        assert sign * measured.values[metric] > 0


@pytest.mark.parametrize(
    ("metric", "control", "most"),
    [
        *((name, "upside down", 1e-6) for name in EAR if not name.startswith("distillmos")),
        ("pulse_depth_2k", "half a sample late", 0.01),
        ("group_delay", "half a sample late", 0.02),
        ("high_periodicity", "lost phases", 0.01),
        ("pulse_depth_2k", "low-passed at 8 kHz", 0.01),
        ("pre_echo", "low-passed at 8 kHz", 0.1),
    ],
)
def test_what_a_metric_is_blind_to(scores, metric, control, most):
    perfect = {"pulse_envelope": 1, "voicing_f1": 1}.get(metric, 0)
    for measured in scores[control]:
        assert measured.values[metric] == pytest.approx(perfect, abs=most)


def test_a_recording_is_perfect_beside_itself(scores):
    for own in scores["itself"]:
        unknown = {name for name in METRICS if name.startswith(("log_mel_bias_", "distillmos"))}
        assert own.missing.keys() <= unknown
        for name, value in own.values.items():
            perfect = dict.fromkeys(("stoi", "estoi", "vuv_f1", "voicing_f1", "pulse_envelope"), 1).get(name, 0)
            if name.startswith("pesq"):
                assert value > 4.6
            elif name == "si_sdr":
                assert value > 80
            else:
                assert value == pytest.approx(perfect, abs=1e-6)


def test_every_metric_is_measured_and_no_other(scores):
    for measured in (one for many in scores.values() for one in many):
        assert measured.values.keys() | measured.missing.keys() == METRICS.keys() - {"rtf"}
        assert not measured.values.keys() & measured.missing.keys()
        assert np.isfinite(list(measured.values.values())).all()
        assert all(measured.missing.values())


def test_a_lost_phase_is_aligned_by_its_envelopes(scores):
    assert {s.aligned_by for s in scores["half a sample late"]} == {"waveform"}
    for inverted in scores["Griffin-Lim"]:
        assert inverted.aligned_by == "envelopes"
        assert abs(inverted.lag) < 0.001
        assert "phases" in inverted.missing["si_sdr"]
