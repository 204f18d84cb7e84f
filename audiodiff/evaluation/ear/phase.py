"""Measures of pulses and onsets alone, for trainings: quick, and without further packages."""

import numpy as np
from torch import Tensor

from audiodiff.evaluation.ear.frames import VOICED_PERIOD, voiced_frames
from audiodiff.evaluation.ear.onsets import pre_echo
from audiodiff.evaluation.ear.pulse_modulation import PULSE_BANDS, pulse_measures
from audiodiff.evaluation.ear.residual import RESIDUAL_RATE, crest_change
from audiodiff.evaluation.pitch import FEWEST_VOICED
from audiodiff.source.pitch_track import FRAME, track_pitch
from audiodiff.types import Hertz

_EVERY = round(VOICED_PERIOD / FRAME)


class PhaseMeasures:
    """Crest, pulse depths and pre-echo of a generated waveform beyond those of its recording, in dB: 0 is right.

    The pitch is that of `audiodiff.source`, not WORLD's, so figures may differ a little from those of
    `audiodiff evaluate`, and waveforms are taken to be aligned.
    """

    names = ("residual_crest", *PULSE_BANDS, "pre_echo")

    def __call__(self, reference: Tensor, generated: Tensor, sample_rate: Hertz) -> dict[str, float]:
        """Measure two [samples] waveforms; what cannot be measured of them is left out."""
        theirs, ours = (wave.detach().double().cpu().numpy() for wave in (reference, generated))
        if sample_rate < RESIDUAL_RATE:
            return {}
        f0 = track_pitch(theirs, sample_rate).f0[::_EVERY]
        voiced = voiced_frames(theirs, np.where(f0 < 500, f0, 0.0), sample_rate)
        found: dict[str, float | str] = {"pre_echo": pre_echo(theirs, ours, sample_rate)}
        if len(voiced) >= FEWEST_VOICED:
            found["residual_crest"] = crest_change(theirs, ours, sample_rate, voiced)
            found |= pulse_measures(theirs, ours, sample_rate, voiced)
        return {name: value for name in self.names if isinstance(value := found.get(name), float)}
