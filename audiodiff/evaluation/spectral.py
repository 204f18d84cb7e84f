"""Distances between spectra: log mel, mel cepstra, multi-resolution STFT, the band above the mel, level."""

from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float64

from audiodiff.evaluation.alignment import Aligned
from audiodiff.evaluation.waveform import Signal, rms
from audiodiff.mel import MelSpectrogram
from audiodiff.mel.compared import FLOOR, N_FFT, compared_spec
from audiodiff.types import Hertz

CEPSTRA = slice(1, 14)
"""Mel cepstral distortion leaves out coefficient 0, the level (Kubichek 1993)."""
_LEVELS = (-np.inf, -6.0, -4.0, -2.0, 0.0, np.inf)
"""Edges, in nats above the recording's RMS mel magnitude, of the levels at which the log-mel bias is stated."""
LEVEL_BIASES = tuple(f"log_mel_bias_{name}" for name in ("below_6", "6_to_4", "4_to_2", "2_to_0", "above_0"))

LogMel = Float64[np.ndarray, "frames n_mels"]
Measured = dict[str, float | str]
"""Metrics by name; where there is no number, a sentence says why."""


def log_mel_measures(pair: Aligned) -> Measured:
    """Mean absolute difference of log mels in nats, the signed one by level, and both cepstral distortions."""
    mel = LogMelSpectrogram(pair.sample_rate)
    reference, generated = mel(pair.reference), mel(pair.generated)
    matched = mel(level_matched(pair))
    return {
        "log_mel": float(np.abs(generated - reference).mean()),
        "log_mel_matched": float(np.abs(matched - reference).mean()),
        "log_mel_bias": float((generated - reference).mean()),
        **bias_by_level(reference, generated),
        "mcd": cepstral_distortion(cepstra(reference), cepstra(generated)),
        "mcd_dtw": warped_distortion(cepstra(reference), cepstra(generated)),
    }


class LogMelSpectrogram:
    """The log mel that vocoder papers compare: 1024/256 Hann, 80 Slaney bands to 8 kHz, floor 1e-5, in nats."""

    def __init__(self, sample_rate: Hertz) -> None:
        self.front_end = MelSpectrogram(compared_spec(sample_rate)).double()

    def __call__(self, signal: Signal) -> LogMel:
        """Transform; raises `AudioError` for a signal shorter than 385 samples."""
        return self.front_end(torch.from_numpy(signal.copy())[None])[0].T.numpy()


def bias_by_level(reference: LogMel, generated: LogMel) -> Measured:
    """Mean of generated minus reference, apart for bins that are loud and soft in the reference.

    Noise-predicting models come out right in the mean of the loud bins and far too low in the soft ones.
    """
    level = reference - 0.5 * np.log(np.mean(np.exp(2 * reference)))
    biases: Measured = {}
    for name, (low, high) in zip(LEVEL_BIASES, pairwise(_LEVELS), strict=True):
        there = (low <= level) & (level < high)
        biases[name] = (
            float((generated - reference)[there].mean()) if there.any() else "the reference has no bin of that level"
        )
    return biases


def cepstra(log_mel: LogMel) -> Float64[np.ndarray, "frames 13"]:
    """Mel cepstral coefficients 1 … 13: the DCT-II of the log mel, scaled so that it is a cosine series."""
    from scipy.fft import dct

    return np.asarray(dct(log_mel, type=2, axis=1))[:, CEPSTRA] / log_mel.shape[1]


def cepstral_distortion(
    first: Float64[np.ndarray, "frames order"], second: Float64[np.ndarray, "frames order"]
) -> float:
    """Mean over frames of 10 / ln 10 · sqrt(2 Σ (c - c')²), in dB (Kubichek 1993)."""
    return float(10 / np.log(10) * np.sqrt(2 * np.square(first - second).sum(axis=1)).mean())


def warped_distortion(first: Float64[np.ndarray, "frames order"], second: Float64[np.ndarray, "frames order"]) -> float:
    """`cepstral_distortion` along the path of dynamic time warping, which forgives different timing."""
    from librosa.sequence import dtw

    path = dtw(first.T, second.T)[1]
    return cepstral_distortion(first[path[:, 0]], second[path[:, 1]])


def stft_measures(pair: Aligned) -> Measured:
    """Multi-resolution STFT distance: spectral convergence plus log magnitude (auraloss's defaults)."""
    from auraloss.freq import MultiResolutionSTFTLoss

    distance = MultiResolutionSTFTLoss()
    reference = as_batch(pair.reference)
    return {
        "mr_stft": distance(as_batch(pair.generated), reference).item(),
        "mr_stft_matched": distance(as_batch(level_matched(pair)), reference).item(),
    }


def high_band_measures(pair: Aligned, f_max: float) -> Measured:
    """Error of the energy above `f_max` in dB: mean over frames, unsigned and signed.

    The mel holds nothing up there, so this is what a vocoder made up. Energies below -100 dB per bin are taken
    for silence.
    """
    names = ("high_band", "high_band_bias")
    if f_max >= pair.sample_rate / 2:
        return dict.fromkeys(names, f"at {pair.sample_rate} Hz nothing lies above {f_max:g} Hz")
    front_end = LogMelSpectrogram(pair.sample_rate).front_end
    first_bin = int(np.ceil(f_max * N_FFT / pair.sample_rate))
    energies = [
        front_end.stft(torch.from_numpy(signal.copy())[None])[0, first_bin:].abs().square().mean(dim=0)
        for signal in (pair.reference, pair.generated)
    ]
    reference, generated = (10 * torch.log10(energy + FLOOR**2) for energy in energies)
    error = generated - reference
    return dict(zip(names, (error.abs().mean().item(), error.mean().item()), strict=True))


def level_measures(pair: Aligned) -> Measured:
    """RMS level of generated minus reference in dB; SI-SDR in dB where the phases were kept (Le Roux et al. 2019)."""
    level = 20 * np.log10(rms(pair.generated) / rms(pair.reference))
    if pair.by != "waveform":
        return {"level": float(level), "si_sdr": f"the phases were not kept (correlation {pair.correlation:.2f})"}
    return {"level": float(level), "si_sdr": si_sdr(pair.reference, pair.generated)}


def si_sdr(reference: Signal, generated: Signal) -> float:
    """Scale-invariant signal-to-distortion ratio in dB, after removing the means."""
    reference, generated = reference - reference.mean(), generated - generated.mean()
    target = (generated @ reference) / (reference @ reference + 1e-12) * reference
    return float(10 * np.log10((target @ target + 1e-12) / (np.square(generated - target).sum() + 1e-12)))


def level_matched(pair: Aligned) -> Signal:
    """The generated signal at the RMS level of the reference."""
    return pair.generated * (rms(pair.reference) / rms(pair.generated))


def as_batch(signal: Signal) -> torch.Tensor:
    """A batch of one channel, float32, as auraloss takes it."""
    return torch.from_numpy(signal.astype(np.float32))[None, None]
