"""The numbers with which a foreign model was built, as its checkpoint or its config states them."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from audiodiff.errors import CheckpointError

LARGEST = 1 << 20
"""No layer count, width, rate or length of a vocoder comes near it."""


@dataclass(frozen=True)
class Hyperparameters:
    """Typed access to `values`, which were found in `source`; every getter raises `CheckpointError`."""

    values: Mapping[str, Any]
    source: str

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def section(self, name: str) -> "Hyperparameters":
        """The values nested under `name`."""
        value = self._get(name, None)
        if not isinstance(value, Mapping):
            raise self._wrong(name, "a group of values", value)
        return Hyperparameters(value, f"{self.source}, {name}")

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number from 1 to `LARGEST`."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
            raise self._wrong(name, f"a whole number from 1 to {LARGEST}", value)
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise self._wrong(name, "a number", value)
        return float(value)

    def numbers(self, name: str, default: list[float] | None = None) -> list[float]:
        """A list of finite numbers."""
        value = self._get(name, default)
        if not isinstance(value, list) or not all(isinstance(x, int | float) and isfinite(x) for x in value):
            raise self._wrong(name, "a list of numbers", value)
        return [float(x) for x in value]

    def flag(self, name: str) -> bool:
        """Read an option that is on or off; one that is not mentioned is off."""
        value = self.values.get(name)
        if not isinstance(value, bool | int | None) or value not in (True, False, None):
            raise self._wrong(name, "true or false", value)
        return bool(value)

    def _get(self, name: str, default: object) -> Any:  # noqa: ANN401 (the getters say what it is)
        if name in self:
            return self.values[name]
        if default is None:
            raise CheckpointError(f"{self.source} does not state {name}: give the config of the training run")
        return default

    def _wrong(self, name: str, expected: str, value: object) -> CheckpointError:
        return CheckpointError(f"{self.source}: {name} is {value!r}, expected {expected}")
