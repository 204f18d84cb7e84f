"""Storage of an ONNX graph's weights: in half the bits where that loses nothing, in half or a quarter where it may."""

from collections.abc import Collection
from typing import Any, Literal

import numpy as np

Weights = Literal["exact", "fp16", "int8"]
"""Bit for bit as they are, rounded to 16 bits, or to 8 bits with one scale for every output channel."""

LARGEST_LEFT = 1024
"""Tensors of up to this many numbers are not worth a node."""


def pack_weights(graph: Any, weights: Weights, parameters: Collection[str]) -> None:  # noqa: ANN401 (onnx is untyped)
    """Store the constants of an `onnx.GraphProto` in fewer bits and put nodes before it that widen them.

    Runtimes compute those nodes once, when they load the graph. Whatever 16 bits hold exactly is kept in 16 bits, as
    the weights of most bundles are; "fp16" rounds all `parameters` to that, "int8" the matrices among them to 8.
    """
    kept, nodes = [], []
    for tensor in graph.initializer:
        stored, widening = _packed(tensor, weights if tensor.name in parameters else "exact")
        kept += stored
        nodes += widening
    nodes += graph.node
    for field, values in (("initializer", kept), ("node", nodes)):
        graph.ClearField(field)
        getattr(graph, field).extend(values)


def rounded(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers from -127 to 127, and the scale of each output channel, whose product is near `values`."""
    largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
    scale = np.where(largest > 0, largest, 1).astype(np.float32) / 127
    return np.rint(values / scale).astype(np.int8), scale


def _packed(tensor: Any, weights: Weights) -> tuple[list[Any], list[Any]]:  # noqa: ANN401 (an onnx.TensorProto)
    """A constant in fewer bits, and the nodes that bring it back."""
    from onnx import TensorProto, numpy_helper
    from onnx.helper import make_node

    values, name = numpy_helper.to_array(tensor), tensor.name
    if values.dtype != np.float32 or values.size <= LARGEST_LEFT:
        return [tensor], []
    if weights == "int8" and values.ndim > 1:
        whole, scale = rounded(values)
        stored = [numpy_helper.from_array(whole, name + "_whole"), numpy_helper.from_array(scale, name + "_scale")]
        widen = make_node("Cast", [name + "_whole"], [name + "_widened"], to=TensorProto.FLOAT)
        return stored, [widen, make_node("Mul", [name + "_widened", name + "_scale"], [name])]
    with np.errstate(over="ignore"):
        halved = values.astype(np.float16)
    if not np.array_equal(halved.astype(np.float32), values) and (weights != "fp16" or np.isinf(halved).any()):
        return [tensor], []
    widen = make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT)
    return [numpy_helper.from_array(halved, name + "_half")], [widen]
