"""Commands run as a user runs them, and a word for how each ended."""

import contextlib
import io
import os
import sys
import warnings
from collections import Counter
from pathlib import Path
from random import Random

import soundfile

from audiodiff.audio.scratch import scratch_keys
from audiodiff.cli.main import main
from audiodiff.errors.sentences import LONGEST_SENTENCE
from audiodiff.mel import read_mel
from tests.fuzz.audio_inputs import audio_case
from tests.fuzz.cases import Case, Generator
from tests.fuzz.mel_inputs import mel_case
from tests.fuzz.text_inputs import bundle_case, manifest_case, option_case, settings_case

GENERATORS: dict[str, Generator] = {
    "audio": audio_case,
    "mel": mel_case,
    "manifest": manifest_case,
    "bundle": bundle_case,
    "option": option_case,
    "settings": settings_case,
}
GOOD = ("refused", "accepted")
"""Ways to end that are right; every other one is a fault of audiodiff."""


def made(family: str, number: int, folder: Path) -> Case:
    """Case `number` of a family, in a new folder."""
    folder.mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch has some for the tensors that are odd on purpose
        return GENERATORS[family](Random(f"{family} {number}"), folder)


def ended(case: Case) -> tuple[str, str]:
    """Run a case in this process; return a word for how it ended, and what was printed."""
    printed, before = io.StringIO(), sys.argv
    sys.argv = ["audiodiff", *case.arguments]
    code: object = 0
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), warnings.catch_warnings():
            warnings.simplefilter("default")
            main()
    except SystemExit as stop:
        code = stop.code
    except BaseException as error:  # the very thing that must not happen
        return "traceback", f"{type(error).__name__}: {error}"
    finally:
        sys.argv = before
    return judged(case, code, printed.getvalue()), printed.getvalue()


def judged(case: Case, code: object, text: str) -> str:
    """A word for a run that ended by itself."""
    if "Traceback" in text:
        return "traceback"
    if "unforeseen" in text:
        return "unforeseen"
    if code not in (None, 0, 1, 2):
        return "odd exit code"
    if code and not text.strip():
        return "refused without a word"
    if any(line.startswith("audiodiff: ") and len(line) > LONGEST_SENTENCE + 20 for line in text.splitlines()):
        return "long-winded"
    if code in (None, 0) and case.hopeless:
        return "silently wrong"
    return wrong_results(case) or ("accepted" if code in (None, 0) else "refused")


def wrong_results(case: Case) -> str:
    """A word for what a run has left behind that it should not have, or not left."""
    if missing := [path for path in case.promised if not path.exists()]:
        return f"lost {missing[0].name}"
    for path in case.results.rglob("*") if case.results.is_dir() else ():
        if scratch_keys(path):
            return "scratch file left"
        if path.suffix == ".wav":
            with soundfile.SoundFile(os.fsencode(path)) as file:
                if not file.frames:
                    return "silently wrong"
        if path.suffix == ".safetensors" and path.parent.name != "cache":
            read_mel(path)
    return ""


def summed(ends: list[tuple[str, str, str]]) -> str:
    """The counts of (family, end, …) as a Markdown table."""
    families = list(dict.fromkeys(family for family, *_ in ends))
    words = sorted({end for _, end, _ in ends}, key=lambda word: (word not in GOOD, word))
    counts = Counter((family, end) for family, end, _ in ends)
    rows = [[family, *(str(counts[family, word]) for word in words)] for family in families]
    totals = ["all", *(str(sum(counts[family, word] for family in families)) for word in words)]
    lines = [["inputs", *words], ["---"] * (len(words) + 1), *rows, totals]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
