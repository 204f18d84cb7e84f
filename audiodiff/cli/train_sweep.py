"""`audiodiff train --multirun`: one run after the other, over all combinations of settings, by Hydra's sweepers."""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from audiodiff.cli.config import config_dir
from audiodiff.cli.train import best_score, fit


def run_sweep(overrides: list[str]) -> None:
    """Train every combination that the overrides name (`schedule=vp,cosine`), and print what each one reached."""
    scores: dict[str, float] = {}

    def job(config: DictConfig) -> float:
        facts = HydraConfig.get()
        config.paths.run = str(Path(config.paths.run) / str(facts.job.num))
        score = best_score(fit(config))
        scores[f"{facts.job.num}: {' '.join(facts.overrides.task)}"] = score
        return score

    before, sys.argv = sys.argv, [sys.argv[0], "--multirun", *overrides]
    try:
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="train")(job)()
    finally:
        sys.argv = before
    table = Table("run", "best")
    for name, score in sorted(scores.items(), key=lambda item: item[1]):
        table.add_row(name, f"{score:.4f}")
    Console().print(table)
