"""Programs of our users before a type checker, as strict as it can be."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@cache
def found_by_pyright() -> dict:
    """All that it says of both programs, which it reads in one run."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(HERE)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)


def complaints(program: str) -> dict[int, str]:
    """What pyright says, by line."""
    pytest.importorskip("pyright", reason="needs pyright, of the extra `dev`")
    found = found_by_pyright()
    assert found["summary"]["filesAnalyzed"] >= 2
    items = [item for item in found["generalDiagnostics"] if Path(item["file"]).name == program]
    return {item["range"]["start"]["line"] + 1: item["message"] for item in items}


def test_a_program_as_the_documentation_has_it_passes():
    assert complaints("user_program.py") == {}


def test_every_mistake_is_found():
    lines = (HERE / "misspelt_program.py").read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, start=1) if line.endswith("# wrong")}
    assert len(wrong) == 10
    assert set(complaints("misspelt_program.py")) == wrong
