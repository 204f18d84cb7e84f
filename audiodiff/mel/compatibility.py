"""Whether a mel fits a model, and why."""

from dataclasses import dataclass
from enum import StrEnum

from audiodiff.mel.conventions import CONVENTIONS, names_of
from audiodiff.mel.conversion import Kinship, Relation, compare
from audiodiff.mel.conversion_error import estimated_error
from audiodiff.mel.fingerprint import Bands
from audiodiff.mel.guesser import Guess, guess
from audiodiff.mel.spec import MelSpec

SURE = 0.9
"""How probable the best guess has to be for a verdict."""


class Verdict(StrEnum):
    """What becomes of a mel that is given to a model."""

    MATCH = "match"
    CONVERTIBLE = "convertible"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Judgement:
    """A verdict, the sentence that gives its reason, and the guess that it rests on, if any."""

    verdict: Verdict
    reason: str
    guess: Guess | None = None

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason}"


def judge(mel: Bands, have: MelSpec | None, want: MelSpec) -> Judgement:
    """Judge a mel of the convention `have`, or of one that has to be guessed, for a model that expects `want`."""
    if mel.shape[0] != want.n_mels and have is None:
        return Judgement(Verdict.MISMATCH, f"it has {mel.shape[0]} bands, the model expects {want.n_mels}")
    return _judge_guessed(mel, guess(mel), want) if have is None else _judge_declared(mel, have, want)


def _judge_declared(mel: Bands, have: MelSpec, want: MelSpec) -> Judgement:
    relation, name = compare(have, want), name_of(have)
    if relation.kinship is Kinship.SAME:
        return Judgement(Verdict.MATCH, f"declared as {name}")
    return Judgement(*_verdict_on(relation, f"declared as {name}", mel, have, want))


def _verdict_on(relation: Relation, what: str, mel: Bands, have: MelSpec, want: MelSpec) -> tuple[Verdict, str]:
    """The verdict on two different conventions."""
    if relation.kinship is Kinship.MISMATCHED:
        return Verdict.MISMATCH, f"{what}; its frames lie at other times ({relation})"
    if relation.kinship is Kinship.EXACT:
        return Verdict.CONVERTIBLE, f"{what}; exactly ({relation})"
    return Verdict.CONVERTIBLE, f"{what}; within about {estimated_error(mel, have, want):.2f} dB ({relation})"


def _judge_guessed(mel: Bands, found: Guess, want: MelSpec) -> Judgement:
    what = str(found)
    if not found.names or found.confidence < SURE:
        return Judgement(Verdict.UNKNOWN, f"{what}. If you know its convention, name it with --as", found)
    relations = {name: compare(CONVENTIONS[name], want) for name in found.names}
    if all(relation.kinship is Kinship.SAME for relation in relations.values()):
        return Judgement(Verdict.MATCH, what, found)
    if any(relation.kinship is Kinship.SAME for relation in relations.values()):
        reason = f"{what}; these store the same values at most half a hop apart, so it can be used as it is"
        return Judgement(Verdict.CONVERTIBLE, reason, found)
    first = found.names[0]
    return Judgement(*_verdict_on(relations[first], what, mel, CONVENTIONS[first], want), found)


def name_of(spec: MelSpec) -> str:
    """The name of a convention for a message."""
    return next(iter(names_of(spec)), "a convention without a name")
