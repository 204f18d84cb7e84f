"""Compatibility of a mel with a model, with the reason."""

from dataclasses import dataclass
from enum import StrEnum

from audiodiff.mel.conventions import CONVENTIONS, names_of
from audiodiff.mel.conversion import Compatibility, Relation, compare
from audiodiff.mel.conversion_error import estimated_error
from audiodiff.mel.fingerprint import Bands
from audiodiff.mel.guesser import ENOUGH, Extent, Guess, bounds, guess, is_within
from audiodiff.mel.spec import MelSpec

SURE = 0.9
"""Probability that the best guess needs for a verdict."""


class Verdict(StrEnum):
    """Verdicts on a mel that is given to a model."""

    MATCH = "match"
    CONVERTIBLE = "convertible"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class CompatibilityReport:
    """A verdict, the sentence that gives its reason, and the guess that it rests on, if any."""

    verdict: Verdict
    reason: str
    guess: Guess | None = None

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason}"


def check_compatibility(mel: Bands, have: MelSpec | None, want: MelSpec) -> CompatibilityReport:
    """Judge a mel of the convention `have`, or of one that has to be guessed, for a model that expects `want`."""
    if mel.shape[0] != want.n_mels and have is None:
        return CompatibilityReport(Verdict.MISMATCH, f"it has {mel.shape[0]} bands, the model expects {want.n_mels}")
    return _check_guessed(mel, guess(mel), want) if have is None else _check_declared(mel, have, want)


def _check_declared(mel: Bands, have: MelSpec, want: MelSpec) -> CompatibilityReport:
    relation, name = compare(have, want), name_of(have)
    if doubt := suspicion(mel, have):
        return CompatibilityReport(Verdict.UNKNOWN, doubt)
    if relation.compatibility is Compatibility.SAME:
        return CompatibilityReport(Verdict.MATCH, f"declared as {name}")
    return CompatibilityReport(*_verdict_on(relation, f"declared as {name}", mel, have, want))


def _verdict_on(relation: Relation, what: str, mel: Bands, have: MelSpec, want: MelSpec) -> tuple[Verdict, str]:
    """The verdict on two different conventions."""
    if relation.compatibility is Compatibility.MISMATCHED:
        return Verdict.MISMATCH, f"{what}; its frames lie at other times ({relation})"
    if relation.compatibility is Compatibility.EXACT:
        return Verdict.CONVERTIBLE, f"{what}; exactly ({relation})"
    if relation.compatibility is Compatibility.NEAR:
        error = estimated_error(mel, have, want)
        return Verdict.CONVERTIBLE, f"{what}; a near relative, within about {error:.2f} dB ({relation})"
    return Verdict.CONVERTIBLE, f"{what}; within about {estimated_error(mel, have, want):.2f} dB ({relation})"


def _check_guessed(mel: Bands, found: Guess, want: MelSpec) -> CompatibilityReport:
    what = str(found)
    if not found.names or found.confidence < SURE:
        return CompatibilityReport(Verdict.UNKNOWN, f"{what}. If you know its convention, name it as spec=", found)
    relations = {name: compare(CONVENTIONS[name], want) for name in found.names}
    if all(relation.compatibility is Compatibility.SAME for relation in relations.values()):
        return CompatibilityReport(Verdict.MATCH, what, found)
    if any(relation.compatibility is Compatibility.SAME for relation in relations.values()):
        reason = f"{what}; these store the same values at most half a hop apart, so it can be used as it is"
        return CompatibilityReport(Verdict.CONVERTIBLE, reason, found)
    first = found.names[0]
    return CompatibilityReport(*_verdict_on(relations[first], what, mel, CONVENTIONS[first], want), found)


def suspicion(mel: Bands, named: MelSpec) -> str | None:
    """The reason, if there is one, to doubt that a mel is in the convention that somebody named.

    There is one where no waveform gives such values, and where the guesser is sure of a convention that shares no
    family with it. A mel of few frames, and one of a convention that the guesser has not learnt, is judged by its
    values only.
    """
    extent, name = Extent.of(mel), name_of(named)
    if not is_within(extent, named):
        lowest, highest, _ = bounds(named)
        return (
            f"the mel is said to be in {name}, whose values lie between {lowest:.3g} and {highest:.3g}, but it holds "
            f"{extent.lowest:.3g} to {extent.highest:.3g}"
        )
    if mel.shape[1] < SURE * ENOUGH or not names_of(named):
        return None
    found = guess(mel)
    if found.confidence < SURE or any(compare(CONVENTIONS[other], named).is_family for other in found.names):
        return None
    return f"the mel is said to be in {name}, but it looks like another convention. {found}"


def name_of(spec: MelSpec) -> str:
    """The name of a convention for a message."""
    return next(iter(names_of(spec)), "a convention without a name")
