"""Every file of every config group with every experiment: tried without data, or refused in one sentence.

`python -m tests.conf.matrix` tries them all and prints the counts; the test takes a part of them.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from omegaconf import DictConfig, OmegaConf

from audiodiff.errors import ConfigError
from audiodiff.errors.sentences import sentence
from audiodiff.experiment.config import build, config_dir
from audiodiff.experiment.dry_run import build_data, build_features, build_objective, try_run
from audiodiff.experiment.run import build_model, composed
from audiodiff.experiment.settings import settings_in_words
from tests.runs import SMALL

CONF = config_dir()
NOT_PARTS = {"", ".", "experiment", "paths"}
Outcome = Literal["run", "refused", "crashed"]


@dataclass(frozen=True)
class Combination:
    """An experiment with one other choice of one group."""

    experiment: str
    group: str
    choice: str

    @property
    def overrides(self) -> list[str]:
        """The words of the command line."""
        live = ["data.cache=null"] * (self.choice in ("mel_on_device", "gain", "loudness"))
        return [f"experiment={self.experiment}", f"{self.group}={self.choice}", "init_from=null", *live]


def combinations() -> list[Combination]:
    """All of them: experiments in order, and for each the files of the groups in order."""
    experiments = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
    files = sorted(path.relative_to(CONF) for path in CONF.rglob("*.yaml"))
    choices = [(str(file.parent), file.stem) for file in files if str(file.parent) not in NOT_PARTS]
    return [Combination(experiment, *choice) for experiment in experiments for choice in choices]


def smaller(config: DictConfig) -> None:
    """Make networks small where the config has them, and nothing else different."""
    for name, value in SMALL.items():
        if not name.startswith("data.") and OmegaConf.select(config, name) is not None:
            OmegaConf.update(config, name, value)


def tried(combination: Combination) -> tuple[Outcome, str]:
    """The outcome of a combination, and the sentence that refuses it or the error that it crashes with."""
    try:
        config = composed(combination.overrides)
        smaller(config)
        with settings_in_words(lambda: config):
            set_up(config)
    except ConfigError as error:
        return ("refused" if fine(str(error)) else "crashed"), sentence(error)
    except Exception as error:  # the outcome that must not be
        return "crashed", f"{type(error).__name__}: {error}"
    return "run", ""


def set_up(config: DictConfig) -> None:
    """Build all that a run builds before it reads data, and try it."""
    model = build_model(config)
    objective = build_objective(config, model)
    features = build_features(config, model, objective)
    build_data(config, features)
    try_run(config, objective, features)
    optimizer = build(config.optimizer)([p for p in objective.parameters() if p.requires_grad])
    build(config.lr_schedule)(optimizer)


def fine(text: str) -> bool:
    """Tell whether a refusal is written for people: no type of a foreign error stands in it."""
    foreign = ("RuntimeError", "AttributeError", "TypeError", "KeyError", "IndexError", "jaxtyping")
    return not any(word in text for word in foreign)


def outcomes(part: list[Combination]) -> Iterator[tuple[Combination, Outcome, str]]:
    """Try them one after the other."""
    for combination in part:
        yield combination, *tried(combination)


def main() -> None:
    """Try all, or those of the experiments that are named; print what crashes at once, and counts as they grow.

    The order is random, and the same every time, so that the counts of a part say something of the rest.
    """
    counts: Counter[str] = Counter()
    sentences: Counter[str] = Counter()
    named = set(sys.argv[1:])
    wanted = [one for one in combinations() if one.experiment in named or not named]
    Random(0).shuffle(wanted)
    for combination, outcome, said in outcomes(wanted):
        counts[outcome] += 1
        sentences[said] += outcome == "refused"
        if outcome == "crashed":
            print(" ".join(combination.overrides), said, sep="\n    ", flush=True)
        if sum(counts.values()) % 100 == 0:
            print(f"{sum(counts.values())} of {len(wanted)}: {dict(counts)}", flush=True)
    print(*(f"{n:5d} {text}" for text, n in sentences.most_common()), sep="\n")
    print(dict(counts))


if __name__ == "__main__":
    main()
