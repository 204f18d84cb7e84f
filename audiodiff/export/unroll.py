"""A sampler along a grid, written down as sums with known coefficients.

All that a sampler does to its states is linear, save clamping: run once with sums in place of tensors, it
leaves behind the list of network calls and the float64 coefficients in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from audiodiff.diffusion import Denoiser, Sampler, Times
from audiodiff.diffusion.process import start_scale
from audiodiff.errors import ConfigError

Scalar = float | Tensor


@dataclass(frozen=True)
class Sum:
    """Coefficients on values that are known when the graph runs, by their number in a `Program`."""

    program: "Program"
    terms: Mapping[int, float]

    def __add__(self, other: "Sum") -> "Sum":
        if not isinstance(other, Sum):
            return NotImplemented
        names = self.terms.keys() | other.terms.keys()
        return Sum(self.program, {n: self.terms.get(n, 0.0) + other.terms.get(n, 0.0) for n in sorted(names)})

    def __mul__(self, factor: Scalar) -> "Sum":
        return Sum(self.program, {n: float(factor) * c for n, c in self.terms.items() if float(factor) * c})

    __rmul__ = __mul__

    def __truediv__(self, divisor: Scalar) -> "Sum":
        return self * (1 / float(divisor))

    def __neg__(self) -> "Sum":
        return self * -1.0

    def __sub__(self, other: "Sum") -> "Sum":
        return self + -other

    def clamp(self, low: float, high: float) -> "Sum":
        """Bound the value that this sum will have."""
        return self.program.add(Clamp(self, low, high))


@dataclass(frozen=True)
class NoiseDraw:
    """Noise of the prior, the one with this number."""

    number: int


@dataclass(frozen=True)
class Call:
    """A call of the network with an input, and what it is told about the noise."""

    input: Sum
    label: float


@dataclass(frozen=True)
class Clamp:
    """A value bounded on both sides."""

    input: Sum
    low: float
    high: float


Value = NoiseDraw | Call | Clamp


@dataclass
class Program:
    """Values in the order of their computation, and the sum of them that is the result."""

    values: list[Value] = field(default_factory=list)

    def add(self, value: Value) -> Sum:
        """Append a value and return it as a sum of itself."""
        self.values.append(value)
        return Sum(self, {len(self.values) - 1: 1.0})

    def draw(self, like: object = None) -> Any:  # noqa: ANN401 (a Sum where samplers say Tensor)
        """Fresh noise; samplers ask for it in the shape of a state."""
        return self.add(NoiseDraw(self.n_draws))

    @property
    def n_draws(self) -> int:
        """Number of noise draws."""
        return sum(isinstance(value, NoiseDraw) for value in self.values)

    @property
    def n_calls(self) -> int:
        """Number of network calls."""
        return sum(isinstance(value, Call) for value in self.values)


def unroll(denoiser: Denoiser, sampler: Sampler, times: Times) -> tuple[Program, Sum]:
    """Run the sampler on sums; return the program and its result.

    Raises `ConfigError` for a sampler or a prediction that does more to its states than adding and scaling.
    """
    program, schedule, prediction = Program(), denoiser.schedule, denoiser.prediction
    x: Any  # a Sum where samplers and predictions say Tensor

    def denoise(x: Any, t: Tensor) -> Any:  # noqa: ANN401 (likewise)
        scaled: Any = prediction.scale_input(x, t, schedule)
        output: Any = program.add(Call(scaled, prediction.noise_label(t, schedule).item()))
        return prediction.x0(output, x, t, schedule)

    x = program.draw() * start_scale(schedule, times[0])
    try:
        for state in sampler(denoise, schedule, x, times, program.draw):
            x = state
    except (TypeError, AttributeError, RuntimeError) as error:
        raise ConfigError(f"this sampler cannot be written down as sums of states: {error}") from error
    return program, x
