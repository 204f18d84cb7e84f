"""Train the cells of the DiffWave study one after the other: the same small network, clips, batches and steps.

    python studies/diffwave_study.py all               # those that are not done yet
    python studies/diffwave_study.py base paper        # some
    python studies/diffwave_study.py --seed 1 base     # with other initial weights and noise
    python studies/diffwave_study.py --steps 0 base    # before the first step: what the prior and the constraint do

Each cell is `audiodiff train experiment=ljspeech_diffwave_small` with the overrides below. Its points, one line of
JSON for every validation and number of sampling steps, go to runs/study/points.jsonl when it is done; a cell that was
interrupted goes on from its last checkpoint. `diffwave_curves.py` makes the table and the picture.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig
from torch import Tensor

from audiodiff.diffusion import Times, uniform
from audiodiff.evaluation.ear.phase import PhaseMeasures
from audiodiff.evaluation.scoring import score
from audiodiff.experiment.best_bundle import write_bundle
from audiodiff.experiment.config import build, compose_config
from audiodiff.experiment.dry_run import build_data, build_features, build_objective
from audiodiff.experiment.run import begin, build_model, fit
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.noise import SampleNoise

STUDY = Path("runs/study")
POINTS = STUDY / "points.jsonl"
STEPS = 105

SCORES = ("pesq", "log_mel", "mr_stft")
ON_THE_WAY, AT_THE_END = (6,), (1, 2, 6)
"""Numbers of sampling steps that are scored."""

TABLE = ["schedule=diffwave_50", "network.n_steps=50"]
EPS = [*TABLE, "prediction=eps", "grid=diffwave_fast", "~grid.n_steps"]
PLAIN = ["network=diffwave", "init_from=null"]
SHAPED = ["objective=whitened", "objective.whitening=1"]
FREE = ["network.constraint=null"]
"""The estimate is not kept to the mel, which only an x_0 prediction can be."""

CELLS: dict[str, list[str]] = {
    # priors, each with the loss that is white in its own units: eps, DiffWave's 50 betas, its fast grid for six steps
    "isotropic": [*EPS, *PLAIN, "prior=isotropic", "objective=simple"],
    "energy": [*EPS, *PLAIN, "prior=mel_energy", "objective=simple", "objective.prior_weighted=true"],
    "envelope": [*EPS, "network=whitened_diffwave", "init_from=null", "prior=mel_envelope", *SHAPED],
    "source": [*EPS, *FREE, *SHAPED, "features=source_filter"],
    # predictions and schedules on the source-filter prior, all by the same loss of the x_0 estimate
    "table_eps": [*TABLE, *FREE, "prediction=eps"],
    "table_v": [*TABLE, *FREE, "prediction=v"],
    "table_x0": [*TABLE, *FREE],
    "cosine_x0": [*FREE, "schedule=cosine"],
    "straight_x0": FREE,
    "straight_velocity": [*FREE, "prediction=velocity"],
    # what the shipped voice adds: every estimate is kept to the mel; and the same where the stack says v
    "base": [],
    "kept_v": ["network=source_diffwave_v", "schedule=diffwave_50"],
    # what the base's loss and network are made of
    "regression": ["objective.spectral=0"],
    "spectral": ["objective.regression=0"],
    "not_white": ["network.whitening=null"],
}


class Points(L.Callback):
    """Vocodes the validation clips with the averaged weights, always from the same noise, and keeps the scores."""

    def __init__(self, config: DictConfig) -> None:
        self.sampler, self.six = build(config.sampler), build(config.grid)
        self.phase = PhaseMeasures()
        self.found: dict[int, dict[int, list[dict[str, float]]]] = {}
        self.spent: dict[int, float] = {}
        self.seconds = self.began = 0.0

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: object, batch_idx: int
    ) -> None:
        """Start the clock of one step: the processor's time, which others on the machine hardly change."""
        self.began = time.process_time()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Stop it."""
        self.seconds += time.process_time() - self.began

    def times(self, model: DiffusionModel, n_steps: int) -> Times:
        """The grid of a number of steps: the cell's own for six, else a uniform one."""
        schedule = model.denoiser.schedule
        return self.six(schedule) if n_steps == 6 else uniform(schedule, n_steps)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: dict[str, Tensor],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Score one clip."""
        objective: Any = pl_module.objective
        counts = AT_THE_END if trainer.global_step == trainer.max_steps else ON_THE_WAY
        self.hear(objective.model, batch, trainer.global_step, counts)

    @torch.no_grad()
    def hear(self, model: DiffusionModel, batch: dict[str, Tensor], step: int, counts: Sequence[int]) -> None:
        """Vocode one clip with several numbers of steps, and score it."""
        here = self.found.setdefault(step, {})
        for n_steps in counts:
            times = self.times(model, n_steps)
            wave = model.generate(batch["mel"], sampler=self.sampler, times=times, noise=SampleNoise([0]))[0]
            here.setdefault(n_steps, []).append(self.scores(batch["wave"][0], wave, model.mel.sample_rate))

    def scores(self, recorded: Tensor, generated: Tensor, sample_rate: int) -> dict[str, float]:
        """PESQ, log-mel and MR-STFT, and what is wrong with crest, pulse depths and onsets, in dB."""
        pair = recorded.double().numpy(), generated.double().numpy()
        values = score("clip", *pair, sample_rate, wanted=SCORES).values
        return {name: values[name] for name in SCORES if name in values} | self.phase(recorded, generated, sample_rate)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the processor's time that training has taken so far."""
        self.spent[trainer.global_step] = self.seconds
        for point in self.points():
            if point["step"] == trainer.global_step:
                print(json.dumps(point), flush=True)

    def points(self) -> Iterator[dict[str, Any]]:
        """The means over the clips of all that was measured."""
        for step, counts in self.found.items():
            for n_steps, clips in counts.items():
                names = sorted({name for clip in clips for name in clip})
                means = {name: round(fmean(clip[name] for clip in clips if name in clip), 4) for name in names}
                yield {"step": step, "n_steps": n_steps, "seconds": round(self.spent[step], 1)} | means

    def state_dict(self) -> dict[str, Any]:
        """What an interrupted run has found, for the checkpoint."""
        return {"found": self.found, "spent": self.spent, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.found, self.spent, self.seconds = state_dict["found"], state_dict["spent"], state_dict["seconds"]


def composed(name: str, overrides: Sequence[str], data: Path, seed: int, steps: int) -> DictConfig:
    """The config of one cell."""
    run = STUDY / name
    resume = "last" if (run / "checkpoints/last.ckpt").is_file() else "null"
    common = [
        "experiment=ljspeech_diffwave_small",
        f"name={name}",
        f"seed={seed}",
        f"resume={resume}",
        f"paths.run={run}",
        f"data.folder={data}",
        f"trainer.max_steps={steps}",
        f"trainer.val_check_interval={max(1, steps // 3)}",
        "data.valid_clips=3",
        "data.valid_frames=128",
        "data.workers=0",
        "data.processes=1",
        "callbacks.best=null",
        "callbacks.preview=null",
        "logger=csv",
    ]
    return compose_config("train", [*common, *overrides])


def run_cell(config: DictConfig, *callbacks: L.Callback) -> list[dict[str, Any]]:
    """Train one cell, write its bundle, return its points."""
    points = Points(config)
    if config.trainer.max_steps == 0:
        return untrained(config, points)
    fit(config, points, *callbacks)  # behind the others, when the averaged weights are in place
    write_bundle(config, Path(config.paths.run) / "checkpoints/last.ckpt")
    return list(points.points())


def untrained(config: DictConfig, points: Points) -> list[dict[str, Any]]:
    """The points of a cell before its first step."""
    model = build_model(config)
    begin(model, config, None)
    data = build_data(config, build_features(config, model, build_objective(config, model)))
    data.prepare_data()
    data.setup("fit")
    for batch in data.val_dataloader():
        points.hear(model, batch, 0, AT_THE_END)
    points.spent[0] = 0.0
    return list(points.points())


def done() -> Iterator[str]:
    """The runs whose points are there."""
    if POINTS.is_file():
        yield from (json.loads(line)["run"] for line in POINTS.read_text(encoding="utf-8").splitlines())


def main() -> None:
    """Work through the cells named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", nargs="+", choices=[*CELLS, "all"])
    parser.add_argument("--data", type=Path, default=Path("data/ljspeech"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    STUDY.mkdir(parents=True, exist_ok=True)
    for cell in CELLS if "all" in asked.cells else asked.cells:
        name = f"{cell}-{asked.seed}" + (f"-{asked.steps}" if asked.steps != STEPS else "")
        if name in done():
            continue
        print(name, flush=True)
        found = run_cell(composed(name, CELLS[cell], asked.data, asked.seed, asked.steps))
        lines = [{"run": name, "cell": cell, "seed": asked.seed} | point for point in found]
        with POINTS.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)


if __name__ == "__main__":
    main()
