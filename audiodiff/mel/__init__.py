"""Mel spectrograms: conventions by name, their front-ends and files, conversions, and the contract that guards them."""

from audiodiff.mel.conventions import ALIASES, CONVENTIONS, convention, names_of
from audiodiff.mel.conversion import Compatibility, Relation, compare, convert_mel
from audiodiff.mel.conversion_error import estimated_error
from audiodiff.mel.files import MelFile, read_mel, read_mels, write_mel
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.mel.spec import MelSpec

__all__ = [
    "ALIASES",
    "CONVENTIONS",
    "Compatibility",
    "MelFile",
    "MelSpec",
    "MelSpectrogram",
    "Relation",
    "compare",
    "convention",
    "convert_mel",
    "estimated_error",
    "names_of",
    "read_mel",
    "read_mels",
    "write_mel",
]
