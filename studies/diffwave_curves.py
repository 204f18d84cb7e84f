"""Draw the curves of the DiffWave study and print its tables, from what `diffwave_study.py` has measured.

    python studies/diffwave_curves.py                    # pictures beside this file, tables on the screen
    python studies/diffwave_curves.py --cost base paper  # first measure seconds per step: nothing beside it!

Wall time is steps times the cost of a step of that cell, which is measured alone on the machine and kept in
runs/study/cost.json: the clock of a run that shares its cores says nothing.
"""

import argparse
import json
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import torch
from diffwave_study import CELLS, POINTS, SCORES, STEPS, STUDY, composed
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audiodiff.experiment.config import build
from audiodiff.experiment.dry_run import build_features, build_objective
from audiodiff.experiment.run import build_model

HERE = Path(__file__).parent
COST = STUDY / "cost.json"
REFERENCE = "paper"
FACTORS = {
    "prior": ("paper", "isotropic", "energy", "base", "inversion"),
    "prediction and schedule": ("base", "x0", "v", "zero_snr_v", "cosine_v", "straight_velocity"),
    "loss": ("base", "l1", "stft", "min_snr"),
    "together": (
        "base",
        "envelope_fast",
        "envelope_velocity",
        "inversion",
        "inversion_fast",
        "inversion_velocity",
        "inversion_rollout",
        "inversion_refined",
    ),
    "where the envelope is flat": (
        "v",
        "whitened_v",
        "inversion_rollout",
        "whitened_rollout",
        "inversion_refined",
        "whitened_refined",
    ),
}
TARGETS = (
    ("log_mel", 3.0),
    ("log_mel", 0.5),
    ("log_mel", 0.07),
    ("mr_stft", 5.0),
    ("mr_stft", 1.6),
    ("mr_stft", 1.085),
)
"""The qualities whose steps are counted."""


class Curve(NamedTuple):
    """What one run reached after how many steps: the means over its validation clips."""

    cell: str
    seed: int
    steps: list[int]
    scores: dict[str, list[float]]

    def steps_to(self, metric: str, quality: float) -> float | None:
        """Steps until the metric is as low as `quality`, linear between the points; None if it never is."""
        points = list(zip(self.steps, self.scores[metric], strict=True))
        if points[0][1] <= quality:
            return points[0][0]
        for (before, high), (after, low) in pairwise(points):
            if low <= quality < high:
                return before + (after - before) * (high - quality) / (high - low)
        return None


def read_curves(path: Path) -> dict[str, Curve]:
    """The runs by name, in the order in which they were made."""
    points: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        point = json.loads(line)
        points[point["run"]].append(point)
    return {
        run: Curve(
            cell=found[0]["cell"],
            seed=found[0]["seed"],
            steps=[point["step"] for point in found],
            scores={name: [fmean(clip[name] for clip in point["scores"]) for point in found] for name in SCORES},
        )
        for run, found in points.items()
    }


def seconds_per_step(cell: str, folder: Path, steps: int = 8) -> float:
    """What a training step costs: the best of three rounds, validation and loading left out."""
    config = composed(cell, "cost", folder, 0, 1)
    model = build_model(config)
    objective = build_objective(config, model)
    data = build(config.data, features=build_features(config, model, objective))
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    optimizer = build(config.optimizer)([p for p in objective.parameters() if p.requires_grad])
    rounds = []
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad()
            objective(**batch)["loss"].backward()
            optimizer.step()
        rounds.append((time.perf_counter() - began) / steps)
    return min(rounds)


def draw(curves: dict[str, Curve], cost: dict[str, float], target: Path) -> None:
    """Quality against steps (above) and against seconds of training (below), one column for every factor."""
    figure = Figure(figsize=(20, 8), layout="constrained")
    axes = figure.subplots(2, len(FACTORS))
    for column, (factor, cells) in enumerate(FACTORS.items()):
        for curve in curves.values():
            if curve.cell in cells and curve.steps[-1] <= STEPS:
                color = f"C{cells.index(curve.cell)}"
                style = {"color": color, "linestyle": "-" if curve.seed == 0 else "--", "marker": "."}
                label = curve.cell if curve.seed == 0 else None
                axes[0, column].plot(curve.steps, curve.scores["log_mel"], label=label, **style)
                if curve.cell in cost:
                    seconds = [step * cost[curve.cell] for step in curve.steps]
                    axes[1, column].plot(seconds, curve.scores["mr_stft"], label=label, **style)
        dress(axes[0, column], factor, "steps", "log-mel L1, nats" if column == 0 else "")
        dress(axes[1, column], "", "seconds of training on one core", "MR-STFT" if column == 0 else "")
    figure.savefig(target, dpi=70)


def dress(axis: Axes, title: str, x: str, y: str) -> None:
    """Scales and words."""
    axis.set(title=title, xlabel=x, ylabel=y, yscale="log")
    axis.grid(visible=True, which="both", alpha=0.3)
    if axis.lines:
        axis.legend(fontsize=8)


def table(curves: dict[str, Curve], cost: dict[str, float]) -> str:
    """The end of every run, and the steps to some qualities, with how many times as many the paper's choices take."""
    qualities = [f"{metric} {quality:g}" for metric, quality in TARGETS]
    names = ["run", "steps", "s / step", "PESQ", "log-mel", "MR-STFT", *qualities]
    rows = [" | ".join(names), "|".join(["---"] * len(names))]
    reference = max((curve for curve in curves.values() if curve.cell == REFERENCE), key=lambda curve: curve.steps[-1])
    for run, curve in curves.items():
        last = [f"{curve.scores[name][-1]:.{2 if name == 'pesq' else 3}f}" for name in SCORES]
        spent = f"{cost[curve.cell]:.3f}" if curve.cell in cost else ""
        cells = [run, str(curve.steps[-1]), spent, *last, *(needed(curve, reference, *target) for target in TARGETS)]
        rows.append(" | ".join(cells))
    return "\n".join(f"| {row} |" for row in rows)


def needed(curve: Curve, reference: Curve, metric: str, quality: float) -> str:
    """Steps to a quality, and how many times as many the reference needs."""
    ours, theirs = curve.steps_to(metric, quality), reference.steps_to(metric, quality)
    if ours is None:
        return "not reached"
    more = reference.steps[-1] / ours if theirs is None else theirs / ours
    first = "≤ " if ours == curve.steps[0] else ""
    return f"{first}{ours:.0f} ({'> ' if theirs is None else ''}{more:.1f}x)"


def main() -> None:
    """Measure if asked to, then draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cost", nargs="+", choices=CELLS, default=[])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cost = json.loads(COST.read_text(encoding="utf-8")) if COST.is_file() else {}
    for cell in asked.cost:
        cost[cell] = seconds_per_step(cell, STUDY / "data")
        COST.write_text(json.dumps(cost, indent=1), encoding="utf-8")
    curves = read_curves(POINTS)
    draw(curves, cost, HERE / "diffwave_curves.png")
    print(table(curves, cost))


if __name__ == "__main__":
    main()
