"""What is scored in DIFFWAVE.md beside `audiodiff evaluate`: short clips, and a prior's mean without any diffusion.

python studies/diffwave_scores.py cut data/ljspeech/test.jsonl runs/clips --seconds 3 --limit 4
python studies/diffwave_scores.py mean MODEL runs/clips runs/means
python studies/diffwave_scores.py samplers MODEL data/ljspeech/test.jsonl --only ddim --limit 16 --frames 258
python studies/diffwave_scores.py rtf MODEL data/ljspeech/test.jsonl --threads 2   # nothing beside it
audiodiff evaluate runs/means runs/clips -o runs/report
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import torch
from diffwave_study import SCORES
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from audiodiff import Vocoder
from audiodiff.audio import load_audio, save_audio
from audiodiff.conditioning import Conditioning
from audiodiff.errors import ConfigError
from audiodiff.evaluation.pairs import recordings_in
from audiodiff.evaluation.scoring import score
from audiodiff.experiment.config import build, config_dir
from audiodiff.mel import MelSpectrogram
from audiodiff.models.diffusion_model import Prior
from audiodiff.noise import SampleNoise


def cut(data: Path, target: Path, seconds: float, limit: int | None) -> None:
    """Write the beginnings of the first recordings as 16-bit wav files."""
    for name, path in list(recordings_in(data).items())[:limit]:
        wave = load_audio(path, 22050)
        save_audio(target / f"{name}.wav", wave[: round(22050 * seconds)], 22050)


@torch.no_grad()
def speak_means(model: str, data: Path, target: Path) -> None:
    """Write the mean of the model's prior for the mel of every recording."""
    vocoder = Vocoder.from_pretrained(model)
    front_end = MelSpectrogram(vocoder.mel_spec)
    for name, path in recordings_in(data).items():
        wave = load_audio(path, vocoder.sample_rate)
        mel = front_end(wave[None])[..., : len(wave) // vocoder.mel_spec.hop_length]
        save_audio(target / f"{name}.wav", vocoder.model.prior.condition(mel).need_mean()[0], vocoder.sample_rate)


@torch.no_grad()
def score_samplers(
    model: str, data: Path, counts: list[int], limit: int, frames: int, only: list[str] | None = None
) -> None:
    """Print log-mel, MR-STFT and PESQ of every configured sampler on even steps, over the first clips' first frames.

    The number of steps that the model has a grid of its own for takes that.
    """
    vocoder = Vocoder.from_pretrained(model)
    diffusion, front_end = vocoder.model, MelSpectrogram(vocoder.mel_spec)
    denoiser, prior = diffusion.denoiser, diffusion.prior
    waves = [load_audio(path, vocoder.sample_rate) for path in list(recordings_in(data).values())[:limit]]
    hop = vocoder.mel_spec.hop_length
    waves = [wave[None, : min(frames, len(wave) // hop) * hop] for wave in waves]
    conds = [prior.condition(front_end(wave)[..., : wave.shape[-1] // hop]) for wave in waves]
    for path in sorted((config_dir() / "sampler").glob("*.yaml")):
        if only and path.stem not in only:
            continue
        sampler = build(DictConfig(OmegaConf.load(path)))
        for count in counts:
            times = vocoder.times(count)
            found = []
            for wave, cond in zip(waves, conds, strict=True):
                shaped = Shaped(prior, cond, SampleNoise([0]))
                x = diffusion.start_scale(times) * shaped(wave)
                try:
                    *_, state = sampler(denoiser.bind(cond), denoiser.schedule, x, times, shaped)
                except ConfigError as error:  # restart needs times to go back to
                    print(path.stem, count, error, flush=True)
                    break
                recorded, generated = (part[0].double().numpy() for part in (wave, vocoder.model.waves(state, cond)))
                found.append(score("clip", recorded, generated, vocoder.sample_rate, wanted=SCORES).values)
            if not found:
                continue
            means = (f"{name} {fmean(values[name] for values in found):.3f}" for name in SCORES)
            print(path.stem, count, *means, flush=True)


def time_steps(model: str, data: Path, counts: list[int]) -> None:
    """Print the real-time factor of the first recording, the median of five laps with every number of steps in turn."""
    vocoder = Vocoder.from_pretrained(model)
    wave = load_audio(next(iter(recordings_in(data).values())), vocoder.sample_rate)
    mel = MelSpectrogram(vocoder.mel_spec)(wave[None])[0]
    laps: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(6):
        for count in counts:
            began = time.perf_counter()
            vocoder(mel, n_steps=count, spec=vocoder.mel_spec)
            laps[count].append((time.perf_counter() - began) / (len(wave) / vocoder.sample_rate))
    for count, found in laps.items():
        print(count, f"{median(found[1:]):.3f}", flush=True)


@dataclass(frozen=True)
class Shaped:
    """White noise in the shape of a prior."""

    prior: Prior
    cond: Conditioning
    noise: SampleNoise

    def __call__(self, like: Tensor) -> Tensor:
        """Draw, and shape."""
        return self.prior.shape(self.noise(like), self.cond)


def main() -> None:
    """Read the command line and do one of the four."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("cut", "mean", "samplers", "rtf"):
        command = commands.add_parser(name)
        if name != "cut":
            command.add_argument("model")
        command.add_argument("data", type=Path)
        if name in ("cut", "mean"):
            command.add_argument("target", type=Path)
        else:
            command.add_argument("--steps", type=int, nargs="+", default=[1, 2, 4, 6, 12, 25, 50])
    commands.choices["rtf"].add_argument("--threads", type=int, default=2)
    commands.choices["samplers"].add_argument("--only", nargs="+")
    commands.choices["samplers"].add_argument("--limit", type=int, default=2)
    commands.choices["samplers"].add_argument("--frames", type=int, default=96)
    commands.choices["cut"].add_argument("--seconds", type=float, default=3.0)
    commands.choices["cut"].add_argument("--limit", type=int)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.command == "samplers":
        return score_samplers(asked.model, asked.data, asked.steps, asked.limit, asked.frames, asked.only)
    if asked.command == "rtf":
        torch.set_num_threads(asked.threads)
        return time_steps(asked.model, asked.data, asked.steps)
    asked.target.mkdir(parents=True, exist_ok=True)
    if asked.command == "cut":
        cut(asked.data, asked.target, asked.seconds, asked.limit)
    else:
        speak_means(asked.model, asked.data, asked.target)
    return None


if __name__ == "__main__":
    main()
