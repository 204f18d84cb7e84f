"""In which precision the networks' products are taken.

fp32 is the default and exact to rounding. bf16 keeps sums, noise and waveforms in float32 and rounds the factors of
the products to 8 bits, which is several times as fast where the processor has instructions for it (AMX, AVX-512 BF16,
every recent GPU) and far slower where it has not: there bf16 is what it says, and nothing to be chosen for speed. tf32
rounds the factors to 10 bits on a GPU that has TF32, which is less of a gain; everywhere else it is fp32.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, get_args

import torch

from audiodiff.errors import ConfigError

Precision = Literal["auto", "fp32", "tf32", "bf16"]
BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")
"""The instructions' names in `torch.cpu.get_capabilities` on x86 and Arm."""


def chosen_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The dtype of a precision on a device, where "auto" is bf16 if there are instructions for it.

    Raises `ConfigError` for anything else than "auto", "fp32", "tf32" and "bf16".
    """
    if precision not in get_args(Precision):
        raise ConfigError(f"no precision {precision!r}: choose one of {', '.join(get_args(Precision))}")
    reduced = multiplies_bfloat16(device) if precision == "auto" else precision == "bf16"
    return torch.bfloat16 if reduced else torch.float32


@contextmanager
def autocast(precision: Precision | torch.dtype, device: torch.device) -> Iterator[None]:
    """The context in which networks on a device have that precision; on a processor float32 is none."""
    dtype = precision if isinstance(precision, torch.dtype) else chosen_dtype(precision, device)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32), float32_products(device, precision):
        yield


@contextmanager
def float32_products(device: torch.device, precision: Precision | torch.dtype | str) -> Iterator[None]:
    """The context in which a GPU's products in float32 have factors of 10 bits ("tf32") or of 24 (anything else).

    torch has no switch for it but two of the whole process, which are put back afterwards.
    """
    if device.type != "cuda":
        yield
        return
    products, convolutions = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = products, convolutions


def multiplies_bfloat16(device: torch.device) -> bool:
    """Check whether a device has instructions for products in bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and any(capabilities().get(name, False) for name in BFLOAT16)


def capabilities() -> Mapping[str, bool]:
    """The processor's features as torch reads them; before torch 2.11 it tells less of them."""
    if hasattr(torch.cpu, "get_capabilities"):
        return torch.cpu.get_capabilities()
    return {"avx512_bf16": torch.cpu._is_avx512_bf16_supported(), "amx_bf16": torch.cpu._is_amx_tile_supported()}
