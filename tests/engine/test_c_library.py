"""Functions in C say where they find no memory, before they touch anything."""

import ctypes
import shutil
import tempfile
from pathlib import Path

import pytest

from audiodiff import engine
from audiodiff.engine.c_library import compiled_library, function_of
from audiodiff.errors import ConfigError

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
FOLDER = Path(engine.__file__).parent
ENORMOUS = 1 << 50
"""Samples, places or bins: more floats than an address space holds."""


@pytest.mark.parametrize(
    ("source", "name", "structures"),
    [("gains/gains.c", "gains_found", 2), ("iterations/iterate.c", "low_band_iterate", 1)],
)
@pytest.mark.parametrize("threads", [1, 3])
def test_no_memory_is_an_error(source, name, structures, threads):
    """The second size of each is that of its room; all pointers are null."""
    arguments = (ctypes.c_int64 * 40)(1, ENORMOUS, 1, 1)
    function = function_of(compiled_library(FOLDER / source), name, *structures * [ctypes.c_void_p], ctypes.c_int)
    with pytest.raises(MemoryError, match=name):
        function(*structures * [ctypes.byref(arguments)], threads)


def test_a_library_that_cannot_be_loaded_is_an_error_with_a_way_out(monkeypatch, tmp_path):
    compiler = tmp_path / "cc"
    compiler.write_text('#!/bin/sh\nfor last; do :; done\necho nonsense > "$last"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    with pytest.raises(ConfigError, match=r"cannot load .*TMPDIR .*libgomp, or go without compile\(\)"):
        compiled_library(FOLDER / "gains/gains.c")


def test_no_folder_for_the_library_is_the_same_error(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"nowhere.* TMPDIR"):
        compiled_library(FOLDER / "gains/gains.c")
