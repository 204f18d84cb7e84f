"""Distances between sets of recordings, by the embeddings that a local model gives them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from audiodiff.errors import ConfigError
from audiodiff.evaluation.waveform import Signal, resample
from audiodiff.types import Hertz

Vector = Float64[np.ndarray, " features"]
Square = Float64[np.ndarray, "features features"]
Embeddings = Float64[np.ndarray, "items features"]
Embed = Callable[[Signal, Hertz], Embeddings]


def frechet_distance(first: Embeddings, second: Embeddings) -> float:
    """|m - m'|² + tr(C + C' - 2 (C C')^½) of the Gaussians fitted to both sets (Kilgour et al. 2019)."""
    (mean, covariance), (other_mean, other_covariance) = moments(first), moments(second)
    eigenvalues = np.linalg.eigvals(covariance @ other_covariance)
    overlap = np.sqrt(eigenvalues.real.clip(0)).sum()
    return float(np.square(mean - other_mean).sum() + np.trace(covariance) + np.trace(other_covariance) - 2 * overlap)


def moments(
    embeddings: Embeddings,
) -> tuple[Vector, Square]:
    """Mean and covariance; raises `ConfigError` when there are too few items for one."""
    if len(embeddings) < 2:
        raise ConfigError(f"a Fréchet distance needs at least 2 embeddings, got {len(embeddings)}: give more audio")
    return embeddings.mean(axis=0), np.cov(embeddings, rowvar=False).reshape(embeddings.shape[1], -1)


def onnx_embedding(path: Path, sample_rate: Hertz) -> Embed:
    """An embedding model from an ONNX file that maps [1, samples] at `sample_rate` to [1, …, features].

    Every place between the batch and the features, such as frames, counts as an item of its own.
    Raises `ConfigError` for a file that cannot be loaded.
    """
    from onnxruntime import InferenceSession

    try:
        session = InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own types, which share only this base
        raise ConfigError(f"{path} cannot be loaded as an ONNX embedding model: {error}") from error
    name = session.get_inputs()[0].name

    def embed(signal: Signal, rate: Hertz) -> Embeddings:
        wave = resample(signal, rate, sample_rate).astype(np.float32)
        try:
            output = np.asarray(session.run(None, {name: wave[None]})[0], dtype=np.float64)
        except Exception as error:  # as above
            raise ConfigError(f"{path} cannot embed [1, {len(wave)}] samples: {error}") from error
        return output.reshape(-1, output.shape[-1])

    return embed
