"""Two short recordings of one reader, as the metrics take them."""

import numpy as np
import pytest

from audiodiff.audio import load_audio
from tests.conftest import ROOT

CLIPS = ("LJ001-0002", "LJ001-0008")
SAMPLE_RATE = 22050


@pytest.fixture(scope="session")
def speech() -> dict[str, np.ndarray]:
    """The waveforms by name."""
    return {name: load_audio(ROOT / "tests" / "clips" / f"{name}.flac").double().numpy() for name in CLIPS}
