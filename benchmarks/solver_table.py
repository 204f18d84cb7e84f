"""The table and the plot of samplers and step counts, from the report of one evaluation.

    audiodiff evaluate --model MODEL --data FOLDER --sampler ddim,dpmpp_2m,… --steps 1,2,4,6,12,25,50 -o REPORT
    python benchmarks/solver_table.py REPORT/report.json PLOT.svg [--metric pulse_depth_2k] [--across rtf]

Prints Markdown: the metric as a grid of samplers by step counts, then all columns with intervals, those of the ear
before PESQ. The plot has one line per sampler, the metric against the steps, or with `--across rtf` against the
real-time factor, which means something only where nothing else ran; the table then has it too.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal

import typer
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from audiodiff.evaluation.ear import HEARD
from audiodiff.evaluation.metrics import METRICS

COLUMNS = (*HEARD, "f0_deviation", "distillmos_change", "pesq", "log_mel", "mr_stft")
Across = Literal["steps", "rtf"]


def markdown(systems: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    """One row per sampler and step count, means with their 95 % intervals."""
    head = ["sampler", "steps", *columns]
    rows = [[sampler(system), f"{steps(system)}", *cells(system, columns)] for system in systems]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def grid(systems: list[dict[str, Any]], metric: str) -> str:
    """One row per sampler, one column per step count, the mean of one metric in the cells."""
    means = {(sampler(system), steps(system)): system["means"][metric] for system in systems}
    names, counts = (list(dict.fromkeys(key[place] for key in means)) for place in (0, 1))
    digits = METRICS[metric].digits
    rows = [[name, *(f"{means[name, count]['mean']:.{digits}f}" for count in counts)] for name in names]
    head = [f"{metric}, steps:", *(f"{count}" for count in counts)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def cells(system: dict[str, Any], columns: tuple[str, ...]) -> list[str]:
    """The means of a system; a dash where there is none, DistillMOS without its package for one."""
    found = []
    for name in columns:
        mean, digits = system["means"].get(name), METRICS[name].digits
        if mean is None:
            found.append("-")
            continue
        known = mean["low"] is not None and name != "rtf"
        interval = f" ({mean['low']:.{digits}f} … {mean['high']:.{digits}f})" if known else ""
        found.append(f"{mean['mean']:.{digits}f}{interval}")
    return found


def steps(system: dict[str, Any]) -> int:
    """The number of steps of a system."""
    return round(system["facts"]["n_steps"])


def sampler(system: dict[str, Any]) -> str:
    """The sampler in a system's name, MODEL-SAMPLER-STEPS."""
    return system["name"].split("-")[-2]


def plot(systems: list[dict[str, Any]], metric: str, across: Across, path: Path) -> None:
    """Draw one line per sampler through its step counts; a metric that is better where it is lower is turned over."""
    lines = defaultdict(list)
    for system in systems:
        lines[sampler(system)].append(system)
    figure = Figure(figsize=(7.5, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, members in lines.items():
        quality = [system["means"][metric]["mean"] for system in members]
        cost = [steps(system) if across == "steps" else system["means"]["rtf"]["mean"] for system in members]
        axes.plot(cost, quality, marker="o", markersize=4, label=name)
        if across == "rtf":
            for x, y, system in zip(cost, quality, members, strict=True):
                place = {"xytext": (0, 5), "textcoords": "offset points"}
                axes.annotate(f"{steps(system)}", (x, y), **place, ha="center", fontsize=7)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if METRICS[metric].better == "lower":
        axes.invert_yaxis()
    axes.set_xlabel("real-time factor" if across == "rtf" else "steps")
    axes.set_ylabel(f"{metric} {METRICS[metric].unit}".strip())
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path)


def main(report: Path, picture: Path, metric: str = "pulse_depth_2k", across: Across = "steps") -> None:
    """Print the table and draw the plot."""
    systems = json.loads(report.read_text(encoding="utf-8"))["systems"]
    timed = across == "rtf"
    print(grid(systems, metric), *[grid(systems, "rtf")] * timed, sep="\n\n", end="\n\n")
    print(markdown(systems, (*COLUMNS, "rtf") if timed else COLUMNS))
    plot(systems, metric, across, picture)


if __name__ == "__main__":
    typer.run(main)
