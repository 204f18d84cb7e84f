"""Quality and variety of generated clips, by a classifier's features and probabilities.

The metrics of DiffWave's class-conditional and unconditional tasks (Kong et al. 2021, section 5.2 and appendix):
FID, IS, mIS, AM, NDB and the Jensen-Shannon distance of its bins.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int
from scipy.cluster.vq import kmeans2
from scipy.special import rel_entr

from audiodiff.errors import ConfigError
from audiodiff.evaluation.distribution import Embeddings, frechet_distance

Probabilities = Float64[np.ndarray, "items labels"]

Z_OF_5_PERCENT = 1.96
"""Two shares differ if they lie more than this many standard errors apart (Richardson & Weiss 2018)."""


@dataclass(frozen=True, kw_only=True)
class GenerationScores:
    """Higher is better for `inception` and `modified_inception`, lower for the rest."""

    frechet: float
    inception: float
    modified_inception: float
    activation_maximization: float
    different_bins: float
    jensen_shannon: float


@dataclass(frozen=True)
class Judged:
    """A classifier's view of a set of clips: hidden features [items, features] and p(label | clip)."""

    features: Embeddings
    probabilities: Probabilities


def score(generated: Judged, real: Judged, n_bins: int = 50, seed: int = 0) -> GenerationScores:
    """All metrics of a generated set against a set of recordings."""
    shares = bin_shares(generated.features, real.features, n_bins, seed)
    return GenerationScores(
        frechet=frechet_distance(generated.features, real.features),
        inception=inception_score(generated.probabilities),
        modified_inception=modified_inception_score(generated.probabilities),
        activation_maximization=activation_maximization(generated.probabilities, real.probabilities),
        different_bins=different_bins(*shares, len(generated.features), len(real.features)),
        jensen_shannon=jensen_shannon(*shares),
    )


def inception_score(p: Probabilities) -> float:
    """exp E_x KL(p(y|x) || p(y)): 1 for clips that say nothing, the number of labels at best (Salimans et al. 2016)."""
    return float(np.exp(rel_entr(p, p.mean(axis=0)).sum(axis=1).mean()))


def modified_inception_score(p: Probabilities) -> float:
    """exp E_x,x' KL(p(y|x) || p(y|x')): also rewards differences inside a label (Gurumurthy et al. 2017)."""
    logs = np.log(p.clip(1e-12))
    entropy = -(p * logs).sum(axis=1).mean()
    return float(np.exp(-entropy - p.mean(axis=0) @ logs.mean(axis=0)))


def activation_maximization(p: Probabilities, real: Probabilities) -> float:
    """KL(p_real(y) || p(y)) + E_x H(y|x): 0 for sure answers in the labels' own shares (Zhou et al. 2018)."""
    entropy = -(p * np.log(p.clip(1e-12))).sum(axis=1).mean()
    return float(rel_entr(real.mean(axis=0), p.mean(axis=0).clip(1e-12)).sum() + entropy)


def bin_shares(
    generated: Embeddings, real: Embeddings, n_bins: int, seed: int
) -> tuple[Float64[np.ndarray, " bins"], Float64[np.ndarray, " bins"]]:
    """The share of each set in the k-means bins of the recordings (Richardson & Weiss 2018, section 3)."""
    if len(real) < n_bins:
        raise ConfigError(f"{len(real)} recordings cannot fill {n_bins} bins: give more of them")
    first = real[np.random.default_rng(seed).choice(len(real), n_bins, replace=False)]
    centres, own = kmeans2(real, first, minit="matrix")
    distances = np.square(generated[:, None] - centres[None]).sum(axis=-1)
    return _shares(distances.argmin(axis=1), n_bins), _shares(own, n_bins)


def different_bins(
    generated: Float64[np.ndarray, " bins"], real: Float64[np.ndarray, " bins"], n_generated: int, n_real: int
) -> float:
    """NDB / K, the share of bins filled differently, by a test of two proportions at 5 %."""
    pooled = (generated * n_generated + real * n_real) / (n_generated + n_real)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n_generated + 1 / n_real))
    return float((np.abs(generated - real) > Z_OF_5_PERCENT * error).mean())


def jensen_shannon(p: Float64[np.ndarray, " bins"], q: Float64[np.ndarray, " bins"]) -> float:
    """½ KL(p || m) + ½ KL(q || m) with m = (p + q) / 2, in nats: 0 to ln 2."""
    middle = (p + q) / 2
    return float((rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2)


def nearest(generated: Embeddings, real: Embeddings) -> tuple[Float64[np.ndarray, " items"], Int[np.ndarray, " items"]]:
    """The Euclidean distance of every generated clip to the recording that lies nearest, and which one that is."""
    squares = np.square(generated).sum(axis=1)[:, None] + np.square(real).sum(axis=1) - 2 * generated @ real.T
    distances = np.sqrt(squares.clip(0))
    return distances.min(axis=1), distances.argmin(axis=1)


def _shares(bins: Int[np.ndarray, " items"], n_bins: int) -> Float64[np.ndarray, " bins"]:
    return np.bincount(bins, minlength=n_bins) / len(bins)
