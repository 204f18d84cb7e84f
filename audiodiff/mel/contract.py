"""The mel contract at the seam: a mel in another convention is converted, or refused, but never vocoded as it is."""

from dataclasses import replace
from typing import Literal

from audiodiff.errors import MelMismatchError
from audiodiff.errors.callers import warn_caller
from audiodiff.mel import Compatibility, Relation, compare, convert_mel
from audiodiff.mel.compatibility import Verdict, check_compatibility, name_of, suspicion
from audiodiff.mel.conversion_error import quiet_error
from audiodiff.mel.invertible import check_invertible
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel

Convert = Literal["exact", "approximate"]
"""Conversions that are made without asking: those by a formula, or also those by estimation."""


AUDIBLE = 0.05
"""Decibels from which on the difference between two conventions of one family is worth a warning."""

SAY_SO = "spec=vocoder.mel_spec"


class MelContractWarning(UserWarning):
    """A mel was converted before it was vocoded, or it is not surely in the convention that it is taken for."""


def fit_mel(mel: Mel, have: MelSpec | None, want: MelSpec, convert: Convert = "exact") -> Mel:
    """Return the mels [batch, n_mels, frames] in the convention `want`, or raise `MelMismatchError`.

    Mels of the convention `have` pass as they are where it is the same one, or one whose values differ at floors and
    edges only and whose frames lie at most half a hop away; there is a `MelContractWarning` if quiet values make that
    `AUDIBLE`. They are converted, with a warning, where a formula does it; where it is an estimate only with
    `convert="approximate"`. Mels that do not look like `have` are taken at its word, with a warning.

    Where `have` is None it is guessed, and the mel passes only if `want` is what it looks like most; if that is not
    sure, with a warning.
    """
    if have is None:
        _check_guess(mel, want)
        return mel
    relation = relation_for(have, want, convert)
    for doubt in filter(None, (suspicion(one, have) for one in mel)):
        _warn(doubt)
    if relation.compatibility is Compatibility.SAME:
        return mel
    if not relation.is_family:
        _warn(f"the mel was converted from {name_of(have)} to {name_of(want)} ({relation.compatibility}: {relation})")
    elif (error := max(quiet_error(one, have, want) for one in mel)) > AUDIBLE:
        _warn(
            f"the mel is in {name_of(have)}, a near relative of {name_of(want)}, which the model expects; what is "
            f"quiet in it is stored otherwise, which makes {error:.1f} dB of all values ({relation})"
        )
    return convert_mel(mel, have, replace(want, last_frame="keep"))


def relation_for(have: MelSpec, want: MelSpec, convert: Convert = "exact") -> Relation:
    """Relation of `have` to `want`; raises `MelMismatchError` where the contract allows no way between them."""
    relation = compare(have, want)
    allowed = {Compatibility.SAME, Compatibility.EXACT, Compatibility.NEAR} | (
        {Compatibility.APPROXIMATE} if convert == "approximate" else set()
    )
    if relation.compatibility not in allowed:
        raise MelMismatchError(_refusal(relation, have, want))
    if relation.compatibility is Compatibility.APPROXIMATE:
        check_invertible(have)
    return relation


def _check_guess(mel: Mel, want: MelSpec) -> None:
    for one in mel:
        report = check_compatibility(one, None, want)
        guess = report.guess
        if guess is None or name_of(want) not in guess.names:
            raise MelMismatchError(
                f"the mel names no convention, and it does not look like {name_of(want)}, which the model expects "
                f"({report.reason}); if you know that it is, say so: {SAY_SO}"
            )
        if report.verdict is Verdict.UNKNOWN:
            _warn(f"{report.reason}, or say so: {SAY_SO}")


def _warn(sentence: str) -> None:
    """Warn at the place that called audiodiff."""
    warn_caller(sentence, MelContractWarning)


def _refusal(relation: Relation, have: MelSpec, want: MelSpec) -> str:
    what = f"the mel is in {name_of(have)}, the model expects {name_of(want)} ({relation})"
    if relation.compatibility is Compatibility.MISMATCHED:
        return f"{what}; frames at other times cannot be converted: extract the mel again with the model's convention"
    return (
        f"{what}; this takes an estimate: convert it with `audiodiff mel convert`, or allow it with "
        'convert="approximate"'
    )
