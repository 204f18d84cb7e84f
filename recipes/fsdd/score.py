"""Score a generator of spoken digits: how right, how good, how varied, and no copies.

    python recipes/fsdd/score.py --classifier runs/fsdd_classifier.safetensors -o runs/score

The judge is a classifier that no generator was guided by (recipes/fsdd/classifier). Sets are compared with the
training clips, since those are what a generator should sound like; the test clips show what a perfect one reaches.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from audiodiff.data import read_manifest
from audiodiff.data.clips import MemoryDataset, stacked
from audiodiff.evaluation.classifier import WordClassifier, accuracy, load_classifier
from audiodiff.evaluation.contact_sheet import contact_sheet
from audiodiff.evaluation.generation import Judged, nearest, score
from audiodiff.generator import DEFAULT, Generator, Guide
from audiodiff.training.generative import ClipFeatures
from audiodiff.types import Wave


@dataclass(frozen=True)
class Heard:
    """A set of clips, the labels that they should have, and what the judge makes of them."""

    name: str
    waves: Wave
    labels: Tensor
    judged: Judged
    log_probabilities: Tensor

    @classmethod
    def by(cls, judge: WordClassifier, name: str, waves: Wave, labels: Tensor) -> "Heard":
        """Let the judge hear clips."""
        features, log_probabilities = judge.judge(waves)
        judged = Judged(features.double().numpy(), log_probabilities.exp().double().numpy())
        return cls(name, waves, labels, judged, log_probabilities)

    @property
    def diversity(self) -> float:
        """The mean distance between two clips of the same label, in the judge's features."""
        features = torch.from_numpy(self.judged.features)
        distances = []
        for label in self.labels.unique():
            same = features[self.labels == label]
            distances.append(torch.pdist(same).mean())
        return torch.stack(distances).mean().item()


def recordings(generator: Generator, folder: Path, split: str) -> tuple[Wave, Tensor]:
    """The clips and the labels of a split."""
    items = stacked(MemoryDataset(read_manifest(folder / f"{split}.jsonl"), ClipFeatures(model=generator.model)))
    return items["wave"], items["label"]


def generated(
    generator: Generator, n: int, seed: int, guidance: float = 1.0, guide: Guide | None = None
) -> tuple[Wave, Tensor]:
    """`n` clips whose labels and speakers go round evenly."""
    model = generator.model
    labels = [i % len(model.labels) for i in range(n)]
    speakers = [i // len(model.labels) % len(model.speakers) for i in range(n)]
    parts = [
        generator(
            label=labels[i : i + 100], speaker=speakers[i : i + 100], guidance=guidance, guide=guide, seed=seed + i
        )
        for i in range(0, n, 100)
    ]
    return torch.cat(parts), torch.tensor(labels)


def row(heard: Heard, real: Heard) -> str:
    """A line of the table."""
    scores = asdict(score(heard.judged, real.judged)).values()
    right = accuracy(heard.log_probabilities, heard.labels)
    cells = [heard.name, f"{100 * right:.1f} %", *(f"{value:.3f}" for value in scores), f"{heard.diversity:.2f}"]
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
    axes.set_xlabel("diversity within a digit (judge's features)")
    axes.set_ylabel("accuracy, %")
    axes.legend(fontsize=7)
    figure.savefig(out)


def main() -> None:
    """Print the tables, save the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT)
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
    train, test = (
        Heard.by(judge, name, *recordings(generator, arguments.data, split))
        for name, split in (("training recordings", "train"), ("test recordings", "test"))
    )
    noise = Heard.by(judge, "white noise", test.waves.std() * torch.randn_like(test.waves), test.labels)
    model = generator.model
    resounded = Heard.by(judge, "test, mel and back", model.decode(model.encode(test.waves)), test.labels)
    print("| | accuracy | FID | IS | mIS | AM | NDB/K | JS | diversity |\n|---|---|---|---|---|---|---|---|---|")
    for heard in (test, resounded, noise):
        print(row(heard, train), flush=True)
    points = []
    for guidance in arguments.guidance:
        heard = Heard.by(judge, f"guidance {guidance:g}", *generated(generator, arguments.n, arguments.seed, guidance))
        print(row(heard, train), flush=True)
        points.append((guidance, heard.diversity, accuracy(heard.log_probabilities, heard.labels)))
        if guidance == 2:
            copies(generator, heard, test, train, arguments.out)
    if arguments.guide is not None:
        for scale in arguments.guide_scale:
            guide = Guide(load_classifier(arguments.guide), scale)
            clips = generated(generator, arguments.n, arguments.seed, guide=guide)
            print(row(Heard.by(judge, f"classifier {scale:g}", *clips), train), flush=True)
    sweep_plot([point for point in points if point[0] > 0], arguments.out / "sweep.png", test.diversity)


def copies(generator: Generator, heard: Heard, test: Heard, train: Heard, out: Path) -> None:
    """How near the nearest training clip is, and a picture of the nearest pairs of all."""
    distances, index = mel_distances(generator, heard.waves, train.waves)
    theirs, _ = mel_distances(generator, test.waves, train.waves)
    for name, d in ((heard.name, distances), (test.name, theirs)):
        least, low, median = d.quantile(torch.tensor([0.0, 0.05, 0.5], dtype=d.dtype)).tolist()
        print(f"nearest training clip of {name}: least {least:.3f}, 5 % {low:.3f}, median {median:.3f}")
    closest = distances.argsort()[:8]
    pairs = torch.cat([heard.waves[closest], train.waves[index[closest]]])
    titles = [f"generated, {distances[i]:.2f}" for i in closest] + ["nearest recording"] * len(closest)
    contact_sheet(pairs, generator.sample_rate, titles).savefig(out / "nearest.png")


if __name__ == "__main__":
    main()
