"""Warnings that point at the line of the user's own program."""

import sys
import warnings

_PASSED_ON = frozenset({"audiodiff", "contextlib", "torch"})
"""Packages whose frames lie between the user and the place that warns: their decorators call what they decorate."""


def warn_caller(said: str, kind: type[Warning] = UserWarning) -> None:
    """Warn at the first place outside of audiodiff that led here."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _PASSED_ON:
        frame, level = frame.f_back, level + 1
    warnings.warn(said, kind, stacklevel=level)
