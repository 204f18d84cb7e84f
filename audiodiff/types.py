"""Shapes and units, named once. `Float[Tensor, "..."]` documents shapes; the tests check them at run time."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

Hertz = int
Samples = int
Seconds = float
Temperature = float

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

Noise = Callable[[Tensor], Tensor]
"""Draws noise shaped like its argument: the one way in which randomness enters a sampler."""
