"""Results as plain JSON values, for `report.json` and for the page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audiodiff.audio.atomic import written_whole
from audiodiff.evaluation.metrics import FACTS, HEADLINE, METRICS
from audiodiff.evaluation.robustness import Slopes
from audiodiff.evaluation.systems import System, compare
from audiodiff.version import __version__

_FORMAT = 1
Record = dict[str, Any]


def make_record(
    systems: Sequence[System],
    machine: Mapping[str, str | int],
    settings: Mapping[str, str | float | None],
    robustness: Sequence[Slopes] = (),
) -> Record:
    """Everything that was measured; the comparisons set the first system against each of the others."""
    return {
        "format": _FORMAT,
        "audiodiff": __version__,
        "machine": dict(machine),
        "settings": dict(settings),
        "headline": list(HEADLINE),
        "metrics": {name: asdict(metric) for name, metric in METRICS.items()},
        "facts": {name: asdict(metric) for name, metric in FACTS.items()},
        "systems": [system_record(system) for system in systems],
        "comparisons": [comparison_record(systems[0], other) for other in systems[1:]],
        "robustness": [asdict(slopes) for slopes in robustness],
    }


def system_record(system: System) -> Record:
    """Means with their intervals, then every utterance, then who was left out."""
    return {
        "name": system.name,
        "utterances": len(system.scores),
        "seconds": sum(scores.seconds for scores in system.scores),
        "facts": dict(system.facts),
        "means": {name: asdict(estimate) for name, estimate in system.estimates().items()},
        "scores": [asdict(scores) for scores in system.scores],
        "excluded": [asdict(exclusion) for exclusion in system.excluded],
    }


def comparison_record(first: System, second: System) -> Record:
    """First minus second, metric by metric, with what that means for the listener."""
    differences = {}
    for name, difference in compare(first, second).items():
        means = first.estimates()[name].mean, second.estimates()[name].mean
        ours, theirs = (METRICS[name].loss(mean) for mean in means)
        winner = first.name if ours < theirs else second.name
        differences[name] = {
            **asdict(difference.estimate),
            "share_higher": difference.share_higher,
            "clear": difference.clear,
            "better": winner if difference.clear else None,
        }
    return {"first": first.name, "second": second.name, "differences": differences}


def write_record(path: Path, record: Record) -> None:
    """Write JSON that holds no NaN, whole or not at all."""
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    with written_whole(path) as scratch:
        scratch.write_text(text + "\n", encoding="utf-8")
