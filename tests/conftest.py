"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of parity arrays and corpora that lies beside a developer's checkout; skips without it."""
    folder = Path(os.environ.get("AUDIODIFF_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("needs the developers' folder of parity arrays and corpora (set AUDIODIFF_SHARED)")
    return folder
