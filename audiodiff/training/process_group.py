"""The group of a job's processes, and its end."""

import torch.distributed as dist


def leave_group() -> None:
    """Leave the group of the job's processes, when none has work for another any more.

    Lightning leaves the threads of "gloo" to the interpreter's end. One that lets go of its last work there aborts
    the process (SIGABRT), and the job has failed after all has been done.
    """
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
