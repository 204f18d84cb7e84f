"""torch's ambient defaults: they are the caller's, and what audiodiff computes must not depend on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

_LOADING = RLock()


@contextmanager
def on_processor() -> Iterator[None]:
    """Make new tensors on the CPU in this thread, whatever `torch.device` context or default device is in force."""
    if torch.get_default_device().type == "cpu":
        yield
        return
    with torch.device("cpu"):
        yield


@contextmanager
def usual_defaults() -> Iterator[None]:
    """Build modules on the CPU in float32, which torch's own ask for in no other way.

    The default dtype is the process's own: where it is another one, it is float32 for the time being in all threads.
    """
    with on_processor(), _LOADING:
        before = torch.get_default_dtype()
        if before == torch.float32:
            yield
            return
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(before)
