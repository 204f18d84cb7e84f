"""The light core: what vocoding takes, and what is said where more is needed."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from audiodiff.errors.extras import EXTRAS, missing_extra
from audiodiff.errors.sentences import FLAGS, in_flags

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = "".join(
    file.read_text() for part in ("mel", "streaming", "vocoder") for file in (ROOT / "audiodiff" / part).rglob("*.py")
)
"""The library that a vocoder runs through, without the commands."""
LIMIT = 35_000_000
"""Bytes of a wheel."""
DISTRIBUTIONS = {"hydra": "hydra-core", "omegaconf": "hydra-core", "pytorch_lightning": "lightning"}
"""What brings a module of another name."""


def without(modules, *arguments):
    """Run the command where these modules cannot be imported."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({sorted(modules)!r}));"
        f"sys.argv[:] = {['audiodiff', *arguments]!r};"
        "from audiodiff.cli.main import main; main()"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)


def names_of(requirements):
    return {re.match(r"[\w-]+", requirement)[0].lower() for requirement in requirements}


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_module_is_brought_by_its_extra(extra):
    asked = names_of(PROJECT["optional-dependencies"][extra.removeprefix("audiodiff[").removesuffix("]")])
    assert {DISTRIBUTIONS.get(module, module) for module in EXTRAS[extra]} <= asked
    assert not asked & names_of(PROJECT["dependencies"])


def test_all_is_all():
    (everything,) = PROJECT["optional-dependencies"]["all"]
    named = set(everything.removeprefix("audiodiff[").removesuffix("]").split(","))
    assert named == {extra.removeprefix("audiodiff[").removesuffix("]") for extra in EXTRAS}


def test_vocoding_takes_the_core_alone(tmp_path):
    """A clip is vocoded where no extra is installed."""
    every = {module for modules in EXTRAS.values() for module in modules}
    clip = str(ROOT / "tests/clips/LJ001-0002.flac")
    done = without(every, "vocode", clip, "-o", str(tmp_path / "out"), "--steps", "1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "LJ001-0002.wav").stat().st_size > 10_000


def test_a_command_says_which_extra_it_needs():
    trained = without({"hydra", "lightning", "omegaconf", "pytorch_lightning"}, "train", "experiment=ljspeech_fast")
    assert trained.returncode == 2
    assert trained.stderr.strip().endswith("pip install 'audiodiff[train]'")
    assert "Traceback" not in trained.stderr


def test_a_module_of_no_extra_is_not_explained_away():
    assert missing_extra(ModuleNotFoundError(name="somebody.elses")) is None
    assert "audiodiff[train]" in missing_extra(ModuleNotFoundError(name="lightning.pytorch"))


def test_a_wheel_stays_below_its_limit(tmp_path):
    """Measured as a wheel is packed: the package and its configs, deflated."""
    with zipfile.ZipFile(tmp_path / "audiodiff.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for folder in ("audiodiff", "conf"):
            for file in (ROOT / folder).rglob("*"):
                if file.is_file() and "__pycache__" not in file.parts:
                    packed.write(file, file.relative_to(ROOT))
    assert 1 << 20 < (tmp_path / "audiodiff.zip").stat().st_size < LIMIT


def test_messages_speak_of_options_and_the_command_line_of_flags():
    """Every option that is put into flags is one that the library's messages name; none of those names a flag."""
    for keyword, flag in FLAGS.items():
        assert keyword in SOURCES
        assert in_flags(f"so: {keyword}") == f"so: {flag}"
        assert flag not in SOURCES
