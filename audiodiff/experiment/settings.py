"""Settings of a run that do not work, said in the words of those who wrote them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from omegaconf import DictConfig, OmegaConf

from audiodiff.errors import AudiodiffError, ConfigError
from audiodiff.errors.sentences import words_of

_UNKNOWN_KEY = re.compile(r"Key '([^']+)' (?:is not in struct|not in )|Could not override '([^']+)'")
_UNKNOWN_CHOICE = re.compile(
    r"Could not find '([^']+)'.*Available options in '[^']*':\s*(.*?)(?:Config search path|$)", re.S
)
_UNKNOWN_ARGUMENT = re.compile(r"(?:(\w+)(?:\.__init__)?\(\) )?got an unexpected keyword argument '(\w+)'")
_UNKNOWN_REFERENCE = re.compile(r"Interpolation key '([^']+)' not found\s+full_key: (\S+)")
_UNEXPECTED = re.compile(r"Error in call to target '(?:[\w.]+\.)?(\w+)'")


@contextmanager
def settings_in_words(known: Callable[[], DictConfig] | None = None) -> Iterator[None]:
    """Turn whatever settings make Hydra, Lightning and constructors raise into a `ConfigError` of one sentence.

    `known` gives a config that composes; its keys are offered for one that is misspelt.
    """
    try:
        yield
    except AudiodiffError:
        raise
    except Exception as error:  # settings make constructors fail in every way there is
        own = own_error(error)
        raise own or ConfigError(f"the configuration does not work: {explained(error, known and known())}") from error


def own_error(error: BaseException) -> AudiodiffError | None:
    """The error of audiodiff that another one was made of."""
    cause = error.__cause__ or error.__context__
    return error if isinstance(error, AudiodiffError) else None if cause is None else own_error(cause)


def explained(error: Exception, known: DictConfig | None = None) -> str:
    """A foreign error in a sentence, with what may have been meant."""
    text = str(error)
    if found := _UNKNOWN_CHOICE.search(text):
        group, _, name = found[1].rpartition("/")
        return f"there is no {group}={name}{meant(name, found[2].split())}"
    if (found := _UNKNOWN_KEY.search(text)) and type(error).__name__ != "InstantiationException":
        full = re.search(r"Could not override '([^']+)'", text)
        key = full[1] if full else found[1] or found[2]
        if "/" in key:
            whole = key.split("/")[0]
            return f"the {whole} that is chosen has no {key}: choose another {whole}="
        return f"there is no setting {key}{meant(key, keys_of(known))}"
    if found := _UNKNOWN_REFERENCE.search(text):
        part = found[1].split(".")[0]
        return f"{found[2]} is taken from {found[1]}, which the {part} that is chosen has not: choose another {part}="
    place = f"{found[1]}: " if (found := _UNEXPECTED.search(text)) else ""
    root = error
    while root.__cause__ is not None and isinstance(root.__cause__, Exception):
        root = root.__cause__
    if found := _UNKNOWN_ARGUMENT.search(str(root)):
        owner = found[1] or place.removesuffix(": ") or "the class"
        return (
            f"{owner} has no setting {found[2]}, which the experiment sets for what it had chosen: choose that, "
            f"or take the setting away with ~GROUP.{found[2]}"
        )
    if place and isinstance(root, TypeError):
        owner = place.removesuffix(": ")
        return (
            f"{owner} cannot take the settings that the experiment makes for what it had chosen ({root}): choose that"
        )
    return f"{place}{words_of(root)}"


def meant(word: str, known: list[str]) -> str:
    """Words that were perhaps meant."""
    close = get_close_matches(word, known, n=3, cutoff=0.6)
    return (
        f": did you mean {' or '.join(close)}?" if close else f", expected one of {', '.join(known[:12])}" * bool(known)
    )


def keys_of(config: DictConfig | None) -> list[str]:
    """All dotted names in a config."""
    if config is None:
        return []
    names: list[str] = []
    stack = [("", OmegaConf.to_container(config, resolve=False))]
    while stack:
        prefix, node = stack.pop()
        for key, value in node.items() if isinstance(node, dict) else ():
            names.append(f"{prefix}{key}")
            stack.append((f"{prefix}{key}.", value))
    return names
