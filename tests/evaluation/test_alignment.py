"""Alignment finds the shift that was made, whatever happened to the phases."""

import numpy as np
import pytest

from audiodiff.evaluation.alignment import align, overlap
from tests.evaluation.conftest import SAMPLE_RATE
from tests.evaluation.controls import inverted_from_the_mel


def shifted(signal, lag):
    """Late by `lag` samples, or early by -lag."""
    return np.concatenate([np.zeros(lag), signal]) if lag >= 0 else signal[-lag:]


@pytest.mark.parametrize("polarity", [1, -1])
@pytest.mark.parametrize("lag", [0, 1, 700, -1, -333])
def test_a_shift_is_found_by_the_waveform(speech, lag, polarity):
    reference = speech["LJ001-0002"]
    pair = align(reference, polarity * shifted(reference, lag), SAMPLE_RATE)
    assert (pair.lag, pair.by) == (lag, "waveform")
    assert pair.correlation == pytest.approx(polarity)
    np.testing.assert_allclose(pair.generated, polarity * pair.reference)


@pytest.mark.parametrize("lag", [0, 441, -200])
def test_a_shift_is_found_by_the_envelopes_when_phases_are_lost(speech, lag):
    reference = speech["LJ001-0002"]
    pair = align(reference, shifted(inverted_from_the_mel(reference), lag), SAMPLE_RATE)
    assert pair.by == "envelopes"
    assert pair.lag == pytest.approx(lag, abs=0.001 * SAMPLE_RATE)
    assert len(pair.reference) == len(pair.generated)


def test_no_shift_beyond_the_limit_is_considered(speech):
    reference = speech["LJ001-0002"]
    assert abs(align(reference, shifted(reference, 300), SAMPLE_RATE, max_lag=0.01).lag) <= 0.01 * SAMPLE_RATE


@pytest.mark.parametrize("lag", [0, 3, -3])
def test_overlap_undoes_a_shift(lag):
    signal = np.arange(10.0)
    first, second = overlap(signal, shifted(signal, lag), lag)
    np.testing.assert_array_equal(first, second)
