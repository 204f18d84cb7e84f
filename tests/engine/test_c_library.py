"""Functions in C say where they find no memory, before they touch anything."""

import ctypes
import shutil
from pathlib import Path

import pytest

from audiodiff import engine
from audiodiff.engine.c_library import compiled_library, function_of

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
FOLDER = Path(engine.__file__).parent
ENORMOUS = 1 << 50
"""Samples, places or bins: more floats than an address space holds."""


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("gains/stack.c", "gains_stack"),
        ("gains/planes.c", "gains_planes"),
        ("iterations/iterate.c", "low_band_iterate"),
    ],
)
@pytest.mark.parametrize("threads", [1, 3])
def test_no_memory_is_an_error(source, name, threads):
    """The second size of each is that of its room; all pointers are null."""
    arguments = (ctypes.c_int64 * 40)(1, ENORMOUS, 1, 1)
    function = function_of(compiled_library(FOLDER / source), name, ctypes.c_void_p, ctypes.c_int)
    with pytest.raises(MemoryError, match=name):
        function(ctypes.byref(arguments), threads)
