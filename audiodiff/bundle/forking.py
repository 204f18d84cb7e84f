"""Forks of a process that has loaded a model, such as the workers of gunicorn `--preload`."""

import os
from functools import cache

import torch


@cache
def compute_after_forks() -> None:
    """Let every later fork of this process compute on one thread, where it would wait for ever on more.

    A fork inherits OpenMP's account of the threads that torch computes on, but not the threads: the first work that is
    to be shared among them waits for them. (GNU's OpenMP, which torch brings, does not look whether it was forked.)
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
