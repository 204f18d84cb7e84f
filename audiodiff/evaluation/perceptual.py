"""Models of hearing: PESQ and STOI, both at 16 kHz."""

import warnings

import numpy as np

from audiodiff.evaluation.alignment import Aligned
from audiodiff.evaluation.spectral import Measured
from audiodiff.evaluation.waveform import Signal, resample
from audiodiff.types import Samples

SAMPLE_RATE = 16000
LEAD_IN: Samples = 320
_SILENCE: Samples = 8000


def pesq_measures(pair: Aligned) -> Measured:
    """PESQ wide band of the pair as it is, which is what papers print, and the best of three framings of it.

    The reference implementation's own time alignment fails on some pairs and then reads one or two points
    low; whether it does depends on milliseconds of lead-in. The best of the pair as it is, without its first
    20 ms, and with half a second of silence around it is free of that.
    """
    if pair.sample_rate < SAMPLE_RATE:
        return dict.fromkeys(("pesq", "pesq_best"), too_slow(pair))
    reference, generated = at_16_khz(pair)
    framings = (
        (reference, generated),
        (reference[LEAD_IN:], generated[LEAD_IN:]),
        (np.pad(reference, _SILENCE), np.pad(generated, _SILENCE)),
    )
    scores = [pesq_wide_band(*framing) for framing in framings]
    numbers = [score for score in scores if isinstance(score, float)]
    return {"pesq": scores[0], "pesq_best": max(numbers) if numbers else scores[0]}


def stoi_measures(pair: Aligned) -> Measured:
    """Short-time objective intelligibility (Taal et al. 2011) and ESTOI (Jensen & Taal 2016)."""
    if pair.sample_rate < SAMPLE_RATE:
        return dict.fromkeys(("stoi", "estoi"), too_slow(pair))
    reference, generated = at_16_khz(pair)
    return {
        "stoi": intelligibility(reference, generated, extended=False),
        "estoi": intelligibility(reference, generated, extended=True),
    }


def at_16_khz(pair: Aligned) -> tuple[Signal, Signal]:
    """Reference and generated at the rate that both models are made for."""
    return (
        resample(pair.reference, pair.sample_rate, SAMPLE_RATE),
        resample(pair.generated, pair.sample_rate, SAMPLE_RATE),
    )


def too_slow(pair: Aligned) -> str:
    """Why narrow-band audio has no wide-band score."""
    return f"needs audio of at least {SAMPLE_RATE} Hz, this has {pair.sample_rate} Hz"


def pesq_wide_band(reference: Signal, generated: Signal) -> float | str:
    """ITU-T P.862.2, from 1.04 (bad) to 4.64 (identical)."""
    from pesq import PesqError, pesq

    try:
        return float(pesq(SAMPLE_RATE, reference, generated, "wb"))
    except PesqError as error:
        return f"PESQ finds no speech to compare ({type(error).__name__})"


def intelligibility(reference: Signal, generated: Signal, *, extended: bool) -> float | str:
    """STOI or ESTOI; 1 is as intelligible as the reference."""
    from pystoi import stoi

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return float(stoi(reference, generated, SAMPLE_RATE, extended=extended))
        except RuntimeWarning:  # pystoi warns and returns 1e-5
            return "less than 0.4 s of speech, too little for STOI"
