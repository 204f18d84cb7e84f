"""The work shared among devices and machines by Lightning's predict loop."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import lightning as L
import torch.distributed as dist
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch.utils.data import DataLoader

from audiodiff.audio.scratch import sweep
from audiodiff.bulk.jobs import Job
from audiodiff.errors import ConfigError
from audiodiff.errors.sentences import sentence
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.training.process_group import leave_group
from audiodiff.training.quiet import quiet_lightning


class Vocoding(L.LightningModule):
    """Does one job after the other, and gathers what failed from all processes."""

    def __init__(self, model: DiffusionModel, jobs: Sequence[Job], work: Callable[[Job], None]) -> None:
        super().__init__()
        self.model = model
        self.jobs, self.work = balanced(jobs), work
        self.failures: list[str] = []

    def on_predict_start(self) -> None:
        """Clear away what a killed run has left, once, before anybody writes."""
        if self.trainer.is_global_zero:
            sweep(job.target for job in self.jobs)
        self.trainer.strategy.barrier()

    def predict_step(self, index: int, _: int) -> None:
        """Vocode one file; what goes wrong with it is noted and ends nothing."""
        job = self.jobs[index]
        try:
            self.work(job)
        except Exception as error:  # one odd input never ends the run over the others
            self.failures.append(f"{job.source}: {sentence(error)}")

    def on_predict_end(self) -> None:
        """Tell every process what failed in all of them."""
        if dist.is_available() and dist.is_initialized():
            everywhere: list[list[str] | None] = [None] * dist.get_world_size()
            dist.all_gather_object(everywhere, self.failures)
            self.failures = [failure for failures in everywhere for failure in failures or ()]


def vocode_everywhere(
    model: DiffusionModel, jobs: Sequence[Job], work: Callable[[Job], None], *, device: str, devices: int, nodes: int
) -> list[str] | None:
    """Do the jobs on `devices` devices of each of `nodes` machines; `work` vocodes one with `model`, wherever it is.

    Lightning starts a process for every device of this machine; on several machines start the command on each, as
    its documentation says (torchrun, SLURM, or MASTER_ADDR and NODE_RANK). Returns a sentence for each job that
    failed, and None in all processes but the first, which alone has to report. Raises `ConfigError` for devices that
    are not there.
    """
    module = Vocoding(model, jobs, work)
    indices: Any = range(len(jobs))  # which is a data set to torch, though not by its type
    with quiet_lightning():
        warnings.filterwarnings("ignore", message="predict returned None")  # on purpose
        trainer = _trainer(device, devices, nodes)
        trainer.predict(module, DataLoader(indices, batch_size=None), return_predictions=False)
    leave_group()
    return module.failures if trainer.is_global_zero else None


def _trainer(device: str, devices: int, nodes: int) -> L.Trainer:
    try:
        return L.Trainer(
            accelerator=device,
            devices=devices,
            num_nodes=nodes,
            strategy="ddp",
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
        )
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise ConfigError(f"cannot use {devices} devices of kind {device!r} on {nodes} machines: {error}") from error


def balanced(jobs: Sequence[Job]) -> list[Job]:
    """The jobs with the longest first: dealt out in turn, they are about the same work for everybody."""
    sizes = {job.source: job.source.stat().st_size if job.source.is_file() else 0 for job in jobs}
    return sorted(jobs, key=lambda job: (-sizes[job.source], job.source))
