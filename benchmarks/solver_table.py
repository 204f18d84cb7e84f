"""The table and the plot of samplers and step counts, from the report of one evaluation.

    audiodiff evaluate --model MODEL --data FOLDER --sampler ddim,dpmpp_2m,… --steps 1,2,4,6,12,25,50 -o REPORT
    python benchmarks/solver_table.py REPORT/report.json PLOT.svg [--metric pesq]

Prints Markdown: the metric and the real-time factor as grids of samplers by step counts, then the whole table with
intervals. The plot has one line per sampler, quality against the real-time factor.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import typer
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from audiodiff.evaluation.metrics import METRICS

COLUMNS = ("pesq", "stoi", "log_mel", "mr_stft", "mcd", "rtf")


def markdown(systems: list[dict[str, Any]]) -> str:
    """One row per sampler and step count, means with half the width of their 95 % intervals."""
    head = ["sampler", "steps", *COLUMNS]
    rows = [[sampler(system), f"{system['facts']['n_steps']:.0f}", *cells(system)] for system in systems]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def grid(systems: list[dict[str, Any]], metric: str) -> str:
    """One row per sampler, one column per step count, the mean of one metric in the cells."""
    means = {(sampler(system), f"{system['facts']['n_steps']:.0f}"): system["means"][metric] for system in systems}
    names, counts = (list(dict.fromkeys(key[place] for key in means)) for place in (0, 1))
    digits = METRICS[metric].digits
    rows = [[name, *(f"{means[name, count]['mean']:.{digits}f}" for count in counts)] for name in names]
    head = [f"{metric}, steps:", *counts]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def cells(system: dict[str, Any]) -> list[str]:
    """The means of a system."""
    found = []
    for name in COLUMNS:
        mean, digits = system["means"][name], METRICS[name].digits
        spread = "" if mean["low"] is None else f" ± {(mean['high'] - mean['low']) / 2:.{digits}f}"
        found.append(f"{mean['mean']:.{digits}f}{'' if name == 'rtf' else spread}")
    return found


def sampler(system: dict[str, Any]) -> str:
    """The sampler in a system's name, MODEL-SAMPLER-STEPS."""
    return system["name"].split("-")[-2]


def plot(systems: list[dict[str, Any]], metric: str, path: Path) -> None:
    """Draw one line per sampler through its step counts; what is better lies higher."""
    lines = defaultdict(list)
    for system in systems:
        lines[sampler(system)].append(system)
    figure = Figure(figsize=(7.5, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, members in lines.items():
        rtf, quality = ([system["means"][key]["mean"] for system in members] for key in ("rtf", metric))
        axes.plot(rtf, quality, marker="o", markersize=4, label=name)
        for x, y, system in zip(rtf, quality, members, strict=True):
            steps = f"{system['facts']['n_steps']:.0f}"
            axes.annotate(steps, (x, y), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=7)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if METRICS[metric].better != "higher":
        axes.invert_yaxis()
    axes.set_xlabel("real-time factor")
    axes.set_ylabel(f"{metric} {METRICS[metric].unit}".strip())
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path)


def main(report: Path, picture: Path, metric: str = "pesq") -> None:
    """Print the table and draw the plot."""
    systems = json.loads(report.read_text(encoding="utf-8"))["systems"]
    print(grid(systems, metric), grid(systems, "rtf"), markdown(systems), sep="\n\n")
    plot(systems, metric, picture)


if __name__ == "__main__":
    typer.run(main)
