"""All measures of this package, of one pair of waveforms."""

from functools import partial

from audiodiff.evaluation.ear import distillmos
from audiodiff.evaluation.ear.frames import VOICED_PERIOD, VOICED_RANGE, Voiced, voiced_frames
from audiodiff.evaluation.ear.group_delay import group_delay_deviation
from audiodiff.evaluation.ear.onsets import pre_echo
from audiodiff.evaluation.ear.periodicity import periodicity_change
from audiodiff.evaluation.ear.pulse_alignment import moved_onto
from audiodiff.evaluation.ear.pulse_modulation import PULSE_BANDS, pulse_measures
from audiodiff.evaluation.ear.residual import RESIDUAL_RATE, crest_change
from audiodiff.evaluation.ear.voicing import voicing_measures
from audiodiff.evaluation.pitch import FEWEST_VOICED, f0_track
from audiodiff.evaluation.spectral import Measured
from audiodiff.evaluation.waveform import Signal
from audiodiff.types import Hertz

_ON_VOICED = ("residual_crest", *PULSE_BANDS, "pulse_envelope", "group_delay")
"""These are measured on voiced frames."""
_WIDE = ("residual_crest", "high_periodicity", "group_delay", "pre_echo")
"""These look at bands that end between 5 and 8 kHz."""
EAR = (*_ON_VOICED, "high_periodicity", "pre_echo", "voicing_f1", "f0_deviation", *distillmos.OPINIONS)
HEARD = ("residual_crest", *PULSE_BANDS, "pre_echo", "high_periodicity", "voicing_f1")
"""Those that tables of voices show, in the order of the tables."""


def ear_measures(
    reference: Signal, generated: Signal, sample_rate: Hertz, judge: distillmos.Judge | None = None
) -> Measured:
    """Align the waveforms to the sample, bring them to one level and measure; voiced is what the recording is."""
    generated = moved_onto(reference, generated, sample_rate)
    measured = distillmos.opinions(reference, generated, sample_rate, judge)
    pitch = partial(f0_track, sample_rate=sample_rate, span=VOICED_RANGE, period=VOICED_PERIOD)
    f0 = pitch(reference)
    voiced = voiced_frames(reference, f0, sample_rate)
    measured |= voicing_measures(f0, pitch(generated)) | voice_measures(reference, generated, sample_rate, voiced)
    if sample_rate < RESIDUAL_RATE:
        reason = f"needs audio of at least {RESIDUAL_RATE} Hz, this has {sample_rate} Hz"
        return measured | dict.fromkeys(_WIDE, reason)
    return measured | {
        "high_periodicity": periodicity_change(reference, generated, sample_rate),
        "pre_echo": pre_echo(reference, generated, sample_rate),
    }


def voice_measures(reference: Signal, generated: Signal, sample_rate: Hertz, voiced: Voiced) -> Measured:
    """Measures on the voiced frames of the recording."""
    if len(voiced) < FEWEST_VOICED:
        return dict.fromkeys(_ON_VOICED, f"only {len(voiced)} frames of the recording are voiced")
    return {
        "residual_crest": crest_change(reference, generated, sample_rate, voiced),
        **pulse_measures(reference, generated, sample_rate, voiced),
        "group_delay": group_delay_deviation(reference, generated, sample_rate, voiced),
    }
