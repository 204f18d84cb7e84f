"""Shows the examples in docstrings as code."""

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"^>>> .*(?:\n(?:>>>|\.\.\.).*)*", re.MULTILINE)


class Doctests(Extension):
    """Put a fence around every run of lines that begin with `>>>` or `...`."""

    def on_object(self, *, obj: Object, **_: Any) -> None:  # noqa: ANN401 (griffe's own signature)
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(lambda run: f"```pycon\n{run[0]}\n```", obj.docstring.value)
