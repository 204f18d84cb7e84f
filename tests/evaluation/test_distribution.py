"""The Fréchet distance where it has a closed form, and embeddings from a file."""

import numpy as np
import pytest

from audiodiff.errors import ConfigError
from audiodiff.evaluation.distribution import frechet_distance, onnx_embedding


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(0).standard_normal((500, 4)) @ np.random.default_rng(1).standard_normal((4, 4))


def test_a_set_lies_at_no_distance_from_itself(points):
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-6)


def test_a_shift_costs_its_square(points):
    assert frechet_distance(points, points + np.array([1, -2, 0, 0.5])) == pytest.approx(1 + 4 + 0.25)


def test_a_scaling_costs_the_difference_of_the_deviations(points):
    centred = points - points.mean(axis=0)
    spread = np.trace(np.cov(centred, rowvar=False))
    assert frechet_distance(centred, 3 * centred) == pytest.approx(4 * spread)


def test_one_embedding_has_no_distribution(points):
    with pytest.raises(ConfigError, match="at least 2"):
        frechet_distance(points, points[:1])


def test_an_onnx_file_becomes_an_embedding(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Constant", [], ["shape"], value_ints=[1, -1, 100]),
        helper.make_node("Reshape", ["wave", "shape"], ["frames"]),
    ]
    graph = helper.make_graph(
        nodes,
        "frames",
        [helper.make_tensor_value_info("wave", kind, [1, "samples"])],
        [helper.make_tensor_value_info("frames", kind, [1, "frames", 100])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "frames.onnx")
    signal = np.random.default_rng(0).standard_normal(1000)
    embed = onnx_embedding(tmp_path / "frames.onnx", 8000)
    np.testing.assert_allclose(embed(signal, 8000), signal.reshape(10, 100), rtol=1e-6)
    assert embed(signal, 16000).shape == (5, 100)
    with pytest.raises(ConfigError, match=r"cannot embed \[1, 999\] samples"):
        embed(signal[:999], 8000)


def test_another_file_is_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "x.onnx").write_text("nothing")
    with pytest.raises(ConfigError, match="ONNX"):
        onnx_embedding(tmp_path / "x.onnx", 16000)
