"""Lightning without its advertisements and its account of the machine, which the run says in its own words."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.fabric.utilities.warnings import PossibleUserWarning

_TALKATIVE = ("lightning.pytorch", "lightning.fabric")
"""The loggers that all of its others are below."""


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Let Lightning log warnings and errors only, and keep its advice on settings to itself."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=PossibleUserWarning)
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=DeprecationWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
