"""Train lmnt's DiffWave with its own learner and ours beside it: same weights to begin with, same clips, same noise.

    pip install --no-deps diffwave
    python studies/lmnt_training.py --data data/ljspeech --steps 200

lmnt's `train_step` makes every step of theirs; ours is `Simple` with the L1 distance and Adam at 2e-4, on the model
that `audiodiff.convert` makes of their untrained checkpoint. A third run, ours with other noise and times, shows how
much the seed matters. Prints JSON.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from audiodiff.audio import load_audio
from audiodiff.convert import convert
from audiodiff.data import read_manifest
from audiodiff.diffusion import DiscreteBetas, Schedule, l1
from audiodiff.mel import MelSpectrogram
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.noise import SampleNoise
from audiodiff.training.objective import Simple

Batch = tuple[Tensor, Tensor]
"""Waveforms [batch, samples] and their mels in lmnt's convention."""


def learner(folder: Path, **changes: int) -> Any:  # noqa: ANN401 (a package that need not be there)
    """Their learner with an untrained network, whose checkpoint is written to `folder`."""
    from diffwave.learner import DiffWaveLearner  # pyright: ignore[reportMissingImports]
    from diffwave.model import DiffWave  # pyright: ignore[reportMissingImports]
    from diffwave.params import AttrDict, params  # pyright: ignore[reportMissingImports]

    params = AttrDict(dict(params) | changes)
    network = DiffWave(params)
    optimizer = torch.optim.Adam(network.parameters(), lr=params["learning_rate"])
    theirs = DiffWaveLearner(str(folder), network, [], optimizer, params)
    theirs.save_to_checkpoint()
    return theirs


def crops(model: DiffusionModel, paths: list[Path], frames: int, batch_size: int, steps: int) -> Iterator[Batch]:
    """As many batches of random crops as there are steps."""
    front_end, hop = MelSpectrogram(model.mel), model.mel.hop_length
    waves = [load_audio(path, model.mel.sample_rate) for path in paths]
    mels = [front_end(wave[None])[0] for wave in waves]
    chance = torch.Generator().manual_seed(0)
    for _ in range(steps):
        batch = []
        for pick in torch.randint(len(waves), (batch_size,), generator=chance).tolist():
            wave, mel = waves[pick], mels[pick]
            last = len(wave) // hop - frames
            start = int(torch.randint(last + 1, (), generator=chance))
            batch.append((wave[start * hop : (start + frames) * hop], mel[:, start : start + frames]))
        yield torch.stack([wave for wave, _ in batch]), torch.stack([mel for _, mel in batch])


def their_step(theirs: Any, batch: Batch, seed: int) -> float:  # noqa: ANN401
    """One step of their learner."""
    torch.manual_seed(seed)
    return float(theirs.train_step({"audio": batch[0], "spectrogram": batch[1]}))


def our_step(model: DiffusionModel, optimizer: torch.optim.Optimizer, batch: Batch, seed: int) -> float:
    """One step of ours with what theirs would draw: first their times, then the noise."""
    torch.manual_seed(seed)
    schedule = model.denoiser.schedule
    assert isinstance(schedule, DiscreteBetas)
    n_steps = schedule.n_steps
    drawn = (torch.randint(0, n_steps, [len(batch[0])]) + 1).double() / n_steps
    objective = Simple(model=model, distance=l1, times=partial(given, drawn=drawn))
    optimizer.zero_grad()
    loss = objective(*batch)["loss"]
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1e9)
    optimizer.step()
    return float(loss)


def given(schedule: Schedule, n: int, *, drawn: Tensor) -> Tensor:
    """Times that were drawn before."""
    return drawn


def spoken(model: DiffusionModel, sampler: Callable[..., Any], grid: Callable[..., Tensor], mel: Tensor) -> Tensor:
    """What a model makes of a mel, from the noise of seed 0."""
    return model.generate(mel, sampler=sampler, times=grid(model.denoiser.schedule), noise=SampleNoise([0] * len(mel)))


def compare(paths: list[Path], *, steps: int, batch_size: int, frames: int, **changes: int) -> dict[str, Any]:
    """Train all three and say how far apart they are; `changes` are those of lmnt's `params`."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        theirs = learner(Path(scratch), **changes)
        ours, other, start = (convert(Path(scratch)).model.train() for _ in range(3))
        optimizers = [torch.optim.Adam(model.parameters(), lr=2e-4) for model in (ours, other)]
        losses: list[tuple[float, float, float]] = []
        for seed, batch in enumerate(crops(ours, paths, frames, batch_size, steps)):
            their_loss = their_step(theirs, batch, seed)
            our_loss = our_step(ours, optimizers[0], batch, seed)
            losses.append((their_loss, our_loss, our_step(other, optimizers[1], batch, seed + steps)))
        theirs.step = steps
        theirs.save_to_checkpoint()
        converted = convert(Path(scratch))
    bundle = converted.bundle()
    mel = next(crops(ours, paths, frames, 1, 1))[1]
    waves = [spoken(model, bundle.sampler, bundle.grid, mel) for model in (converted.model, ours, other)]
    curve = torch.tensor(losses, dtype=torch.float64)
    tail = curve[-max(1, steps // 4) :].mean(dim=0)
    vectors = [nn.utils.parameters_to_vector(m.parameters()).double() for m in (converted.model, ours, other, start)]
    moved = (vectors[0] - vectors[3]).norm()
    return {
        "steps": steps,
        "first loss": curve[0, 0].item(),
        "mean loss of the last quarter": dict(zip(("lmnt", "ours", "other noise"), tail.tolist(), strict=True)),
        "largest loss difference": (curve[:, 0] - curve[:, 1]).abs().max().item(),
        "parameters, relative to how far they moved": ((vectors[1] - vectors[0]).norm() / moved).item(),
        "parameters with other noise": ((vectors[2] - vectors[0]).norm() / moved).item(),
        "audio, largest difference": (waves[1] - waves[0]).abs().max().item(),
        "audio with other noise": (waves[2] - waves[0]).abs().max().item(),
        "audio, root mean square": waves[0].square().mean().sqrt().item(),
    }


def main() -> None:
    """Read the command line, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/ljspeech"))
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--layers", type=int, default=10)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    paths = [utterance.path for utterance in read_manifest(asked.data / "train.jsonl")[: asked.clips]]
    shape = {"residual_channels": asked.channels, "residual_layers": asked.layers}
    found = compare(paths, steps=asked.steps, batch_size=asked.batch, frames=asked.frames, **shape)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
