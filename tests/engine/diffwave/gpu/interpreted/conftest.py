"""These tests run under TRITON_INTERPRET=1 alone, see `test_interpreted.py`."""

import os

import pytest

from audiodiff.engine.diffwave.gpu import launch

collect_ignore_glob = [] if os.environ.get("TRITON_INTERPRET") == "1" else ["test_*.py"]


@pytest.fixture
def wide_tiles(monkeypatch):
    """Few large programs: the interpreter takes its time for each operation, whatever its size."""
    tile = classmethod(lambda cls, channels, dtype: cls(rows=512, k=channels, n=channels, warps=4))
    monkeypatch.setattr(launch.KernelTile, "of", tile)
