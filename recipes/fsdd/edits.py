"""Measure what a generator's edits do to test recordings, against doing nothing.

    python recipes/fsdd/edits.py --classifier runs/fsdd_classifier.safetensors -o runs/edits

Nothing was trained for any of them. Accuracy is the judge's; log-mel is the mean distance to the clean recording, in
nepers and only where the edit is about; SI-SDR is in dB.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from audiodiff.data import read_manifest
from audiodiff.data.clips import MemoryDataset, stacked
from audiodiff.evaluation.contact_sheet import contact_sheet
from audiodiff.evaluation.spectral import si_sdr
from audiodiff.generation.editing import UNCONDITIONAL, Editor, crossed_over
from audiodiff.generation.generator import DEFAULT_GENERATOR, Generator
from audiodiff.generation.requests import ConditionRequest
from audiodiff.mel.compression import per_band
from audiodiff.mel.filterbank import mel_filterbank
from audiodiff.models.word_classifier import WordClassifier, accuracy, load_classifier
from audiodiff.training.generative import ClipFeatures
from audiodiff.types import Wave

GAP = (1920, 2880)
"""120 ms in the middle of a clip of 600 ms, in samples."""
CUTOFF = 1000
"""Hertz; a muffled recording has nothing above."""


@dataclass(frozen=True)
class Bench:
    """Clean test clips, what they say, and who judges."""

    generator: Generator
    judge: WordClassifier
    clean: Wave
    labels: Tensor
    steps: int = 50

    @classmethod
    def of(cls, generator: Generator, judge: WordClassifier, folder: Path, every: int, steps: int) -> "Bench":
        """Every so-manieth recording of the test split."""
        utterances = read_manifest(folder / "test.jsonl")[::every]
        items = stacked(MemoryDataset(utterances, ClipFeatures(model=generator.model)))
        return cls(generator, judge, items["wave"], items["label"], steps)

    def editor(self, request: ConditionRequest = UNCONDITIONAL) -> Editor:
        """An editor that is told nothing, or something."""
        return Editor(generator=self.generator, request=request, n_steps=self.steps)

    def masks(self) -> tuple[Tensor, Tensor]:
        """Masks of the values of a mel [n_mels, frames] in the gap, and in bands that extend above the cutoff."""
        spec = self.generator.model.mel
        starts = torch.arange(self.clean.shape[1] // spec.hop_length) * spec.hop_length
        inside = (starts >= GAP[0]) & (starts < GAP[1])
        frequencies = torch.linspace(0, spec.sample_rate / 2, spec.n_fft // 2 + 1)
        above = mel_filterbank(spec)[:, frequencies > CUTOFF].sum(dim=1) > 0
        return inside.expand(spec.n_mels, -1), above.unsqueeze(1).expand(-1, len(starts))

    def row(self, name: str, waves: Wave, where: Tensor | None = None) -> str:
        """A line of the table; `where` is a mask [n_mels, frames] of what log-mel looks at."""
        model = self.generator.model
        difference = (model.front_end(waves) - model.front_end(self.clean)).abs() * per_band(model.mel.scale)
        log_mel = difference.mean() if where is None else difference[:, where].mean()
        pairs = zip(self.clean.double().numpy(), waves.double().numpy(), strict=True)
        ratio = sum(si_sdr(reference, edited) for reference, edited in pairs) / len(waves)
        right = accuracy(self.judge.judge(waves)[1], self.labels)
        return f"| {name} | {100 * right:.1f} % | {log_mel:.3f} | {ratio:.1f} |"


def denoising(bench: Bench, snr: float, start: float) -> dict[str, Wave]:
    """White noise at an SNR in dB over the whole clip."""
    torch.manual_seed(0)
    noise = torch.randn_like(bench.clean)
    level = bench.clean.square().mean(dim=1, keepdim=True).sqrt() * 10 ** (-snr / 20)
    noisy = bench.clean + level * noise
    known = ConditionRequest(label=bench.labels.tolist(), draw=False)
    return {
        f"noise at {snr:g} dB, nothing done": noisy,
        "denoised": bench.editor().denoise(noisy, start=start),
        "denoised, digit told": bench.editor(known).denoise(noisy, start=start),
    }


def inpainting(bench: Bench) -> dict[str, Wave]:
    """A gap of silence in the middle."""
    gapped = bench.clean.clone()
    gapped[:, slice(*GAP)] = 0
    known = ConditionRequest(label=bench.labels.tolist(), draw=False)
    return {
        "gap of 120 ms, nothing done": gapped,
        "inpainted": bench.editor().inpaint(gapped, begin=GAP[0], end=GAP[1]),
        "inpainted, digit told": bench.editor(known).inpaint(gapped, begin=GAP[0], end=GAP[1]),
    }


def extension(bench: Bench) -> dict[str, Wave]:
    """Nothing above the cutoff."""
    muffled = crossed_over(bench.clean, torch.zeros_like(bench.clean), CUTOFF / bench.generator.sample_rate)
    known = ConditionRequest(label=bench.labels.tolist(), draw=False)
    return {
        "nothing above 1 kHz, nothing done": muffled,
        "extended": bench.editor().extend_band(muffled, cutoff=CUTOFF),
        "extended, digit told": bench.editor(known).extend_band(muffled, cutoff=CUTOFF),
    }


def interpolation(bench: Bench) -> list[str]:
    """Half-way between two recordings of the same digit by different speakers: does it still say the digit?"""
    order = bench.labels.argsort(stable=True)
    first, second = order[:-1], order[1:]
    same = bench.labels[first] == bench.labels[second]
    first, second = first[same], second[same]
    ends = bench.clean[first], bench.clean[second]
    halves = {
        "mean of two waveforms": torch.lerp(*ends, 0.5),
        "half-way in the latent": bench.editor().interpolate(*ends, [0.5])[0],
    }
    rows = []
    for name, waves in halves.items():
        log_probabilities = bench.judge.judge(waves)[1]
        sure = log_probabilities.gather(1, bench.labels[first].unsqueeze(1)).exp().mean().item()
        rows.append(f"| {name} | {100 * accuracy(log_probabilities, bench.labels[first]):.1f} % | {sure:.3f} |")
    return rows


def main() -> None:
    """Print the tables, save a picture of each edit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_GENERATOR)
    parser.add_argument("--classifier", type=Path, default=Path("runs/fsdd_classifier.safetensors"))
    parser.add_argument("--data", type=Path, default=Path("data/fsdd"))
    parser.add_argument("--every", type=int, default=3, help="take every third test clip")
    parser.add_argument("--steps", type=int, default=50, help="of a run from pure noise")
    parser.add_argument("--start", type=float, default=0.9, help="how far denoising goes")
    parser.add_argument("--out", "-o", type=Path, default=Path("runs/edits"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    generator, judge = Generator.from_pretrained(arguments.model), load_classifier(arguments.classifier)
    bench = Bench.of(generator, judge, arguments.data, arguments.every, arguments.steps)
    inside, above = bench.masks()
    print(f"{len(bench.labels)} test clips\n\n| | accuracy | log-mel | SI-SDR |\n|---|---|---|---|")
    print(bench.row("clean", bench.clean), flush=True)
    edits = {f"denoise{snr:g}": (denoising(bench, snr, arguments.start), None) for snr in (10.0, 0.0)}
    edits |= {"inpaint": (inpainting(bench), inside), "extend": (extension(bench), above)}
    for file, (results, where) in edits.items():
        shown = [bench.clean[:6], *(waves[:6] for waves in results.values())]
        titles = [name for name in ("clean", *results) for _ in range(6)]
        contact_sheet(torch.cat(shown), generator.sample_rate, titles, columns=6).savefig(arguments.out / f"{file}.png")
        for name, waves in results.items():
            print(bench.row(name, waves, where), flush=True)
    print("\n| half-way between two recordings of a digit | accuracy | p(digit) |\n|---|---|---|")
    print("\n".join(interpolation(bench)))


if __name__ == "__main__":
    main()
