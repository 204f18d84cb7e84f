"""Search for bundles: in a folder, among those that ship with audiodiff, or on the Hugging Face hub."""

import os
from pathlib import Path

from audiodiff.bundle.format import CONFIG
from audiodiff.bundle.hub import PREFIX, fetch_bundle
from audiodiff.errors import BundleError

BUNDLES = Path(__file__).parents[1] / "bundles"
DEFAULT_VOICE = "ljspeech-fast"


def bundle_folder(model: str | os.PathLike[str]) -> Path:
    """Folder of the bundle of that path, name or `hub:user/repo`; raises `BundleError` if there is none."""
    if isinstance(model, str) and model.startswith(PREFIX):
        return fetch_bundle(model)
    folder = Path(model) if (Path(model) / CONFIG).is_file() else BUNDLES / model
    if not (folder / CONFIG).is_file():
        raise BundleError(
            f"no model {str(model)!r}: expected a folder with {CONFIG}, {PREFIX}user/repo, "
            f"or one of {', '.join(shipped())}"
        )
    return folder


def shipped() -> list[str]:
    """The names of the bundles inside the package."""
    return sorted(path.parent.name for path in BUNDLES.glob(f"*/{CONFIG}"))
