"""The number of threads of a command."""


def set_threads(threads: int | None) -> None:
    """Use that many CPU threads; None leaves torch's own choice."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
