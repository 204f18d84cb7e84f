"""The log mel by which waveforms are compared, whatever mel a model speaks from."""

from audiodiff.mel.spec import MelSpec
from audiodiff.types import Hertz

N_FFT, HOP, N_MELS, F_MAX, FLOOR = 1024, 256, 80, 8000.0, 1e-5


def compared_spec(sample_rate: Hertz) -> MelSpec:
    """That of vocoder papers: 1024/256 Hann, 80 Slaney bands to 8 kHz, floor 1e-5, natural logarithms."""
    return MelSpec(
        sample_rate=sample_rate,
        n_fft=N_FFT,
        win_length=N_FFT,
        hop_length=HOP,
        n_mels=N_MELS,
        f_max=min(F_MAX, sample_rate / 2),
        floor=FLOOR,
        framing="same",
    )
