"""`trainer.precision` by the names of this project, beside Lightning's own."""

import torch
from omegaconf import DictConfig

from audiodiff.engine.precision import multiplies_bfloat16


def training_device(config: DictConfig) -> torch.device:
    """The kind of device that `trainer.accelerator` leads to."""
    asked = config.trainer.get("accelerator", "auto")
    gpu = asked in ("gpu", "cuda") or (asked == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if gpu else "cpu")


def lightning_precision(name: str, device: torch.device) -> str:
    """Lightning's name: `auto` is bf16-mixed on a GPU that has the instructions and 32-true elsewhere.

    `tf32` is 32-true to Lightning; `audiodiff.engine.precision.float32_products` does the rest.
    """
    if name == "tf32":
        return "32-true"
    if name == "auto":
        return "bf16-mixed" if device.type == "cuda" and multiplies_bfloat16(device) else "32-true"
    return name
