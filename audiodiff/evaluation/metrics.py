"""Metrics by their columns: unit, direction, and the words in which reports explain them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from audiodiff.evaluation.spectral import LEVEL_BIASES

Better = Literal["higher", "lower", "zero"]


@dataclass(frozen=True)
class Metric:
    """A column of the report; `better="zero"` is for signed errors."""

    unit: str
    better: Better
    about: str
    digits: int = 3

    def loss(self, value: float) -> float:
        """A number that is smaller for the better of two values."""
        return {"higher": -value, "lower": value, "zero": abs(value)}[self.better]


_BINS = ("more than 6 nats under", "6 to 4 nats under", "4 to 2 nats under", "2 to 0 nats under", "above")
_BIASES = {
    name: Metric("nats", "zero", f"the bias of the bins {bins} the reference's RMS mel magnitude")
    for name, bins in zip(LEVEL_BIASES, _BINS, strict=True)
}

_BY_EAR = {
    "residual_crest": Metric(
        "dB", "zero", "sharpness of the glottal pulses: crest of the LP residual minus the recording's", 2
    ),
    "pulse_depth_1k": Metric("dB", "zero", "depth of the envelope at F0, 1 to 2 kHz: below 0 phasey, above buzzy", 2),
    "pulse_depth_2k": Metric("dB", "zero", "the same, 2 to 4 kHz", 2),
    "pulse_depth_4k": Metric("dB", "zero", "the same, 4 to 7 kHz", 2),
    "high_periodicity": Metric("", "zero", "periodicity of 2 to 5 kHz minus the recording's: -0.1 is audibly hoarse"),
    "pre_echo": Metric("dB", "zero", "energy in the 5 ms before bursts, 1.5 to 8 kHz, over the recording's", 2),
    "group_delay": Metric("ms", "lower", "mean |deviation| of the group delay on voiced frames"),
    "pulse_envelope": Metric("", "higher", "correlation of the pulses from 2 to 4 kHz within 40 ms, up to 1"),
    "voicing_f1": Metric("", "higher", "F1 of the voicing decision (WORLD, 60 to 500 Hz, 10 ms)"),
    "f0_deviation": Metric("cents", "lower", "median |deviation| of that F0 where both are voiced", 1),
    "distillmos": Metric("MOS", "higher", "DistillMOS, an opinion without a reference, 1 to 5", 2),
    "distillmos_change": Metric("MOS", "higher", "DistillMOS minus the recording's", 2),
}

METRICS: Mapping[str, Metric] = {
    **_BY_EAR,
    "pesq": Metric("MOS-LQO", "higher", "PESQ wide band (ITU-T P.862.2) at 16 kHz, 1.04 to 4.64"),
    "pesq_best": Metric("MOS-LQO", "higher", "best PESQ of three framings, free of PESQ's own alignment failures"),
    "stoi": Metric("", "higher", "short-time objective intelligibility at 16 kHz, up to 1", 4),
    "estoi": Metric("", "higher", "extended STOI, up to 1", 4),
    "log_mel": Metric("nats", "lower", "mean |difference| of log mels (1024/256, 80 Slaney bands to 8 kHz)"),
    "log_mel_matched": Metric("nats", "lower", "log-mel distance after bringing both to one level"),
    "log_mel_bias": Metric("nats", "zero", "mean signed log-mel difference: negative is too quiet"),
    **_BIASES,
    "mr_stft": Metric("", "lower", "multi-resolution STFT distance (auraloss defaults), up to half the sample rate"),
    "mr_stft_matched": Metric("", "lower", "the same after bringing both to one level"),
    "mcd": Metric("dB", "lower", "mel cepstral distortion, coefficients 1 to 13 of that log mel, frame by frame", 2),
    "mcd_dtw": Metric("dB", "lower", "the same along the path of dynamic time warping", 2),
    "f0_cents": Metric("cents", "lower", "RMSE of F0 (WORLD, 60 to 600 Hz) over frames voiced in both", 1),
    "f0_fine": Metric("cents", "lower", "the same without gross errors", 1),
    "f0_gross": Metric("%", "lower", "frames voiced in both whose F0 is off by more than 600 cents", 2),
    "vuv_error": Metric("%", "lower", "frames whose voicing decision differs", 2),
    "vuv_f1": Metric("", "higher", "F1 of the voicing decision"),
    "periodicity": Metric("", "lower", "RMSE of the normalised autocorrelation's peak (Boersma 1993)"),
    "level": Metric("dB", "zero", "RMS level of generated minus reference", 2),
    "high_band": Metric("dB", "lower", "mean |energy difference| above the mel's f_max, frame by frame", 2),
    "high_band_bias": Metric("dB", "zero", "mean signed energy difference above the mel's f_max", 2),
    "si_sdr": Metric("dB", "higher", "scale-invariant SDR, only where the phases were kept", 2),
    "rtf": Metric("", "lower", "real-time factor: seconds of computing per second of audio", 4),
}

HEADLINE = (
    *(name for name in _BY_EAR if name != "distillmos"),
    "pesq",
    "stoi",
    "log_mel",
    "mr_stft",
    "high_band",
    "rtf",
)
"""The columns of the tables in the terminal and at the top of the report; the others are in the details."""
BRIEF = ("residual_crest", "pulse_depth_2k", "pre_echo", "voicing_f1", "distillmos_change", "pesq", "log_mel", "rtf")
"""Those that fit into a terminal beside the names of single utterances."""

FACTS: Mapping[str, Metric] = {
    "n_steps": Metric("", "lower", "network steps of the sampler", 0),
    "latency": Metric("s", "lower", "from the mel of one second of speech to its waveform, median of three", 3),
    "peak_memory": Metric("MiB", "lower", "peak memory while vocoding: of the whole process, or of the GPU", 0),
    "frechet": Metric("", "lower", "Fréchet distance between the embeddings of all generated and all references", 3),
}
"""Facts of a system as a whole, not of its utterances."""
