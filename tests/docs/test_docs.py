"""The README stays short, links lead somewhere, and the site builds without a warning."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

README = ROOT / "README.md"
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "recipes").rglob("*.md"),
    *(ROOT / "studies").rglob("*.md"),
]
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r'\]\(([^)\s#]+)(?:#[^)\s]*)?\)|(?:src|href)="([^"#]+)"')


def prose(text: str) -> str:
    """A page without its code."""
    return FENCE.sub("", text)


def test_the_readme_is_short():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    too_long = [line for line in prose(text).splitlines() if len(line) > 120 and not line.startswith("|")]
    assert not too_long


def test_the_first_commands_of_the_readme_are_those_that_ci_runs():
    blocks = re.findall(r"^```sh$(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert "pip install" in blocks[0]
    assert "audiodiff vocode" in blocks[0]
    assert "docs" in blocks[1]
    assert blocks[1].splitlines()[-1].startswith("pytest ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    text = CODE.sub("", prose(page.read_text(encoding="utf-8")))
    targets = [one or other for one, other in LINK.findall(text)]
    missing = [target for target in targets if ":" not in target and not (page.parent / target).exists()]
    assert not missing


def test_the_site_builds_without_a_warning(tmp_path):
    if not all(importlib.util.find_spec(name) for name in ("mkdocs", "material", "mkdocstrings_handlers")):
        pytest.skip("needs the extra `docs`")
    command = ["-m", "mkdocs", "build", "--strict", "-f", "docs/site/mkdocs.yml", "-d", str(tmp_path)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    assert (tmp_path / "index.html").is_file()
    assert "Vocoder" in (tmp_path / "api" / "vocoder.html").read_text(encoding="utf-8")


def test_every_convention_and_alias_is_in_the_table():
    from audiodiff.mel import CONVENTIONS

    rows = [line for line in (ROOT / "docs" / "mels.md").read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    named = set(re.findall(r"`(\w+)`", "\n".join(rows)))
    assert set(CONVENTIONS) <= named
