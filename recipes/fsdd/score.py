"""Score a generator of spoken digits: how right, how good, how varied, and no copies.

    python recipes/fsdd/score.py --classifier runs/fsdd_classifier.safetensors -o runs/score

The judge is a classifier that no generator was guided by (recipes/fsdd/classifier). Sets are compared with the
training clips, since those are what a generator should sound like; the test clips show what a perfect one reaches.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from audiodiff.data import read_manifest
from audiodiff.data.clips import MemoryDataset, stacked
from audiodiff.evaluation.contact_sheet import contact_sheet
from audiodiff.evaluation.generation import Judged, nearest, score
from audiodiff.generation.generator import DEFAULT_GENERATOR, Generator, Guide
from audiodiff.models.word_classifier import WordClassifier, accuracy, load_classifier
from audiodiff.training.generative import ClipFeatures
from audiodiff.types import Wave


@dataclass(frozen=True)
class Clips:
    """Waveforms, their labels, and numbers that say which clips share both label and speaker."""

    waves: Wave
    labels: Tensor
    groups: Tensor

    def diversity(self, generator: Generator) -> float:
        """The distance in log mels of two clips of the same digit and speaker: root mean square, then the mean."""
        mels = generator.model.front_end(self.waves).flatten(1)
        distances = [torch.pdist(mels[self.groups == group]) for group in self.groups.unique()]
        return torch.cat(distances).mean().item() / mels.shape[1] ** 0.5


@dataclass(frozen=True)
class Heard:
    """A set of clips and what the judge makes of them."""

    name: str
    clips: Clips
    judged: Judged
    accuracy: float
    diversity: float

    @classmethod
    def by(cls, judge: WordClassifier, generator: Generator, name: str, clips: Clips) -> "Heard":
        """Let the judge hear clips."""
        features, log_probabilities = judge.judge(clips.waves)
        judged = Judged(features.double().numpy(), log_probabilities.exp().double().numpy())
        return cls(name, clips, judged, accuracy(log_probabilities, clips.labels), clips.diversity(generator))


def recordings(generator: Generator, folder: Path, split: str) -> Clips:
    """The clips of a split."""
    items = stacked(MemoryDataset(read_manifest(folder / f"{split}.jsonl"), ClipFeatures(model=generator.model)))
    return Clips(items["wave"], items["label"], items["label"] + len(generator.model.labels) * items["speaker"])


def generated(generator: Generator, n: int, seed: int, guidance: float = 1.0, guide: Guide | None = None) -> Clips:
    """`n` clips whose labels and speakers go round evenly."""
    model = generator.model
    groups = [i % (len(model.labels) * len(model.speakers)) for i in range(n)]
    labels, speakers = [g % len(model.labels) for g in groups], [g // len(model.labels) for g in groups]
    parts = [
        generator(
            label=labels[i : i + 100], speaker=speakers[i : i + 100], guidance=guidance, guide=guide, seed=seed + i
        )
        for i in range(0, n, 100)
    ]
    return Clips(torch.cat(parts), torch.tensor(labels), torch.tensor(groups))


def row(heard: Heard, real: Heard) -> str:
    """A line of the table."""
    scores = asdict(score(heard.judged, real.judged)).values()
    cells = [
        heard.name,
        f"{100 * heard.accuracy:.1f} %",
        *(f"{value:.3f}" for value in scores),
        f"{heard.diversity:.3f}",
    ]
    return "| " + " | ".join(cells) + " |"


def mel_distances(generator: Generator, waves: Wave, train: Wave) -> tuple[Tensor, Tensor]:
    """The distance in log mels of every clip to its nearest training clip, per value, and which one that is."""
    ours, theirs = (generator.model.front_end(x).flatten(1).double().numpy() for x in (waves, train))
    distance, index = nearest(ours, theirs)
    return torch.from_numpy(distance / ours.shape[1] ** 0.5), torch.from_numpy(index)


def sweep_plot(points: Sequence[tuple[float, float, float]], out: Path, real: float) -> None:
    """Accuracy against diversity, one point (guidance, diversity, accuracy) each."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 3), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.plot([p[1] for p in points], [100 * p[2] for p in points], marker="o", color="#31688e")
    for guidance, diversity, right in points:
        axes.annotate(f"{guidance:g}", (diversity, 100 * right), textcoords="offset points", xytext=(4, 4), fontsize=8)
    axes.axvline(real, color="grey", linestyle=":", label="test recordings")
    axes.set_xlabel("distance of two clips of one digit and speaker (log mel)")
    axes.set_ylabel("accuracy, %")
    axes.legend(fontsize=7)
    figure.savefig(out)


