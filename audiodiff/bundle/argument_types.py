"""Types of a stranger's values, checked before a constructor meets them: many would fail only at the first sound."""

from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from audiodiff.errors import BundleError

_PLAIN = (str, int, float, bool, NoneType, list, dict)
"""Kinds of JSON values."""


def check_arguments(target: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Raise `BundleError` for an argument of another type than the signature of `target` asks for."""
    hints = get_type_hints(target.__init__ if isinstance(target, type) else target)
    for name, value in arguments.items():
        if name in hints and not fits(value, hints[name]):
            wanted = getattr(hints[name], "__name__", str(hints[name]))
            raise BundleError(f"{getattr(target, '__name__', target)} takes {wanted} as {name}, got {value!r:.60}")


def fits(value: Any, hint: Any) -> bool:  # noqa: ANN401 (a JSON value or what was built of one, any annotation)
    """Check a value against an annotation; what cannot be checked fits."""
    kind = get_origin(hint)
    if kind in (Union, UnionType):
        return any(fits(value, part) for part in get_args(hint))
    if kind is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(hint))
    if kind in (tuple, list, Sequence):
        items = [part for part in get_args(hint) if part is not Ellipsis]
        return isinstance(value, list | tuple) and all(fits(item, items[0]) for item in value)
    if hint is float:
        return type(value) in (int, float)
    if hint in (int, bool, str, None, NoneType):
        return type(value) is (NoneType if hint is None else hint)
    if kind is None and isinstance(hint, type) and not getattr(hint, "_is_protocol", False):
        return isinstance(value, hint)
    return kind is dict or hint is Any or not isinstance(value, _PLAIN)
