"""A training step of DiffWave for torch.compile: one graph, which validation's lengths do not multiply."""

import json
import subprocess
import sys

from tests.conftest import ROOT


def test_a_training_step_is_one_graph_and_validation_another_for_all_lengths():
    """Forward and backward without a break, with the gradients of the eager step; nothing is compiled a second time."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.training.compiled_step"]
    found = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert found["step"]["graphs"] == 1
    assert found["step"]["difference"] < 1e-5
    assert found["lengths"] == [1, 2, 2, 2, 2, 2]
