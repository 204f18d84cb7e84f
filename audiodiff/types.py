"""Shapes and units, named once. `Float[Tensor, "..."]` documents shapes; the tests check them at run time."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, SupportsFloat

from jaxtyping import Float
from torch import Tensor

Hertz = int
Samples = int
Seconds = float
Temperature = SupportsFloat

Wave = Float[Tensor, "batch samples"]
Mel = Float[Tensor, "batch n_mels frames"]
Time = Float[Tensor, "*batch"]
Magnitudes = Float[Tensor, "batch bins frames"]
F0 = Float[Tensor, "batch frames"]
"""In hertz; 0 where a frame is unvoiced."""

OneMel = Float[Tensor, "n_mels frames"]
OneF0 = Float[Tensor, " frames"]
OneWave = Float[Tensor, " samples"]
AnyMel = OneMel | Mel
AnyWave = OneWave | Wave

FirstFrame = int | Sequence[int]
"""The frame of a whole mel that a piece of it begins with, or that of every row."""

Noise = Callable[[Tensor], Tensor]
"""Draws noise shaped like its argument: the one way in which randomness enters a sampler."""


def real_number(given: Any) -> float | None:  # noqa: ANN401 (a stranger's value)
    """The real number that this is, of Python, NumPy or a torch scalar; None for anything else, truth values too."""
    given = given.item() if isinstance(given, Tensor) and given.ndim == 0 else given
    return float(given) if isinstance(given, Real) and not isinstance(given, bool) else None
