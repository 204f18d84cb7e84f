"""Checkpoints that exist whole or not at all."""

import os
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from audiodiff.audio.atomic import written_whole
from audiodiff.errors import OutputError


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the target, on the same disk, and renames: a full disk or a kill leaves the last good checkpoint.

    (Lightning's own way goes through the system's folder for temporary files and copies from there.)
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | os.PathLike[str],
        storage_options: Any = None,  # noqa: ANN401 (Lightning's signature)
    ) -> None:
        """Write the file; raises `OutputError` and leaves what was there when that does not work."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            with written_whole(path) as scratch:
                torch.save(checkpoint, scratch)
        except RuntimeError as error:  # torch's own writer reports a full disk so
            raise OutputError(f"cannot write the checkpoint {path}; the one before is intact: {error}") from error
