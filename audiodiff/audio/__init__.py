"""Audio: mel conventions and the front-ends, files and conversions that follow from them."""

from audiodiff.audio.conventions import ALIASES, CONVENTIONS, convention, names_of
from audiodiff.audio.conversion import Kinship, Relation, compare, convert_mel
from audiodiff.audio.conversion_error import estimated_error
from audiodiff.audio.io import audio_sample_rate, load_audio, resample, save_audio
from audiodiff.audio.mel import MelSpectrogram
from audiodiff.audio.melfile import MelFile, read_mel, read_mels, write_mel
from audiodiff.audio.spec import MelSpec

__all__ = [
    "ALIASES",
    "CONVENTIONS",
    "Kinship",
    "MelFile",
    "MelSpec",
    "MelSpectrogram",
    "Relation",
    "audio_sample_rate",
    "compare",
    "convention",
    "convert_mel",
    "estimated_error",
    "load_audio",
    "names_of",
    "read_mel",
    "read_mels",
    "resample",
    "save_audio",
    "write_mel",
]
