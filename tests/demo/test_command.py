"""What `audiodiff demo` says when it cannot start."""

import signal
import socket
import subprocess
import sys

import pytest

from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import save_bundle
from audiodiff.cli.main import main
from tests.conftest import ROOT
from tests.trees import TINY_TREE


@pytest.fixture
def bundle(tmp_path):
    return save_bundle(tmp_path / "a", "tiny", TINY_TREE, build(canonical(TINY_TREE)["model"]), card="")


@pytest.fixture
def start(monkeypatch, capsys, bundle):
    """Run the command with a tiny voice; what it says before it gives up."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["audiodiff", "demo", "--model", str(bundle), *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 2
        return capsys.readouterr().err

    yield run
    signal.signal(signal.SIGTERM, handler)


def test_a_missing_gradio_is_named_with_its_remedy(start, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    said = start()
    assert "audiodiff[demo]" in said
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_one_sentence(bundle):
    """In a process of its own: where Gradio cannot start it leaves its loops and sockets open."""
    pytest.importorskip("gradio", reason="needs gradio (pip install 'audiodiff[demo]')")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "audiodiff", "demo", "--model", str(bundle), "--port", port]
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=180)
    assert result.returncode == 2
    assert f"cannot serve at 127.0.0.1, port {port}" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_voice_that_is_not_there_is_one_sentence(start):
    pytest.importorskip("gradio", reason="needs gradio (pip install 'audiodiff[demo]')")
    assert "no model 'nothing'" in start("--model", "nothing")
