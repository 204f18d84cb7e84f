"""Audio: mel conventions and the front-ends, files and conversions that follow from them."""

from audiodiff.audio.conventions import CONVENTIONS, convention
from audiodiff.audio.io import audio_sample_rate, load_audio, resample, save_audio
from audiodiff.audio.mel import MelSpectrogram
from audiodiff.audio.melfile import MelFile, read_mel, read_mels, write_mel
from audiodiff.audio.spec import MelSpec

__all__ = [
    "CONVENTIONS",
    "MelFile",
    "MelSpec",
    "MelSpectrogram",
    "audio_sample_rate",
    "convention",
    "load_audio",
    "read_mel",
    "read_mels",
    "resample",
    "save_audio",
    "write_mel",
]
