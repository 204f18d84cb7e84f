"""Train the cells of the DiffWave study one after the other, at equal steps of the same network on the same clips.

    python studies/diffwave_study.py CELL...            # those that are not done yet; all: every one
    python studies/diffwave_study.py --seed 1 CELL...   # with other initial weights and noise
    python studies/diffwave_study.py --steps 2000 CELL  # a longer run, kept apart

Each cell is `audiodiff train experiment=ljspeech_diffwave_small` with the overrides below. Its points, one line of
JSON for every validation, go to runs/study/points.jsonl when it is done; a cell that was interrupted goes on from its
last checkpoint. `diffwave_curves.py` draws them.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig
from torch import Tensor

from audiodiff.evaluation.scoring import score
from audiodiff.experiment.best_bundle import write_bundle
from audiodiff.experiment.config import build, compose_config
from audiodiff.experiment.run import fit
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.noise import SampleNoise

STUDY = Path("runs/study")
POINTS = STUDY / "points.jsonl"
STEPS = 1200

SCORES = ("pesq", "log_mel", "mr_stft")

PLAIN = ["objective.whitening=0"]
PAPER = ["prior=isotropic", *PLAIN]
CONTINUOUS = ["grid=uniform", "grid.n_steps=6", "network.n_steps=1000"]
STRAIGHT = ["schedule=straight", *CONTINUOUS]
MEAN = ["prior=nnls_inversion", "features=inversion", "network.sees_mean=true"]
FAST = ["prediction=x0", *STRAIGHT, "objective/distance=l1", "objective.spectral=0.1"]
ROLLOUT = ["prediction=x0", "objective=rollout", "grid.n_steps=4"]
REFINED = ["prediction=x0", "objective=refinement", "grid.n_steps=4", "features=mean", "data.segment=18"]
"""Six of the 18 frames are margins, so that the loss hears twelve as in the other cells."""
WHITE = ["network=whitened_diffwave"]

CELLS: dict[str, list[str]] = {
    # the paper's choices, with the paper's optimizer and with the study's
    "paper": [*PAPER, "optimizer=adam", "optimizer.lr=2.0e-4"],
    "isotropic": PAPER,
    # one choice at a time around the base: envelope prior, eps, DiffWave's 50 betas, L2 of half-whitened errors
    "base": [],
    "energy": ["prior=mel_energy"],
    "inversion": MEAN,
    "v": ["prediction=v"],
    "x0": ["prediction=x0"],
    "zero_snr_v": ["schedule=diffwave_50_zero_snr", "prediction=v", "grid=uniform", "grid.n_steps=6"],
    "cosine_v": ["schedule=cosine", "prediction=v", *CONTINUOUS],
    "straight_velocity": ["prediction=velocity", *STRAIGHT],
    "l1": ["objective/distance=l1"],
    "stft": ["objective.spectral=0.1"],
    "min_snr": ["objective/weight=min_snr"],
    # together
    "envelope_fast": FAST,
    "envelope_velocity": ["prediction=velocity", *STRAIGHT, "objective.spectral=0.1"],
    "inversion_fast": [*FAST, *MEAN],
    "inversion_velocity": ["prediction=velocity", *STRAIGHT, *MEAN, "objective.spectral=0.1"],
    "inversion_rollout": [*STRAIGHT, *MEAN, *ROLLOUT],
    "inversion_refined": [*STRAIGHT, *MEAN, *REFINED],
    # the same where the envelope is flat
    "whitened_v": [*WHITE, "prediction=v"],
    "whitened_rollout": [*WHITE, *STRAIGHT, *MEAN, *ROLLOUT],
    "whitened_refined": [*WHITE, *STRAIGHT, *MEAN, *REFINED],
}


class Points(L.Callback):
    """Vocodes the validation clips with the averaged weights, always from the same noise, and keeps the scores."""

    def __init__(self, config: DictConfig) -> None:
        self.sampler, self.grid = build(config.sampler), build(config.grid)
        self.found: dict[int, dict[str, Any]] = {}
        self.seconds = 0.0
        self.began = 0.0
        self.losses: list[float] = []

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: object, batch_idx: int
    ) -> None:
        """Start the clock of one step."""
        self.began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Stop it; remember the loss."""
        self.seconds += time.perf_counter() - self.began
        self.losses.append(float(trainer.callback_metrics["train/loss"]))

    @torch.no_grad()
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
        model: DiffusionModel = objective.model
        times = self.grid(model.denoiser.schedule)
        wave = model.generate(batch["mel"], sampler=self.sampler, times=times, noise=SampleNoise([0]))
        recorded, generated = (part[0].double().numpy() for part in (batch["wave"], wave))
        values = score("clip", recorded, generated, model.mel.sample_rate, wanted=SCORES).values
        point = self.found.setdefault(trainer.global_step, {"step": trainer.global_step, "scores": []})
        point["scores"].append({name: round(values.get(name, 1.0), 5) for name in SCORES})

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the time that training has taken so far and the mean loss since the last point."""
        point = self.found[max(self.found)]
        recent, self.losses = self.losses, []
        point |= {"seconds": round(self.seconds, 2), "loss": round(sum(recent) / max(1, len(recent)), 5)}
        print(json.dumps(point), flush=True)

    def state_dict(self) -> dict[str, Any]:
        """What an interrupted run has found, for the checkpoint."""
        return {"found": self.found, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.found, self.seconds = state_dict["found"], state_dict["seconds"]


def clips(data: Path) -> Path:
    """Write the manifests of training and validation clips beside the study's runs; where features are kept, too."""
    folder = STUDY / "data"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "valid"):
        rows = [json.loads(line) for line in (data / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
        for row in rows:
            row["path"] = str((data / row["path"]).resolve())
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def composed(cell: str, name: str, folder: Path, seed: int, steps: int) -> DictConfig:
    """The config of one cell."""
    run = STUDY / name
    resume = "last" if (run / "checkpoints/last.ckpt").is_file() else "null"
    common = [
        "experiment=ljspeech_diffwave_small",
        f"name={name}",
        f"seed={seed}",
        f"resume={resume}",
        f"paths.run={run}",
        f"data.folder={folder}",
        f"trainer.max_steps={steps}",
        f"trainer.val_check_interval={max(35, steps // 12)}",
        "+trainer.enable_progress_bar=false",
        "data.valid_clips=2",
        "data.valid_frames=96",
        "data.workers=0",
        "callbacks.ema.decay=0.99",
        "callbacks.best=null",
        "callbacks.preview=null",
        "logger=csv",
    ]
    return compose_config("train", [*common, *CELLS[cell]])


def run_cell(config: DictConfig) -> list[dict[str, Any]]:
    """Train one cell, write its bundle, return its points."""
    points = Points(config)  # behind the others, when the averaged weights are in place
    fit(config, points)
    write_bundle(config, Path(config.paths.run) / "checkpoints/last.ckpt")
    return list(points.found.values())


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
    folder = clips(asked.data)
    torch.set_num_threads(1)
    for cell in CELLS if "all" in asked.cells else asked.cells:
        name = f"{cell}-{asked.seed}" + (f"-{asked.steps}" if asked.steps != STEPS else "")
        if name in done():
            continue
        print(name, flush=True)
        found = run_cell(composed(cell, name, folder, asked.seed, asked.steps))
        lines = [{"run": name, "cell": cell, "seed": asked.seed} | point for point in found]
        with POINTS.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)


if __name__ == "__main__":
    main()
