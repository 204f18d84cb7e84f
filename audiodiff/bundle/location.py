"""Search for bundles: in a folder, among those that ship with audiodiff, or on the Hugging Face hub."""

import os
import re
from pathlib import Path

from audiodiff.bundle.format import CONFIG
from audiodiff.bundle.hub import PREFIX, fetch_bundle
from audiodiff.bundle.shared_prior import BUNDLES
from audiodiff.errors import BundleError, ConfigError

DEFAULT_VOICE = "ljspeech-fast"
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*(@[\w./-]+)?")
"""`user/repo` of the hub."""


def bundle_folder(
    model: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Path:
    """Folder of the bundle of that path, name, `user/repo` or `hub:user/repo`; raises `BundleError` if there is none.

    `user/repo` is looked for on the hub where no file or folder has that path. `revision`, `token` and `cache_dir`
    are for the hub; raises `ConfigError` for any of them beside a model that is not from there.
    """
    if not isinstance(model, str | os.PathLike):
        raise BundleError(f"got {model!r:.60} as a model: expected a folder, a name or `user/repo` of the hub")
    if (address := hub_address(model)) is not None:
        return fetch_bundle(address, revision=revision, token=token, cache_dir=cache_dir)
    hub_only = {"revision": revision, "token": token, "cache_dir": cache_dir}
    if given := [name for name, value in hub_only.items() if value is not None]:
        raise ConfigError(f"got {' and '.join(given)} for {str(model)!r}, which is no `user/repo` of the hub")
    folder = Path(model) if (Path(model) / CONFIG).is_file() else BUNDLES / model
    if not (folder / CONFIG).is_file():
        raise BundleError(
            f"no model {str(model)!r}: expected a folder with {CONFIG}, `user/repo` of the hub, "
            f"or one of {', '.join(shipped())}"
        )
    return folder


def hub_address(model: str | os.PathLike[str]) -> str | None:
    """The address on the hub, `user/repo` or `user/repo@revision`, that a model's name stands for, if any."""
    if not isinstance(model, str):
        return None
    if model.startswith(PREFIX):
        return model.removeprefix(PREFIX)
    return model if REPOSITORY.fullmatch(model) and not Path(model).exists() else None


def shipped() -> list[str]:
    """The names of the bundles inside the package."""
    return sorted(path.parent.name for path in BUNDLES.glob(f"*/{CONFIG}"))
