"""Draw the picture of the DiffWave study and print its table, from what `diffwave_study.py` has measured.

python studies/diffwave_curves.py   # the picture beside this file, the table on the screen
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from diffwave_study import CELLS, POINTS
from matplotlib.axes import Axes
from matplotlib.figure import Figure

HERE = Path(__file__).parent
Point = dict[str, Any]
Runs = dict[str, list[Point]]

COLUMNS: dict[str, tuple[str, int]] = {
    "pesq": ("PESQ", 2),
    "log_mel": ("log-mel", 3),
    "mr_stft": ("MR-STFT", 3),
    "residual_crest": ("crest", 1),
    "pulse_depth_1k": ("depth 1-2", 1),
    "pulse_depth_2k": ("2-4", 1),
    "pulse_depth_4k": ("4-7", 1),
}
BY_STEPS = ("pesq", "log_mel", "mr_stft")
"""The scores that the table has for every number of sampling steps; the others are of the largest."""
DRAWN = (
    "isotropic",
    "energy",
    "envelope",
    "source",
    "table_eps",
    "table_v",
    "table_x0",
    "straight_x0",
    "base",
    "kept_v",
)


def read_runs(path: Path) -> Runs:
    """The points of every run, in the order in which the runs were made."""
    runs: Runs = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        point = json.loads(line)
        runs.setdefault(point["run"], []).append(point)
    return runs


def last(points: Iterable[Point]) -> list[Point]:
    """Those of the end of training."""
    points = list(points)
    end = max(point["step"] for point in points)
    return [point for point in points if point["step"] == end]


def table(runs: Runs) -> str:
    """The end of every run: some scores with 1 / 2 / 6 sampling steps, the others with 6."""
    names = ["run", "steps", "CPU s", *(title for title, _ in COLUMNS.values())]
    rows = [" | ".join(names), "|".join(["---"] * len(names))]
    for run, points in runs.items():
        end = last(points)
        cells = [run, str(end[0]["step"]), f"{end[0]['seconds']:.0f}"]
        for name, (_, digits) in COLUMNS.items():
            chosen = end if name in BY_STEPS else end[-1:]
            sign = "" if name in BY_STEPS else "+"
            cells.append(" / ".join(f"{point[name]:{sign}.{digits}f}" if name in point else "" for point in chosen))
        rows.append(" | ".join(cells))
    return "\n".join(f"| {row} |" for row in rows)


def draw(runs: Runs, target: Path) -> None:
    """Quality against training steps and the processor's time, with six sampling steps, and by sampling steps."""
    figure = Figure(figsize=(16, 9), layout="constrained")
    axes = figure.subplots(2, 3)
    shown = [points for points in runs.values() if points[0]["cell"] in DRAWN and last(points)[0]["step"]]
    labelled: dict[str, set[str]] = {"pesq": set(), "log_mel": set()}
    for row, name in enumerate(labelled):
        for points in shown:
            cell, seed = points[0]["cell"], points[0]["seed"]
            style = {"color": f"C{DRAWN.index(cell)}", "linestyle": "-" if seed == 0 else "--", "marker": "."}
            label = None if cell in labelled[name] else cell
            labelled[name].add(cell)
            six = [point for point in points if point["n_steps"] == 6]
            plot(axes[row, 0], six, lambda point: point["step"], name, style, label)
            plot(axes[row, 1], six, lambda point: point["seconds"] / 60, name, style, label)
            plot(axes[row, 2], last(points), lambda point: point["n_steps"], name, style, label)
        for axis, x in zip(axes[row], ("training steps", "minutes of the processor", "sampling steps"), strict=True):
            axis.set(xlabel=x, ylabel=COLUMNS[name][0], yscale="log" if name == "log_mel" else "linear")
            axis.set_xscale("log")
            axis.grid(visible=True, which="both", alpha=0.3)
        axes[row, 2].set_xticks([1, 2, 6], ["1", "2", "6"])
        axes[row, 2].set_xticks([], minor=True)
    axes[0, 0].legend(fontsize=8)
    figure.savefig(target, dpi=70)


def plot(
    axis: Axes, points: list[Point], x: Callable[[Point], float], name: str, style: dict[str, Any], label: str | None
) -> None:
    """One curve."""
    axis.plot([x(point) for point in points], [point[name] for point in points], label=label, **style)


def main() -> None:
    """Draw, and print."""
    runs = read_runs(POINTS)
    order = list(CELLS)
    known = {run: points for run, points in runs.items() if points[0]["cell"] in CELLS}
    ordered = dict(sorted(known.items(), key=lambda item: (order.index(item[1][0]["cell"]), item[0])))
    draw(ordered, HERE / "diffwave_curves.png")
    print(table(ordered))


if __name__ == "__main__":
    main()
