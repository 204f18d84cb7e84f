"""Text to sound: a SpeechT5 of transformers whose weights lie on this machine, with a vocoder behind it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from audiodiff.bundle.for_mel import speaks_any_mel
from audiodiff.demo.limits import Limits
from audiodiff.demo.takes import Settings
from audiodiff.errors import InputError
from audiodiff.integrations import SpeechT5Vocoder
from audiodiff.mel import convention
from audiodiff.vocoder import Vocoder

_MODEL = "microsoft/speecht5_tts"
_MELS = convention("speecht5_16k")
"""The convention of the mels that it says."""
_LONGEST = 20.0
"""Frames for each letter at most, which is transformers' own bound."""


class Speaker:
    """An acoustic model with its tokenizer; who speaks is drawn by the seed."""

    def __init__(self, model: Any, tokenizer: Any) -> None:  # noqa: ANN401 (transformers is not imported here)
        self.model, self.tokenizer = model.eval(), tokenizer

    @torch.no_grad()
    def __call__(self, text: str, vocoder: Vocoder, settings: Settings, limits: Limits) -> Float[Tensor, " samples"]:
        """Speak a text.

        Raises `InputError` for one that is empty or too long, `MelMismatchError` for a vocoder of other mels than
        `speecht5_16k`, `ConfigError` for settings that are not served.
        """
        letters = len(text.strip())
        if not 1 <= letters <= limits.letters:
            raise InputError(f"got a text of {letters} letters: write 1 to {limits.letters}")
        limits.check_steps(settings.steps)
        stage = SpeechT5Vocoder(vocoder, sampler=settings.sampler, n_steps=settings.steps, seed=settings.seed)
        ids = self.tokenizer(text.strip(), return_tensors="pt").input_ids
        frames = limits.duration * _MELS.sample_rate / _MELS.hop_length
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)  # the decoder's dropout is never off, and draws from torch's own source
            voice = F.normalize(torch.randn(1, self.model.config.speaker_embedding_dim))
            return self.model.generate_speech(
                ids, speaker_embeddings=voice, vocoder=stage, maxlenratio=min(_LONGEST, frames / ids.shape[1])
            )


def speaking(voices: Mapping[str, Vocoder]) -> Mapping[str, Vocoder]:
    """The voices that take a speaker's mels as they are; where there is none all, which then refuse in words."""
    able = {name: voice for name, voice in voices.items() if voice.mel_spec == _MELS or speaks_any_mel(voice.model)}
    return able or voices


def load_speaker(model: str = _MODEL) -> Speaker:
    """Load an acoustic model by its folder, or by name from the Hugging Face cache; nothing is downloaded.

    Raises `InputError`, which says what is missing.
    """
    missing = (
        f"speaking needs the weights of {model} on this machine, and this page downloads nothing: fetch them with "
        f"`hf download {model}`, then start it again"
    )
    try:
        if not is_here(model):  # asked first, since importing transformers takes long
            raise InputError(missing)
        from transformers import SpeechT5ForTextToSpeech, SpeechT5Tokenizer
    except (ImportError, RuntimeError) as error:  # transformers refuses versions of its dependencies in both ways
        raise InputError(
            f"speaking needs transformers and sentencepiece, which cannot be used here: {error}"
        ) from error
    try:
        tokenizer = SpeechT5Tokenizer.from_pretrained(model, local_files_only=True)
        return Speaker(SpeechT5ForTextToSpeech.from_pretrained(model, local_files_only=True), tokenizer)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(missing) from error


def is_here(model: str) -> bool:
    """Check whether a folder, or the Hugging Face cache, has at least a model's config."""
    from huggingface_hub import try_to_load_from_cache

    if Path(model).is_dir():
        return (Path(model) / "config.json").is_file()
    return isinstance(try_to_load_from_cache(model, "config.json"), str)
