"""Functions in C, compiled by the compiler at hand when they are first wanted; nothing of it is left on the disk."""

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from audiodiff.errors import ConfigError

OPTIONS = ("-O3", "-march=native", "-fopenmp", "-shared", "-fPIC", "-fno-math-errno")


def compiled_library(source: Path, *options: str) -> ctypes.CDLL:
    """Compile a file and load it; raises `ConfigError` where no C compiler can, or the result cannot be loaded."""
    try:
        with tempfile.TemporaryDirectory(prefix="audiodiff-") as folder:
            library = Path(folder) / "library.so"
            _compile(source, library, *options)
            return ctypes.CDLL(str(library))
    except OSError as error:
        raise ConfigError(
            f"cannot load the compiled engine: {error}; let TMPDIR name a folder that can be written and from which "
            "programs may run, install gcc's libgomp, or go without compile()"
        ) from error


def _compile(source: Path, library: Path, *options: str) -> None:
    command = [*_compiler(), *OPTIONS, f"-I{Path(__file__).parent}", *options, str(source), "-o", str(library)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except OSError as error:
        raise ConfigError(f"cannot compile the engine: {command[0]} is not there or cannot be run") from error
    except subprocess.CalledProcessError as error:
        said = next(iter(error.stderr.strip().splitlines()), "nothing")
        raise ConfigError(f"cannot compile the engine: {shlex.join(command)} says: {said}") from error


def function_of(library: ctypes.CDLL, name: str, *kinds: type) -> Callable[..., object]:
    """A function of a library that says 1 where it finds no memory, which raises `MemoryError` then."""
    function = getattr(library, name)
    function.argtypes, function.restype, function.errcheck = kinds, ctypes.c_int, _enough
    return function


def _enough(missing: int, function: Callable[..., object], _: object) -> int:
    if missing:
        raise MemoryError(f"{getattr(function, '__name__', function)} found no memory to work in")
    return missing


def _compiler() -> list[str]:
    """The compiler of the environment's CC, or the first that is usual."""
    if named := shlex.split(os.environ.get("CC", "")):
        return named
    found = next(filter(None, map(shutil.which, ("gcc", "cc", "clang"))), None)
    if found is None:
        raise ConfigError("compile() needs a C compiler: install gcc, name one in CC, or go without it")
    return [found]
