"""One page for all tests, with the voice that ships and everything real."""

import pytest

from tests.demo.server import serving


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    pytest.importorskip("gradio", reason="needs gradio (pip install 'audiodiff[demo]')")
    with serving(tmp_path_factory.mktemp("demo")) as server:
        yield server
