"""The number of threads of a command."""

from audiodiff.errors import ConfigError

_MOST = 1024
"""More than any machine has; the run-time library of threads crashes on numbers far beyond."""


def set_threads(threads: int | None) -> None:
    """Use that many CPU threads; None leaves torch's own choice. Raises `ConfigError` for more than 1024."""
    import torch

    if threads is not None and threads > _MOST:
        raise ConfigError(f"--threads {threads}: expected at most {_MOST}, and no more than the machine has cores")
    if threads is not None:
        torch.set_num_threads(threads)
