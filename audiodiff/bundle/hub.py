"""Bundles on the Hugging Face hub: `user/repo`, or `user/repo@revision` for one state of it.

A repository is a stranger's: only the three files of a bundle are fetched from it, and they are read as every
bundle is.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from audiodiff.bundle.card import model_card
from audiodiff.bundle.format import CARD, CONFIG, WEIGHTS, Bundle, save_bundle
from audiodiff.errors import BundleError, ConfigError, OutputError
from audiodiff.version import __version__

PREFIX = "hub:"
FILES = (CONFIG, WEIGHTS, CARD)


def fetch_bundle(
    address: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Path:
    """The folder of the bundle `user/repo` or `user/repo@revision` in the hub's cache, fetched or brought up to date.

    Where the hub cannot be reached, or with `HF_HUB_OFFLINE=1`, what the cache has is used. `HF_ENDPOINT`, `HF_HOME`
    and `HF_TOKEN` work as everywhere. Raises `BundleError`, which says what was looked for and where, `ConfigError`
    for two revisions.
    """
    hub = huggingface_hub()
    repo, _, state = address.partition("@")
    if state and revision is not None:
        raise ConfigError(f"got {address!r} and revision={revision!r}: name one revision")
    cache = hub.constants.HF_HUB_CACHE if cache_dir is None else str(cache_dir)
    try:
        folder = Path(
            hub.snapshot_download(
                repo,
                revision=revision or state or None,
                token=token,
                cache_dir=cache,
                allow_patterns=list(FILES),
                local_files_only=hub.constants.HF_HUB_OFFLINE,
            )
        )
    except Exception as error:  # its own errors, those of the network below it, and those of the disk
        why = f"{_places(hub, repo, cache)}: {_first_line(error)}"
        raise BundleError(f"{address} is no folder here and cannot be had from the hub: {why}") from error
    if missing := [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]:
        raise BundleError(
            f"{address} is no bundle, or was not fetched to its end: {_places(hub, repo, cache)}, found no {missing[0]}"
        )
    return folder


def write_bundle(bundle: Bundle, folder: Path, address: str | None = None) -> Path:
    """Write a loaded bundle with its model card, which says how to load it from `address`.

    Raises `OutputError` for a folder that holds something else or cannot be written.
    """
    if not bundle.config:
        raise ConfigError(f"{bundle.name} came from no bundle, so there is no config that could be written")
    return save_bundle(folder, bundle.name, bundle.config, bundle.model, model_card(bundle, address), bundle.dtype)


def push_bundle(bundle: Bundle, repo: str, *, private: bool = False, token: str | None = None) -> str:
    """Upload a bundle to `user/repo`, which is made if it is not there; return the address of the commit.

    Without `token` the one of `hf auth login` is used. Raises `OutputError` when the hub does not take it.
    """
    hub = huggingface_hub()
    api = hub.HfApi(token=token, library_name="audiodiff", library_version=__version__)
    with TemporaryDirectory() as scratch:
        folder = write_bundle(bundle, Path(scratch) / bundle.name, repo)
        try:
            api.create_repo(repo, private=private, exist_ok=True)
            commit = api.upload_folder(repo_id=repo, folder_path=folder, allow_patterns=list(FILES))
        except Exception as error:  # as above
            raise OutputError(f"cannot push to {repo} at {hub.constants.ENDPOINT}: {_first_line(error)}") from error
    return str(commit.commit_url)


def huggingface_hub() -> ModuleType:
    """The package, which only this module needs; raises `BundleError` where it is not installed."""
    try:
        import huggingface_hub
        import huggingface_hub.constants
    except ImportError as error:
        raise BundleError(
            "a model `user/repo`, which is no folder here, comes from the hub and needs huggingface_hub: "
            "pip install 'audiodiff[hub]'"
        ) from error
    return huggingface_hub


def _places(hub: ModuleType, repo: str, cache: str) -> str:
    """The files that were looked for, and the places."""
    constants = hub.constants
    online = "not at the hub, because HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"at {constants.ENDPOINT}"
    return f"looked for {', '.join(FILES)} of {repo!r} {online} and in the cache {cache}"


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}" + (f" ({lines[0].strip()})" if lines else "")
