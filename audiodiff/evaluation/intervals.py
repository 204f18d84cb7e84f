"""Confidence intervals of a mean that hold for few utterances, which percentiles of bootstrapped means do not."""

import numpy as np
from jaxtyping import Float64

RESAMPLES = 4000
_TAILS = (0.025, 0.975)
_FEWEST = 4
"""With fewer values most resamples repeat one of them, and nothing is known of the distribution's shape."""

Values = Float64[np.ndarray, " items"]


def mean_interval(values: Values, seed: int = 0) -> tuple[float, float] | None:
    """The 95 % interval of the mean of two or more values; of a single one there is none.

    The bootstrap-t (Efron 1982, Hall 1988): the mean's distance from the truth is measured in standard errors, and
    that ratio's distribution is taken from resamples, each with its own standard error. Of two or three values,
    Student's interval, which needs them to be normally distributed.
    """
    if len(values) < 2:
        return None
    mean, error = float(values.mean()), float(standard_errors(values))
    if error == 0:
        return mean, mean
    low, high = student_tails(len(values)) if len(values) < _FEWEST else studentized_tails(values, seed)
    return mean - high * error, mean - low * error


def studentized_tails(values: Values, seed: int) -> tuple[float, float]:
    """Quantiles of (mean of a resample - mean) / standard error of the resample.

    A resample that repeats one value has no error of its own and takes the smallest that another one has.
    """
    draws = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    resamples = values[draws]
    errors = standard_errors(resamples)
    errors = np.maximum(errors, errors[errors > 1e-9 * standard_errors(values)].min())
    low, high = np.quantile((resamples.mean(axis=1) - values.mean()) / errors, _TAILS)
    return float(low), float(high)


def student_tails(count: int) -> tuple[float, float]:
    """The quantiles of Student's t."""
    from scipy.stats import t

    low, high = t.ppf(_TAILS, count - 1)
    return float(low), float(high)


def standard_errors(values: Float64[np.ndarray, "*resamples items"]) -> Float64[np.ndarray, "*resamples"]:
    """Standard error of the mean along the last axis."""
    return values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1])
