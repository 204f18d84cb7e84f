"""Weights in fewer bits."""

import numpy as np
import pytest

from audiodiff.export.weight_storage import pack_weights, rounded

onnx = pytest.importorskip("onnx", reason="needs the extra `onnx`")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")

WIDE = np.random.default_rng(0).standard_normal((64, 32)).astype(np.float32)
HALF = WIDE.astype(np.float16).astype(np.float32)


def graph_of(matrix):
    """The product of a vector with a matrix."""
    inputs, outputs = (onnx.helper.make_tensor_value_info(name, 1, [n]) for name, n in (("x", 64), ("y", 32)))
    product = onnx.helper.make_node("MatMul", ["x", "weight"], ["y"])
    graph = onnx.helper.make_graph(
        [product], "g", [inputs], [outputs], [onnx.numpy_helper.from_array(matrix, "weight")]
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize(
    ("matrix", "weights", "parameters", "bits"),
    [
        (HALF, "exact", {"weight"}, 16),
        (WIDE, "exact", {"weight"}, 32),
        (np.full((64, 32), 1e6, dtype=np.float32), "exact", {"weight"}, 32),
        (WIDE, "int8", {"weight"}, 8),
        (HALF, "int8", {"weight"}, 8),
        (WIDE, "int8", set(), 32),
        (WIDE, "fp16", {"weight"}, 16),
        (WIDE, "fp16", set(), 32),
        (np.full((64, 32), 1e6, dtype=np.float32), "fp16", {"weight"}, 32),
    ],
)
def test_graphs_compute_with_what_was_kept(matrix, weights, parameters, bits):
    model = graph_of(matrix)
    pack_weights(model.graph, weights, parameters)
    onnx.checker.check_model(model)
    assert max(8 * len(tensor.raw_data) // matrix.size for tensor in model.graph.initializer) == bits
    x = np.ones(64, dtype=np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    whole, scale = rounded(matrix)
    kept = whole * scale if bits == 8 else matrix.astype(np.float16 if bits == 16 else np.float32)
    np.testing.assert_allclose(session.run(None, {"x": x})[0], x @ kept, rtol=1e-5, atol=1e-4)


def test_rounding_is_by_channel_and_to_the_nearest():
    matrix = WIDE * np.logspace(-6, 3, 64, dtype=np.float32)[:, None]
    matrix[5] = 0
    whole, scale = rounded(matrix)
    assert whole.dtype == np.int8
    assert (np.abs(whole * scale - matrix) <= 0.501 * scale).all()
