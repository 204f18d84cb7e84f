"""The picture of thirty milliseconds shows the clearest part of the voice."""

import numpy as np

from audiodiff.evaluation.report.zoom import clearest_voiced, excerpts, zoom_picture
from tests.evaluation.conftest import SAMPLE_RATE
from tests.evaluation.controls import with_lost_phases


def test_the_frame_is_where_the_pulses_are():
    pulses = np.where(np.arange(SAMPLE_RATE) % 200 == 0, 0.5, 0.0)
    blurred = np.convolve(pulses, np.hanning(81), mode="same")  # as periodic, and without any edge
    center = clearest_voiced(np.concatenate([0.1 * blurred, pulses]), SAMPLE_RATE)
    assert SAMPLE_RATE < center < 2 * SAMPLE_RATE


def test_both_excerpts_last_thirty_milliseconds(speech):
    recording = speech["LJ001-0002"]
    found = excerpts(recording, SAMPLE_RATE, 20000)
    assert len(found["LP residual"]) == 480
    np.testing.assert_array_equal(found["waveform"], recording[20000 - 331 : 20000 + 331])


def test_noise_has_no_picture_and_a_voice_has_one(speech):
    noise = 0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE)
    assert zoom_picture(noise, noise, SAMPLE_RATE) is None
    recording = speech["LJ001-0008"]
    assert zoom_picture(recording, with_lost_phases(recording), SAMPLE_RATE).startswith("data:image/png;base64,")
