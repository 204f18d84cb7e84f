"""Boards for the sounds and pictures of a preview: TensorBoard or Weights & Biases."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from torch import Tensor

from audiodiff.types import Hertz


@runtime_checkable
class Board(Protocol):
    """Shows media under a name, at a step of the training."""

    def audio(self, name: str, wave: Tensor, rate: Hertz, step: int) -> None:
        """Show a [samples] waveform."""
        ...

    def image(self, name: str, image: Tensor, step: int) -> None:
        """Show a [height, width, 3] picture of values in [0, 1]."""
        ...


@dataclass(frozen=True)
class TensorBoard:
    """Media as events, in the `audio` and `images` tabs."""

    writer: Any

    def audio(self, name: str, wave: Tensor, rate: Hertz, step: int) -> None:
        """Show a [samples] waveform."""
        self.writer.add_audio(name, wave.clamp(-1, 1).cpu(), step, sample_rate=rate)

    def image(self, name: str, image: Tensor, step: int) -> None:
        """Show a [height, width, 3] picture of values in [0, 1]."""
        self.writer.add_image(name, image, step, dataformats="HWC")


@dataclass(frozen=True)
class Wandb:
    """Media in the panels of a run."""

    logger: WandbLogger

    def audio(self, name: str, wave: Tensor, rate: Hertz, step: int) -> None:
        """Show a [samples] waveform."""
        self.logger.log_audio(name, [wave.clamp(-1, 1).cpu().numpy()], step=step, sample_rate=[rate])

    def image(self, name: str, image: Tensor, step: int) -> None:
        """Show a [height, width, 3] picture of values in [0, 1]."""
        self.logger.log_image(name, [image.numpy()], step=step)


def boards(loggers: Iterable[Logger]) -> Iterator[Board]:
    """The loggers that can show media; the others (CSV) log numbers only."""
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            yield TensorBoard(logger.experiment)
        elif isinstance(logger, WandbLogger):
            yield Wandb(logger)
