"""The places of frames on the waveform: half a hop between the two framings is a classic of bug reports."""

from typing import Literal, Protocol

from audiodiff.types import Samples

Framing = Literal["center", "same"]
"""center: frame t is centred on sample t * hop, 1 + samples // hop frames (librosa, torch.stft, Tacotron 2).
same: frame t is centred on sample (t + 1/2) * hop, samples // hop frames (HiFi-GAN, BigVGAN)."""


class FrameLayout(Protocol):
    """The lengths and the places of frames, as every `MelSpec` has them."""

    @property
    def n_fft(self) -> Samples:
        """Length of a frame."""
        ...

    @property
    def win_length(self) -> Samples:
        """Length of the window in its middle."""
        ...

    @property
    def hop_length(self) -> Samples:
        """Distance of frames."""
        ...

    @property
    def framing(self) -> Framing:
        """Place of the first frame."""
        ...


def edge_padding(n_fft: Samples, hop_length: Samples, framing: Framing) -> Samples:
    """Samples that are added to each end of the waveform before the STFT."""
    return n_fft // 2 if framing == "center" else (n_fft - hop_length) // 2


def frame_count(n_samples: Samples, hop_length: Samples, framing: Framing) -> int:
    """Number of frames that `n_samples` give."""
    return n_samples // hop_length + (framing == "center")


def frame_centre(n_fft: Samples, hop_length: Samples, framing: Framing) -> Samples:
    """Place of the middle of a frame, in samples from the beginning of its hop."""
    return n_fft // 2 - edge_padding(n_fft, hop_length, framing)
