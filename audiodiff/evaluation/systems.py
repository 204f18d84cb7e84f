"""A system: everything that was measured of one vocoder, or of one folder of generated recordings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from audiodiff.errors import InputError
from audiodiff.errors.sentences import sentence
from audiodiff.evaluation.alignment import MAX_LAG
from audiodiff.evaluation.ear import Judge
from audiodiff.evaluation.metrics import METRICS
from audiodiff.evaluation.pairs import Exclusion, Pair, load_pair
from audiodiff.evaluation.scoring import Scores, score
from audiodiff.evaluation.statistics import Difference, Estimate, estimate, paired_difference
from audiodiff.mel.compared import F_MAX
from audiodiff.types import Seconds


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Rules by which pairs are compared.

    `f_max` in hertz is where the mel ended (None: at 8000), `max_lag` how far two recordings may be shifted,
    `resampled` whether a generated one may be at another sample rate than its reference, `judge` whose opinions
    are asked for.
    """

    f_max: float | None = None
    max_lag: Seconds = MAX_LAG
    resampled: bool = False
    judge: Judge | None = None


@dataclass(frozen=True, kw_only=True)
class System:
    """The scores of every utterance, who was left out and why, and facts of the system as a whole."""

    name: str
    scores: Sequence[Scores]
    excluded: Sequence[Exclusion]
    files: Mapping[str, Pair]
    facts: Mapping[str, float] = field(default_factory=dict)

    def estimates(self) -> dict[str, Estimate]:
        """Mean and 95 % interval of every metric that at least one utterance has a number for."""
        columns = {name: [s.values[name] for s in self.scores if name in s.values] for name in METRICS}
        return {name: estimate(values) for name, values in columns.items() if values}


def evaluate(
    name: str,
    pairs: Iterable[Pair],
    rules: Rules,
    *,
    excluded: Sequence[Exclusion] = (),
    rtf: Mapping[str, float] = MappingProxyType({}),
    facts: Mapping[str, float] = MappingProxyType({}),
    advance: Callable[[], None] = lambda: None,
) -> System:
    """Measure every pair, calling `advance` after each; a pair that cannot be compared is excluded.

    `rtf` by utterance and `facts`, such as latency and peak memory, come from who made the recordings.
    Raises `InputError` when no pair is left, naming the first reasons.
    """
    scores, files, left_out = [], {}, list(excluded)
    for pair in pairs:
        try:
            recordings = load_pair(pair, resampled=rules.resampled)
            reference, generated, rate = recordings.reference, recordings.generated, recordings.sample_rate
            f_max = rules.f_max or F_MAX
            scored = score(pair.id, reference, generated, rate, f_max=f_max, max_lag=rules.max_lag, judge=rules.judge)
            known = {"rtf": rtf[pair.id]} if pair.id in rtf else {}
            scores.append(replace(scored, values=scored.values | known))
            files[pair.id] = pair
        except Exception as error:  # one odd recording never ends the evaluation of the others
            left_out.append(Exclusion(pair.id, sentence(error)))
        advance()
    if not scores:
        reasons = "; ".join(f"{item.id}: {item.reason}" for item in left_out[:3])
        raise InputError(f"nothing of {name} can be measured: {reasons}")
    return System(name=name, scores=scores, excluded=left_out, files=files, facts=facts)


def compare(first: System, second: System) -> dict[str, Difference]:
    """First minus second, metric by metric, over the utterances for which both have a number."""
    others = {scores.id: scores.values for scores in second.scores}
    differences = {}
    for name in METRICS:
        ours = {scores.id: scores.values[name] for scores in first.scores if name in scores.values}
        shared = [id for id in ours if name in others.get(id, {})]
        if shared:
            differences[name] = paired_difference([ours[id] for id in shared], [others[id][name] for id in shared])
    return differences
