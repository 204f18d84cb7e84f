"""The voice for a mel file, where one voice speaks every convention."""

from audiodiff.bulk.long_mels import LongMel
from audiodiff.bundle.for_mel import speaks_any_mel
from audiodiff.errors import MelMismatchError
from audiodiff.mel import MelFile, convention
from audiodiff.mel.compatibility import SURE
from audiodiff.mel.guesser import guess
from audiodiff.mel.spec import MelSpec
from audiodiff.types import OneMel
from audiodiff.vocoder import Vocoder


def voice_for(vocoder: Vocoder, mel: MelFile | LongMel) -> Vocoder:
    """The vocoder in the convention of a mel: that which its file or the caller names, or a guess that is sure.

    A vocoder of one convention is returned as it is. Raises `MelMismatchError` where no guess is sure.
    """
    if not speaks_any_mel(vocoder.model):
        return vocoder
    if mel.spec is not None:
        return vocoder.for_mel(mel.spec)
    return vocoder.for_mel(guessed(mel.mel if isinstance(mel, MelFile) else mel.beginning()))


def guessed(mel: OneMel) -> MelSpec:
    """The convention that a mel is surely in; raises `MelMismatchError` where that cannot be said."""
    found = guess(mel)
    if not found.names or found.confidence < SURE:
        raise MelMismatchError(f"the mel names no convention; {found}. Name its convention with --as")
    return convention(found.names[0])