def main() -> None:
    """Print the tables, save the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_GENERATOR)
    parser.add_argument("--classifier", type=Path, default=Path("runs/fsdd_classifier.safetensors"))
    parser.add_argument("--data", type=Path, default=Path("data/fsdd"))
    parser.add_argument("--guidance", type=float, nargs="+", default=[0, 1, 1.5, 2, 3, 5])
    parser.add_argument("--guide", type=Path, help="a classifier trained with --noisy")
    parser.add_argument("--guide-scale", type=float, nargs="+", default=[1, 10])
    parser.add_argument("-n", type=int, default=600, help="clips for each guidance")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", "-o", type=Path, default=Path("runs/score"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    generator, judge = Generator.from_pretrained(arguments.model), load_classifier(arguments.classifier)
    model = generator.model

    def heard_as(name: str, clips: Clips) -> Heard:
        return Heard.by(judge, generator, name, clips)

    train = heard_as("training recordings", recordings(generator, arguments.data, "train"))
    test = heard_as("test recordings", recordings(generator, arguments.data, "test"))
    waves = test.clips.waves
    resounded = replace(test.clips, waves=model.decode(model.encode(waves)))
    noise = replace(test.clips, waves=waves.std() * torch.randn_like(waves))
    print("| | accuracy | FID | IS | mIS | AM | NDB/K | JS | diversity |\n|---|---|---|---|---|---|---|---|---|")
    for heard in (test, heard_as("test, mel and back", resounded), heard_as("white noise", noise)):
        print(row(heard, train), flush=True)
    points = []
    for guidance in arguments.guidance:
        heard = heard_as(f"guidance {guidance:g}", generated(generator, arguments.n, arguments.seed, guidance))
        print(row(heard, train), flush=True)
        points.append((guidance, heard.diversity, heard.accuracy))
        if guidance == 2:
            copies(generator, heard, test, train, arguments.out)
    if arguments.guide is not None:
        for scale in arguments.guide_scale:
            guide = Guide(load_classifier(arguments.guide), scale)
            clips = generated(generator, arguments.n, arguments.seed, guide=guide)
            print(row(heard_as(f"classifier {scale:g}", clips), train), flush=True)
    sweep_plot([point for point in points if point[0] > 0], arguments.out / "sweep.png", test.diversity)


def copies(generator: Generator, heard: Heard, test: Heard, train: Heard, out: Path) -> None:
    """The distance to the nearest training clip, and a picture of the nearest pairs of all."""
    distances, index = mel_distances(generator, heard.clips.waves, train.clips.waves)
    theirs, _ = mel_distances(generator, test.clips.waves, train.clips.waves)
    for name, d in ((heard.name, distances), (test.name, theirs)):
        least, low, median = d.quantile(torch.tensor([0.0, 0.05, 0.5], dtype=d.dtype)).tolist()
        print(f"nearest training clip of {name}: least {least:.3f}, 5 % {low:.3f}, median {median:.3f}")
    closest = distances.argsort()[:8]
    pairs = torch.cat([heard.clips.waves[closest], train.clips.waves[index[closest]]])
    titles = [f"generated, {distances[i]:.2f}" for i in closest] + ["nearest recording"] * len(closest)
    contact_sheet(pairs, generator.sample_rate, titles).savefig(out / "nearest.png")


if __name__ == "__main__":
    main()
