"""A pretended GPU that computes: tensors that claim xla:0, hold values, and do not meet those of the processor."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

PLACE = torch.device("xla:0")
"""A kind of device that audiodiff treats like any other, and of which torch itself need not know."""


class There(Tensor):
    """A tensor on the pretended GPU."""

    device = PLACE


def brought(value: Any) -> Any:
    """What is computed with instead: the same memory, as the processor's."""
    return value.as_subclass(Tensor) if isinstance(value, There) else value


def sent(value: Any) -> Any:
    """The same memory, as the pretended GPU's."""
    return value.as_subclass(There) if isinstance(value, Tensor) else value


def named_place(values: list[Any]) -> bool | None:
    """Check whether a call asks for the pretended GPU; None where it asks for no place."""
    for value in values:
        if isinstance(value, torch.device) or (isinstance(value, str) and value in ("cpu", "xla", "xla:0")):
            return torch.device(value).type == PLACE.type
    return None


class PretendedGpu(TorchFunctionMode):
    """Calls of torch compute where their tensors are: all in one place, but for single numbers of the processor."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is Tensor.__iter__:
            return iter(args[0].unbind(0))
        if func == Tensor.data.__set__:  # which is about the tensor itself, as in `Module.double`
            return func(*args)
        given, _ = tree_flatten((args, kwargs))
        tensors, place = [one for one in given if isinstance(one, Tensor)], named_place(given)
        there = any(isinstance(one, There) for one in tensors)
        if func in (Tensor.to, Tensor.type_as):
            there = isinstance(tensors[-1], There)
        elif there and func is not Tensor.copy_ and any(one.ndim and not isinstance(one, There) for one in tensors):
            raise RuntimeError(f"expected all tensors to be on the same device: {func}")
        there = func is not Tensor.cpu and (there if place is None else place)
        on_processor = [torch.device("cpu") if one == PLACE else one for one in map(brought, args)]
        named = {name: torch.device("cpu") if one == PLACE else one for name, one in tree_map(brought, kwargs).items()}
        made = func(*tree_map(brought, on_processor), **named)
        return tree_map(sent if there else brought, made)


def moved(module: nn.Module) -> nn.Module:
    """The module with all of its parameters and buffers on the pretended GPU."""
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if parameter is not None:
                part._parameters[name] = nn.Parameter(sent(parameter.detach()), requires_grad=False)
        for name, buffer in list(part._buffers.items()):
            if buffer is not None:
                part._buffers[name] = sent(buffer)
    return module
