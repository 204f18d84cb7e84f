"""One sentence for every error, whoever raised it, for people who have not read the code."""

import re
import sys
import traceback
from collections.abc import Callable

from audiodiff.errors import AudiodiffError
from audiodiff.errors.extras import missing_extra

LONGEST_SENTENCE = 300
"""Characters of a sentence."""
_ENDING = 150
"""Characters of a long sentence's end that are kept: there it says what to do."""
FLAGS = {
    "spec=vocoder.mel_spec": "--as model",
    "name it as spec=": "name it with --as",
    'convert="approximate"': "--convert approximate",
    "transposed=True": "--transposed",
}
"""Names of options in Python, and the flags that stand for them."""
_ADVICE = re.compile(
    r"To append to your config use \S+"
    r"|(Weights only load failed\.|In PyTorch 2\.6, we changed|Please file an issue|Check the documentation).*"
    r"|Set the environment variable HYDRA_FULL_ERROR=1 .*",
    re.DOTALL,
)
"""Advice of libraries to their own callers, which would mislead those of audiodiff."""


def in_flags(text: str) -> str:
    """A message of the library in the words of the command line: options as flags."""
    for keyword, flag in FLAGS.items():
        text = text.replace(keyword, flag)
    return text


def sentence(error: BaseException) -> str:
    """Say in one line what went wrong; an error that nobody foresaw asks for a report."""
    if isinstance(error, AudiodiffError):
        return shortened(in_flags(str(error)))
    if isinstance(error, ModuleNotFoundError) and (advice := missing_extra(error)):
        return advice
    if isinstance(error, MemoryError):
        return shortened(f"there is not enough memory for it ({words_of(error)}): give less at a time")
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return shortened(f"{name}{error.strerror}")
    report = "please report it, with what --debug shows and the input if you may share it"
    return f"{shortened(f'unforeseen {words_of(error)}', LONGEST_SENTENCE - len(report) - 2)}: {report}"


def words_of(error: BaseException) -> str:
    """The kind of a foreign error and what it says, without its advice."""
    said = " ".join(_ADVICE.sub("", str(error)).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def shortened(text: str, length: int = LONGEST_SENTENCE) -> str:
    """The text on one line; of a long one beginning and end."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - _ENDING - 3]} … {line[-_ENDING:]}"


def boundary(command: Callable[[], None], *, debug: bool = False) -> None:
    """Run a command; whatever ends it becomes a sentence and exit code 2, with `debug` behind its traceback."""
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")  # file names need not be text
    try:
        command()
    except Exception as error:  # the one boundary: nobody should read a traceback unasked
        if debug:
            traceback.print_exc()
        print(f"audiodiff: {sentence(error)}", file=sys.stderr)
        raise SystemExit(2) from None
