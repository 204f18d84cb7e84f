"""`audiodiff train --multirun`: one run after the other, over all combinations of settings, by Hydra's sweepers."""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Column, Table

from audiodiff.errors import TrainingError
from audiodiff.errors.sentences import sentence
from audiodiff.experiment.config import config_dir
from audiodiff.experiment.run import best_score, fit
from audiodiff.experiment.settings import settings_in_words


def run_sweep(overrides: list[str]) -> None:
    """Train every combination that the overrides name (`schedule=vp,cosine`), and print what each one reached.

    One that fails does not stop the others; raises `TrainingError` at the end if any did.
    """
    scores: dict[int, tuple[float, list[str]]] = {}
    failed: dict[int, str] = {}

    def job(config: DictConfig) -> float:
        facts = HydraConfig.get()
        config.paths.run = str(Path(config.paths.run) / str(facts.job.num))
        score = float("inf")
        try:
            score = best_score(fit(config))
        except Exception as error:  # the other combinations go on
            failed[facts.job.num] = sentence(error)
        scores[facts.job.num] = score, list(facts.overrides.task)
        return score

    before, sys.argv = sys.argv, [sys.argv[0], "--multirun", *overrides]
    try:
        with settings_in_words():
            hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="train")(job)()
    finally:
        sys.argv = before
    Console().print(ranking(scores))
    if failed:
        reasons = "; ".join(f"run {number}: {reason}" for number, reason in failed.items())
        raise TrainingError(f"{len(failed)} of {len(scores)} combinations failed: {reasons}")


def ranking(scores: dict[int, tuple[float, list[str]]]) -> Table:
    """The runs by their best score, each with the settings that not all of them have."""
    common = set.intersection(*(set(settings) for _, settings in scores.values()))
    table = Table("run", Column("settings", overflow="fold"), "best")
    for number, (score, settings) in sorted(scores.items(), key=lambda item: item[1][0]):
        own = [setting for setting in settings if setting not in common]
        table.add_row(str(number), " ".join(own), f"{score:.4f}")
    return table
