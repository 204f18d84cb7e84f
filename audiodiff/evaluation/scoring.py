"""All metrics of one pair of waveforms."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from audiodiff.evaluation.alignment import MAX_LAG, Aligned, align
from audiodiff.evaluation.ear import EAR, Judge, ear_measures
from audiodiff.evaluation.metrics import METRICS
from audiodiff.evaluation.perceptual import pesq_measures, stoi_measures
from audiodiff.evaluation.pitch import f0_measures, periodicity_measures
from audiodiff.evaluation.spectral import (
    LEVEL_BIASES,
    Measured,
    high_band_measures,
    level_measures,
    log_mel_measures,
    stft_measures,
)
from audiodiff.evaluation.waveform import Signal
from audiodiff.mel.compared import F_MAX
from audiodiff.types import Hertz, Seconds

MEASURES: tuple[tuple[Callable[[Aligned], Measured], tuple[str, ...]], ...] = (
    (pesq_measures, ("pesq", "pesq_best")),
    (stoi_measures, ("stoi", "estoi")),
    (
        log_mel_measures,
        ("log_mel", "log_mel_matched", "mcd", "mcd_dtw", "log_mel_bias", *LEVEL_BIASES),
    ),
    (stft_measures, ("mr_stft", "mr_stft_matched")),
    (f0_measures, ("f0_cents", "f0_fine", "f0_gross", "vuv_error", "vuv_f1")),
    (periodicity_measures, ("periodicity",)),
    (level_measures, ("level", "si_sdr")),
)
"""Groups of metrics that are computed together.

The band above the mel is apart because it needs to know `f_max`, and what the ear hears because it aligns anew.
"""


@dataclass(frozen=True)
class Scores:
    """The metrics of one utterance; those without a number are in `missing` with the reason."""

    id: str
    seconds: Seconds
    lag: Seconds
    aligned_by: Literal["waveform", "envelopes"]
    correlation: float
    values: dict[str, float]
    missing: dict[str, str]


def score(
    id: str,
    reference: Signal,
    generated: Signal,
    sample_rate: Hertz,
    *,
    f_max: float = F_MAX,
    max_lag: Seconds = MAX_LAG,
    wanted: Collection[str] = tuple(METRICS),
    judge: Judge | None = None,
) -> Scores:
    """Align the generated waveform with its reference and measure how they differ.

    `f_max` in hertz is where the mel ended that the waveform was generated from; `wanted` names metrics, and
    only those and what is computed along with them are measured. `judge` gives opinions (`load_distillmos`).
    Raises `AudioError` for waveforms that are too short.
    """
    pair = align(reference, generated, sample_rate, max_lag)
    measured: Measured = {}
    for measure, names in MEASURES:
        if not set(names).isdisjoint(wanted):
            measured |= measure(pair)
    if not {"high_band", "high_band_bias"}.isdisjoint(wanted):
        measured |= high_band_measures(pair, f_max)
    if not set(EAR).isdisjoint(wanted):
        measured |= ear_measures(reference, generated, sample_rate, judge)
    return Scores(
        id=id,
        seconds=len(pair.reference) / sample_rate,
        lag=pair.lag / sample_rate,
        aligned_by=pair.by,
        correlation=pair.correlation,
        values={name: value for name, value in measured.items() if not isinstance(value, str)},
        missing={name: value for name, value in measured.items() if isinstance(value, str)},
    )
