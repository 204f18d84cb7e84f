"""Arrays of strangers: tensors and NumPy arrays come in, and what comes out is of the same kind and rank."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from audiodiff.errors import InputError, MelError

NumpyArray = npt.NDArray[Any]
NumpyWave = npt.NDArray[np.float32]
AnyArray = Tensor | NumpyArray
"""A tensor on any device or a NumPy array."""
ArrayKind = TypeVar("ArrayKind", Tensor, NumpyArray)
"""One of the two kinds: what a method takes is what it returns."""
_WHOLE = (torch.int16, torch.int32, torch.int64)


@dataclass(frozen=True)
class Form:
    """The kind and rank of an array that was given, for what is given back."""

    numpy: bool
    batched: bool

    @classmethod
    def of(cls, array: AnyArray, rank: int) -> Self:
        """The form of an array, of which one item has that rank."""
        return cls(isinstance(array, np.ndarray), array.ndim > rank)

    def restore(self, batch: Tensor) -> Any:  # noqa: ANN401 (a tensor or a NumPy array)
        """Copy rows [batch, samples] into this form: an ordinary tensor, which may be changed and trained on."""
        own = (batch if self.batched else batch[0]).clone()
        return own.numpy(force=True) if self.numpy else own


def is_array(given: object) -> TypeGuard[AnyArray]:
    """Check whether something is a tensor or a NumPy array."""
    return isinstance(given, Tensor | np.ndarray)


def tensor_of(
    given: object,
    what: str,
    *,
    dtype: torch.dtype = torch.float32,
    whole: bool = False,
    error: type[InputError] = MelError,
) -> Tensor:
    """The values of an array on the CPU; raises `error` for what is no dense array of floating-point numbers.

    With `whole`, whole numbers are taken too.
    """
    if isinstance(given, np.ndarray):
        if given.dtype.kind not in ("fiu" if whole else "f"):
            raise error(f"got {given.dtype} values as {what}: expected floating-point numbers")
        return torch.from_numpy(given.astype(np.float64, order="C")).to(dtype)
    if not isinstance(given, Tensor):
        hint = "; read files with audiodiff.mel.read_mel" if isinstance(given, str | os.PathLike) else ""
        raise error(f"got {kind_of(given)} as {what}: expected a tensor or a NumPy array{hint}")
    if not given.is_floating_point() and not (whole and given.dtype in _WHOLE):
        raise error(f"got {str(given.dtype).removeprefix('torch.')} values as {what}: expected floating-point numbers")
    if given.layout != torch.strided or given.is_nested or given.is_meta:
        raise error(f"got a sparse, nested or meta tensor as {what}: expected a dense one that holds its values")
    return given.detach().to("cpu", dtype).contiguous()  # products round by the order of memory on some processors


def items_of(given: object, what: str) -> Iterable[Any]:
    """Arrays that a list or another iterable holds; raises `MelError` for what holds none."""
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | os.PathLike | Mapping):
        return [tensor_of(given, what)]
    return given


def kind_of(given: object) -> str:
    """The kind of an object, for a message."""
    return "None" if given is None else f"an object of the class {type(given).__name__}"
