"""A small classifier of spoken words: the judge of generators, and their guide."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.errors import AudiodiffError, InputError
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel, Wave

Logits = Float[Tensor, "batch labels"]
_Features = Float[Tensor, "batch features"]


class WordClassifier(nn.Module):
    """Three blocks of 2-D convolution and pooling over a log mel, the mean over time, two pointwise layers.

    Batch normalization keeps moments of the training data, so an item's answer does not depend on its batch.
    """

    def __init__(
        self,
        *,
        mel: MelSpec,
        labels: Sequence[str],
        channels: Sequence[int] = (24, 48, 64),
        features: int = 64,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.labels = tuple(labels)
        self.settings = {"mel": mel.to_dict(), "labels": list(labels), "channels": list(channels), "features": features}
        self.mel = MelSpectrogram(mel)
        self.blocks = nn.ModuleList(_block(*pair) for pair in zip((1, *channels), channels, strict=False))
        self.pointwise = nn.Linear(channels[-1] * (mel.n_mels // 2 ** len(channels)), features)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(features, len(labels))

    def forward(self, wave: Wave) -> Logits:
        """Unnormalized log probabilities of the labels."""
        return self.of_mel(self.mel(wave))

    def of_mel(self, mel: Mel) -> Logits:
        """The same of mels."""
        return self.output(self.features(mel))

    def features(self, mel: Mel) -> _Features:
        """The last hidden layer, on which distances between sets of clips are measured."""
        h = F.layer_norm(mel, mel.shape[1:]).unsqueeze(1)  # each clip by itself: deaf to loudness
        for block in self.blocks:
            h = block(h)
        return F.relu(self.pointwise(self.dropout(h.mean(dim=-1).flatten(1))))

    @torch.no_grad()
    def judge(self, waves: Wave, batch: int = 256) -> tuple[_Features, Logits]:
        """The features and the log probabilities of many clips."""
        self.eval()
        features = torch.cat([self.features(self.mel(part)) for part in waves.split(batch)])
        return features, self.output(features).log_softmax(dim=-1)


def save_classifier(path: Path, classifier: WordClassifier) -> None:
    """Write the weights in half precision, with the settings in the header."""
    weights = {name: x.half() if x.is_floating_point() else x for name, x in classifier.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path, metadata={"classifier": json.dumps(classifier.settings)})


def load_classifier(path: str | os.PathLike[str]) -> WordClassifier:
    """Read a classifier of `save_classifier`; raises `InputError` for a file that is none."""
    try:
        with safe_open(path, framework="pt") as file:
            settings = json.loads((file.metadata() or {})["classifier"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        classifier = WordClassifier(**settings | {"mel": MelSpec.from_dict(settings["mel"])})
        classifier.load_state_dict({name: x.float() if x.is_floating_point() else x for name, x in weights.items()})
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError, AudiodiffError) as error:
        raise InputError(f"{path} is not a classifier ({error}): train one with recipes/fsdd/classifier") from error
    return classifier.eval()


def accuracy(log_probabilities: Logits, labels: Int[Tensor, " batch"]) -> float:
    """The share of clips whose likeliest label is theirs."""
    return (log_probabilities.argmax(dim=-1) == labels).float().mean().item()


def _block(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2))
