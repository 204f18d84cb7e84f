"""The public way to make sound from nothing but a label, a speaker or an embedding."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from audiodiff.bundle.format import Bundle, load_bundle
from audiodiff.bundle.location import bundle_folder
from audiodiff.conditioning import Conditioning
from audiodiff.defaults import on_processor
from audiodiff.diffusion import Denoise, classifier, classifier_free
from audiodiff.errors import BundleError, ConfigError
from audiodiff.generation.requests import Choice, ConditionRequest, chosen, embeddings, how_many
from audiodiff.models.generative_model import GenerativeModel
from audiodiff.models.word_classifier import WordClassifier
from audiodiff.noise import SampleNoise
from audiodiff.types import Hertz, Time, Wave

DEFAULT_GENERATOR = "fsdd-digits"


@dataclass(frozen=True)
class Guide:
    """A classifier that was trained on noisy states, and how much its gradient counts (Dhariwal & Nichol 2021)."""

    classifier: WordClassifier
    scale: float = 1.0


class Generator:
    """A trained generator: call it, get clips.

    >>> generator = Generator.from_pretrained()
    >>> waves = generator(label=7, n=16, guidance=2.0)  # [16, generator.model.length] at generator.sample_rate
    """

    def __init__(self, bundle: Bundle) -> None:
        if not isinstance(bundle.model, GenerativeModel):
            raise BundleError(f"{bundle.name} is a vocoder, it needs mels: use Vocoder, or `audiodiff vocode`")
        self.name = bundle.name
        self.model = bundle.model.requires_grad_(False)
        self.sampler, self.times, self._bundle = bundle.sampler_named, bundle.times, bundle

    @classmethod
    def from_pretrained(
        cls, model: str | os.PathLike[str] = DEFAULT_GENERATOR, *, device: torch.device | str = "cpu"
    ) -> "Generator":
        """Load a generator's bundle by its folder, or by name one that ships with audiodiff.

        Raises `BundleError` for a model that is not there, damaged or a vocoder, `ConfigError` for an unknown device.
        """
        generator = cls(load_bundle(bundle_folder(model)))
        try:
            generator.model.to(device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(f"cannot use device {str(device)!r}: {error}") from error
        return generator

    @property
    def sample_rate(self) -> Hertz:
        """Of the clips, in hertz."""
        return self.model.mel.sample_rate

    @property
    def n_steps(self) -> int:
        """Number of steps that the sampler takes unless the caller says otherwise."""
        return self._bundle.n_steps

    @on_processor()
    @torch.no_grad()
    def __call__(
        self,
        *,
        label: Choice = None,
        speaker: Choice = None,
        embedding: Tensor | None = None,
        unconditional: bool = False,
        n: int | None = None,
        guidance: float = 1.0,
        guide: Guide | None = None,
        n_steps: int | None = None,
        sampler: str | None = None,
        seed: int = 0,
    ) -> Wave:
        """Generate `n` clips [n, length]; clip i is that of `seed + i`, alone and in a batch.

        `label` and `speaker` are ids or names, one for all clips or one for each; what is not given is drawn by the
        seed, and with `unconditional` nothing is told. `embedding` is [features] or [n, features]. `guidance` above
        1 makes clips more typical and less varied (classifier-free, Ho & Salimans 2022), `guide` by a classifier.

        Raises `ConfigError` for labels that the model does not know and for guidance that it was not trained for.
        """
        batch = how_many(n, label, speaker, embedding)
        seeds = [seed + i for i in range(batch)]
        request = ConditionRequest(label=label, speaker=speaker, embedding=embedding, unconditional=unconditional)
        cond = self.condition(request, seeds)
        return self.waves(self.denoise(cond, guidance, guide), seeds, n_steps=n_steps, sampler=sampler)

    @on_processor()
    @torch.no_grad()
    def waves(
        self, denoise: Denoise, seeds: Sequence[int], *, n_steps: int | None = None, sampler: str | None = None
    ) -> Wave:
        """Sample from the noise of every seed with a denoise that has its condition bound; return [batch, length]."""
        *_, state = self.model.steps(
            denoise, len(seeds), sampler=self.sampler(sampler), times=self.times(n_steps), noise=SampleNoise(seeds)
        )
        return self.model.decode(state)

    @on_processor()
    def condition(self, request: ConditionRequest, seeds: Sequence[int]) -> Conditioning:
        """Condition of one clip for each seed; raises `ConfigError` as a call does."""
        model = self.model
        if request.unconditional:
            request.check_nothing()
            self._check_dropout("an unconditional clip")
            return Conditioning()
        if not request.draw and None in (request.label, request.speaker):
            self._check_dropout("a label or a speaker left untold")
        return Conditioning(
            label=chosen(request.label, model.labels, "label", seeds, request.draw),
            speaker=chosen(request.speaker, model.speakers, "speaker", seeds, request.draw),
            embedding=embeddings(request.embedding, model.embedding_size, len(seeds)),
        ).to(next(model.parameters()).device)

    def denoise(self, cond: Conditioning, guidance: float = 1.0, guide: Guide | None = None) -> Denoise:
        """The denoiser with its condition, guided; raises `ConfigError` as a call does."""
        denoiser = self.model.denoiser
        plain = denoiser.bind(cond)
        if guide is not None:
            plain = self._by_classifier(plain, cond, guide)
        if guidance == 1:
            return plain
        if cond.label is None and cond.speaker is None and cond.embedding is None:
            raise ConfigError(f"guidance {guidance:g} towards nothing: give a label, or leave guidance out")
        self._check_dropout(f"guidance {guidance:g}")
        return classifier_free(plain, denoiser.bind(cond.anonymous()), scale=guidance)

    def _check_dropout(self, what: str) -> None:
        model = self.model
        if model.p_uncond == 0 and (model.labels or model.speakers or model.embedding_size):
            raise ConfigError(
                f"{what} needs a model that was trained with dropped conditions, but {self.name} has p_uncond 0: "
                "leave it out, or train with model.p_uncond=0.1"
            )

    def _by_classifier(self, plain: Denoise, cond: Conditioning, guide: Guide) -> Denoise:
        label, names = cond.label, guide.classifier.labels
        if label is None or names != self.model.labels:
            raise ConfigError(
                f"the classifier knows {', '.join(names)}, the model {', '.join(self.model.labels) or 'no labels'}: "
                "a guide needs the model's own labels, and a label to guide to"
            )

        def log_probability(x_t: Wave, t: Time) -> Tensor:
            log_probabilities = guide.classifier.of_mel(self.model.mels(x_t)).log_softmax(dim=-1)
            return log_probabilities.gather(1, label.unsqueeze(1)).squeeze(1)

        return classifier(plain, self.model.denoiser.schedule, log_probability, scale=guide.scale)
