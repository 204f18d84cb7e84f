"""Training as in lmnt's `diffwave` is training as in lmnt's `diffwave`."""

import importlib.util

import pytest

from tests.conftest import CLIP, ROOT

pytest.importorskip("diffwave", reason="lmnt's package is not installed: pip install --no-deps diffwave")


@pytest.mark.filterwarnings("ignore")  # what lmnt's code is told by today's PyTorch
def test_our_steps_are_lmnt_s_steps():
    """The same weights, noise and times: losses, weights and sound agree to rounding; with other noise they do not."""
    spec = importlib.util.spec_from_file_location("lmnt_training", ROOT / "studies" / "lmnt_training.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    shape = {"residual_channels": 8, "residual_layers": 3, "dilation_cycle_length": 3}
    found = script.compare([CLIP], steps=12, batch_size=2, frames=6, **shape)
    assert found["largest loss difference"] < 1e-5
    assert found["parameters, relative to how far they moved"] < 1e-2
    assert found["audio, largest difference"] < 1e-3 * found["audio, root mean square"]
    assert found["parameters with other noise"] > 0.1
