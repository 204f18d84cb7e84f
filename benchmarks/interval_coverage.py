"""Coverage of 95 % intervals of a mean, by simulation: the bootstrap-t of reports beside what is usually printed.

    python benchmarks/interval_coverage.py [--trials 4000] [--sizes 4,8,16,32]

Prints a Markdown table: the percentage of intervals that hold the true mean, and their median width in standard
deviations of the distribution.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np

from audiodiff.evaluation.intervals import RESAMPLES, mean_interval

Draw = Callable[[np.random.Generator, int], np.ndarray]
Interval = Callable[[np.ndarray, int], tuple[float, float] | None]

SHAPES: dict[str, tuple[Draw, float, float]] = {
    "normal": (lambda rng, n: rng.standard_normal(n), 0.0, 1.0),
    "uniform": (lambda rng, n: rng.random(n), 0.5, 12**-0.5),
    "heavy tails (t, 4 degrees)": (lambda rng, n: rng.standard_t(4, n), 0.0, 2**0.5),
    "skewed (log-normal, sigma .5)": (
        lambda rng, n: rng.lognormal(0, 0.5, n),
        np.exp(0.125),
        np.sqrt((np.exp(0.25) - 1) * np.exp(0.25)),
    ),
    "very skewed (exponential)": (lambda rng, n: rng.exponential(size=n), 1.0, 1.0),
}
"""A draw from a distribution, its mean, its standard deviation."""


def percentiles(values: np.ndarray, seed: int) -> tuple[float, float]:
    """Percentiles of the means of resamples."""
    draws = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)


def student(values: np.ndarray, _: int) -> tuple[float, float]:
    """Student's interval."""
    from scipy.stats import t

    reach = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return float(values.mean() - reach), float(values.mean() + reach)


INTERVALS: dict[str, Interval] = {"bootstrap-t": mean_interval, "percentiles": percentiles, "Student": student}


def simulate(interval: Interval, draw: Draw, truth: float, size: int, trials: int) -> tuple[float, float]:
    """The share of intervals that hold the truth, and their median width."""
    rng = np.random.default_rng(0)
    found = np.array([interval(draw(rng, size), seed) for seed in range(trials)])
    low, high = found.T
    return float(np.mean((low < truth) & (truth < high))), float(np.median(high - low))


def rows(sizes: list[int], trials: int) -> Iterator[str]:
    """The lines of the table."""
    yield "| distribution | n | " + " | ".join(INTERVALS) + " |"
    yield "|---|---|" + "---|" * len(INTERVALS)
    for name, (draw, truth, deviation) in SHAPES.items():
        for size in sizes:
            results = [simulate(interval, draw, truth, size, trials) for interval in INTERVALS.values()]
            cells = [f"{100 * held:.1f} % ({width / deviation:.2f})" for held, width in results]
            yield f"| {name} | {size} | " + " | ".join(cells) + " |"


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=4000, help="samples drawn of each distribution and size")
    parser.add_argument("--sizes", default="4,8,16,32", help="utterances in a sample")
    arguments = parser.parse_args()
    for line in rows([int(size) for size in arguments.sizes.split(",")], arguments.trials):
        print(line, flush=True)


if __name__ == "__main__":
    main()
