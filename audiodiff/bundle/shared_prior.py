"""A prior that a bundle shares with a voice that ships, so that its weights lie there once."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from audiodiff.errors import BundleError

BUNDLES = Path(__file__).parents[1] / "bundles"
PRIOR = "prior."
"""The beginning of the names of a prior's weights in those of its model."""
_Weights = dict[str, Tensor]


def with_shared_prior(weights: _Weights, shared: Any, read: Callable[[str], _Weights]) -> _Weights:  # noqa: ANN401 (JSON)
    """The weights, and those of the prior of the voice that `shared` names; `read` gives all weights of a voice.

    `shared` is what config.json has as `prior_of`: {"voice": name, "sha256": digest}, or None. Raises `BundleError` for
    a voice that does not ship, or whose prior is another by now.
    """
    if shared is None:
        return weights
    names = sorted(path.name for path in BUNDLES.iterdir())
    if not isinstance(shared, Mapping) or shared.get("voice") not in names:
        raise BundleError(f"prior_of {shared!r}: expected the name of a voice that ships, and the digest of its prior")
    prior = prior_weights(read(shared["voice"]))
    if weights_digest(prior) != shared.get("sha256"):
        raise BundleError(
            f"this bundle goes with another release's prior of {shared['voice']}: take the bundle of this release"
        )
    return prior | weights


def prior_weights(weights: _Weights) -> _Weights:
    """The weights of the prior alone."""
    return {name: tensor for name, tensor in weights.items() if name.startswith(PRIOR)}


def weights_digest(weights: _Weights) -> str:
    """SHA-256 of names and values, as float32."""
    found = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        found.update(name.encode() + tensor.float().contiguous().numpy().tobytes())
    return found.hexdigest()
