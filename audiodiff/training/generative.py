"""Training of generators: clips of one length, the ids of what they hold, and the objective over them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from audiodiff.audio.clip import word_clip
from audiodiff.conditioning import Conditioning, Embedding, Label
from audiodiff.data import Utterance
from audiodiff.diffusion import diffuse, l2, simple_weight, uniform_times
from audiodiff.errors import ConfigError, InputError
from audiodiff.models.generative_model import GenerativeModel
from audiodiff.training.noising import DrawTimes, balanced
from audiodiff.training.objective import Distance, Losses, Weight
from audiodiff.types import Hertz, Wave

_Embed = Callable[[Wave, Hertz], Embedding]


class ClipFeatures:
    """The clip of a recording as `model` generates it, and the ids of its text and its speaker.

    A model without labels, or without speakers, gets no such id. One of embeddings needs `embed`, which maps
    (waves [batch, samples], sample_rate) to [batch, embedding_size], such as `audiodiff.integrations.clap`'s.
    """

    def __init__(self, *, model: GenerativeModel, embed: _Embed | None = None) -> None:
        if not isinstance(model, GenerativeModel):
            raise ConfigError(f"features=clips are for a GenerativeModel, got {type(model).__name__}: leave them out")
        if (embed is not None) != bool(model.embedding_size):
            raise ConfigError(
                f"a model with embedding_size {model.embedding_size} "
                + ("has no use for embed: leave it out" if embed else "needs embed: say what makes the embeddings")
            )
        self.sample_rate = model.mel.sample_rate
        self.length = model.length
        self.level = model.level
        self.labels = model.labels
        self.speakers = model.speakers
        self.embed = embed

    def __call__(self, wave: Tensor, utterance: Utterance) -> dict[str, Tensor]:
        """Map a [samples] waveform and what the manifest says of it to `wave` [length] and what the model is told."""
        tensors = {"wave": word_clip(wave, length=self.length, level=self.level)}
        if self.labels:
            tensors["label"] = _id(utterance.text, self.labels, utterance)
        if self.speakers:
            tensors["speaker"] = _id(utterance.speaker, self.speakers, utterance)
        if self.embed is not None:
            tensors["embedding"] = self.embed(tensors["wave"].unsqueeze(0), self.sample_rate)[0]
        return tensors


class Generative(nn.Module):
    """The weighted distance between the network's output and its target, the condition dropped now and then."""

    def __init__(
        self,
        *,
        model: GenerativeModel,
        distance: Distance = l2,
        weight: Weight = simple_weight,
        times: DrawTimes = uniform_times,
    ) -> None:
        super().__init__()
        self.model = model
        model.requires_grad_(False).denoiser.requires_grad_(True)
        self.distance = distance
        self.weight = weight
        self.times = times

    def forward(
        self, wave: Wave, label: Label | None = None, speaker: Label | None = None, embedding: Embedding | None = None
    ) -> Losses:
        """`wave` is [batch, length]; each of the others is there if the model has it."""
        denoiser = self.model.denoiser
        cond = Conditioning(label=label, speaker=speaker, embedding=embedding).dropped(self.model.p_uncond)
        x_0 = self.model.encode(wave)
        eps = torch.randn_like(x_0)
        t = self.times(denoiser.schedule, len(wave)).to(wave, non_blocking=True)
        output = denoiser.output(diffuse(x_0, eps, t, denoiser.schedule), t, cond)
        target = denoiser.prediction.target(x_0, eps, t, denoiser.schedule)
        losses = self.weight(denoiser.schedule, denoiser.prediction, t) * self.distance(output, target)
        return {"loss": balanced(losses, t, self.times)}


def _id(name: str | None, names: Sequence[str], utterance: Utterance) -> Tensor:
    if name not in names:
        raise InputError(f"{utterance.id} is of {name!r}, the model knows {', '.join(names)}: leave it out or add it")
    return torch.tensor(names.index(name))
