"""Train a classifier of spoken digits on the clips that a generator learns from.

    python recipes/fsdd/classifier/train.py                       # the judge: runs/fsdd_classifier.safetensors
    python recipes/fsdd/classifier/train.py --noisy --out FILE    # a guide, which has also heard noisy mels

It reads the manifests of recipes/fsdd/prepare.py and prints the accuracy on the test split.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from audiodiff.data import read_manifest
from audiodiff.data.clips import MemoryDataset, stacked
from audiodiff.diffusion import StraightPath, diffuse, uniform_times
from audiodiff.experiment.config import build, compose_config
from audiodiff.models.generative_model import GenerativeModel
from audiodiff.models.word_classifier import WordClassifier, accuracy, save_classifier
from audiodiff.training.generative import ClipFeatures

BATCH = 64
SHIFT = 8
"""Frames by which training clips are moved to either side."""


def load_split(model: GenerativeModel, folder: Path, split: str) -> tuple[Tensor, Tensor]:
    """The waveforms [clips, length] of a split and their labels [clips]."""
    items = stacked(MemoryDataset(read_manifest(folder / f"{split}.jsonl"), ClipFeatures(model=model)))
    return items["wave"], items["label"]


def augmented(mel: Tensor, lowest: float, *, noisy: bool) -> Tensor:
    """Mels shifted in time; with `noisy` each as a state of the straight path at a time of its own."""
    mel = mel.roll(int(torch.randint(-SHIFT, SHIFT + 1, ())), dims=-1)
    mel = mel + 0.1 * torch.randn(len(mel), 1, 1)
    if not noisy:
        return mel
    t = uniform_times(StraightPath(), len(mel)).to(mel)
    return diffuse(mel, torch.randn_like(mel), t, StraightPath()).clamp_min(lowest)


def train(classifier: WordClassifier, mels: Tensor, labels: Tensor, *, epochs: int, noisy: bool) -> None:
    """Fit with AdamW and one cycle of the learning rate."""
    optimizer = torch.optim.AdamW(classifier.parameters(), weight_decay=0.01)
    steps = epochs * (len(mels) // BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    classifier.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(mels))[: len(mels) // BATCH * BATCH].split(BATCH):
            logits = classifier.of_mel(augmented(mels[batch], mels.amin().item(), noisy=noisy))
            loss = F.cross_entropy(logits, labels[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
    classifier.eval()


def main() -> None:
    """Train, test, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/fsdd"), help="the folder of the manifests")
    parser.add_argument("--experiment", default="fsdd_digits", help="the generator whose clips these are")
    parser.add_argument("--out", type=Path, default=Path("runs/fsdd_classifier.safetensors"))
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--noisy", action="store_true", help="train a guide")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    model = build(compose_config("train", [f"experiment={arguments.experiment}"]).model)
    classifier = WordClassifier(mel=model.mel, labels=model.labels)
    waves, labels = load_split(model, arguments.data, "train")
    train(classifier, classifier.mel(waves), labels, epochs=arguments.epochs, noisy=arguments.noisy)
    for split in ("valid", "test"):
        waves, labels = load_split(model, arguments.data, split)
        print(f"{split}: {accuracy(classifier.judge(waves)[1], labels):.4f} of {len(labels)} clips", flush=True)
    save_classifier(arguments.out, classifier)


if __name__ == "__main__":
    main()
