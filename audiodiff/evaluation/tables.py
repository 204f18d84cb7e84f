"""The tables of an evaluation in the terminal."""

from itertools import groupby
from operator import itemgetter

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from audiodiff.data.perturbation import PERTURBATION_UNITS
from audiodiff.evaluation.metrics import BRIEF, FACTS, METRICS, Metric
from audiodiff.evaluation.record import Record

FEW_UTTERANCES = 40
"""Up to so many are listed one by one; all of them are in the report."""
FEW_SYSTEMS = 4
"""Up to so many are printed with intervals and comparisons, which are in the report for any number."""


def print_systems(record: Record, console: Console) -> None:
    """Print utterances (of a single system), means, comparisons, and who was left out and why."""
    systems = record["systems"]
    if len(systems) == 1 and len(systems[0]["scores"]) <= FEW_UTTERANCES:
        console.print(utterance_table(systems[0]))
    if len(systems) <= FEW_SYSTEMS:
        console.print(means_table(record))
        for comparison in [] if record["robustness"] else record["comparisons"]:
            console.print(comparison_table(comparison, record["headline"]))
    else:
        console.print(systems_table(systems))
    for _, slopes in groupby(record["robustness"], key=itemgetter("system")):
        console.print(slope_table(list(slopes), record["headline"]))
    for system in systems:
        for item in system["excluded"]:
            line = f"excluded from {system['name']}: {item['id']}: {item['reason']}"
            console.print(line, markup=False, soft_wrap=True)


def means_table(record: Record) -> Table:
    """One row per metric, one column per system: means with their 95 % intervals below them."""
    systems = record["systems"]
    table = table_of("Means and 95 % intervals", ["", *(system["name"] for system in systems)])
    table.add_row("utterances", *(str(system["utterances"]) for system in systems))
    for name, metric in FACTS.items():
        if any(name in system["facts"] for system in systems):
            table.add_row(name, *(number(metric, system["facts"].get(name)) for system in systems))
    for name in record["headline"]:
        if any(name in system["means"] for system in systems):
            table.add_row(name, *(interval(METRICS[name], system["means"].get(name)) for system in systems))
    return table


def systems_table(systems: list[Record]) -> Table:
    """One row per system, means only, as many as a terminal is wide."""
    facts = [name for name in FACTS if any(name in system["facts"] for system in systems)]
    metrics = [name for name in BRIEF if any(name in system["means"] for system in systems)]
    table = table_of("Means", ["system", *facts, *metrics])
    for system in systems:
        known = [number(FACTS[name], system["facts"].get(name)) for name in facts]
        means = [number(METRICS[name], system["means"].get(name, {}).get("mean")) for name in metrics]
        table.add_row(system["name"], *known, *means)
    return table


def utterance_table(system: Record) -> Table:
    """One row per utterance, with as many metrics as a terminal is wide."""
    metrics = [name for name in BRIEF if name in system["means"]]
    table = table_of(system["name"], ["utterance", "s", *metrics])
    for scores in system["scores"]:
        values = (number(METRICS[name], scores["values"].get(name)) for name in metrics)
        table.add_row(scores["id"], f"{scores['seconds']:.1f}", *values)
    return table


def comparison_table(comparison: Record, headline: list[str]) -> Table:
    """One row per metric: how much higher the first system is, and which one that makes better."""
    title = f"{comparison['first']} minus {comparison['second']}"
    table = table_of(title, ["metric", "difference", "95 % interval", "n", "better"])
    for name in headline:
        found = comparison["differences"].get(name)
        if found is not None:
            metric = METRICS[name]
            bounds = f"{number(metric, found['low'])} … {number(metric, found['high'])}"
            verdict = found["better"] or "no clear difference"
            table.add_row(name, number(metric, found["mean"]), bounds, str(found["n"]), verdict)
    return table


def slope_table(slopes: list[Record], headline: list[str]) -> Table:
    """One row per metric, one column per kind of perturbation of one system: slopes with their intervals."""
    kinds = [f"{item['kind']}, per {PERTURBATION_UNITS[item['kind']]}" for item in slopes]
    table = table_of(f"Slopes of {slopes[0]['system']} over perturbed mels", ["", *kinds])
    table.add_row("measured at", *(", ".join(f"{amount:g}" for amount in item["amounts"]) for item in slopes))
    for name in headline:
        if name != "rtf" and any(name in item["values"] for item in slopes):
            table.add_row(name, *(interval(METRICS[name], item["values"].get(name)) for item in slopes))
    return table


def table_of(title: str, columns: list[str]) -> Table:
    """A table whose first column is left-aligned text and whose others are numbers."""
    style = {"box": SIMPLE_HEAD, "padding": (0, 1, 0, 0), "title_justify": "left", "header_style": "bold"}
    table = Table(title=title, **style)
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if i else "left", overflow="fold")
    return table


def interval(metric: Metric, mean: Record | None) -> str:
    """A mean with its interval below it."""
    if mean is None or mean["low"] is None:
        return number(metric, None if mean is None else mean["mean"])
    return f"{number(metric, mean['mean'])}\n{number(metric, mean['low'])}…{number(metric, mean['high'])}"


def number(metric: Metric, value: float | None) -> str:
    """A value with the digits that make sense for it; a dash where there is none."""
    return "-" if value is None else f"{value:.{metric.digits}f}"
