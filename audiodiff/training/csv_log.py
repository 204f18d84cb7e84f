"""A log of numbers that goes on where a run goes on."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from audiodiff.audio.atomic import written_whole


class CsvLog(CSVLogger):
    """Lightning's CSV log, whose rows survive when a run goes on from a checkpoint; Lightning's own deletes them."""

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        """The writer of the file, made when it is first needed."""
        if not isinstance(self._experiment, _Rows):
            self._experiment = _Rows(log_dir=self.log_dir)
        return self._experiment


class _Rows(ExperimentWriter):
    """Writes rows behind those of steps that are not done again."""

    def __init__(self, log_dir: str) -> None:
        super().__init__(log_dir)
        self.begun = False

    def save(self) -> None:
        """Append the rows that are new."""
        if self.metrics and not self.begun:
            self._go_on(int(min(row["step"] for row in self.metrics)))
            self.begun = True
        super().save()

    def _go_on(self, step: int) -> None:
        """Keep what is in the file of the steps before `step`; a line that a kill cut short is of no use."""
        path = Path(self.metrics_file_path)
        if not path.is_file():
            return
        names, rows = _read(path)
        self.metrics_keys = sorted(names)
        _write(path, self.metrics_keys, (row for row in rows if row["step"] and int(row["step"]) < step))

    def _check_log_dir_exists(self) -> None:
        """Delete nothing."""

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        _write(Path(self.metrics_file_path), fieldnames, _read(Path(self.metrics_file_path))[1])


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and the whole rows of a file."""
    text = path.read_text(encoding="utf-8", errors="replace")
    reader = csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
    return list(reader.fieldnames or ()), list(reader)


def _write(path: Path, columns: list[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with written_whole(path) as scratch, scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=columns)
        writer.writeheader()
        writer.writerows(rows)
