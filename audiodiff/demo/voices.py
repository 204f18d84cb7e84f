"""The models that a page offers, by name; visitors choose among them and can name no other."""

from collections.abc import Mapping, Sequence

from audiodiff.bundle.format import read_config
from audiodiff.bundle.location import DEFAULT_VOICE, bundle_folder, shipped
from audiodiff.errors import ConfigError
from audiodiff.generation.generator import DEFAULT_GENERATOR, Generator
from audiodiff.vocoder import Vocoder

GENERATIVE = "audiodiff.models.generative_model."


def load_voices(models: Sequence[str], device: str) -> Mapping[str, Vocoder]:
    """Load the vocoders given by folder or name, without any those that ship with audiodiff, the default one first.

    Raises `BundleError` for one that is missing or damaged, `ConfigError` for two of one name.
    """
    wanted = models or sorted(shipped_vocoders(), key=lambda name: (name != DEFAULT_VOICE, name))
    voices: dict[str, Vocoder] = {}
    for model in wanted:
        vocoder = Vocoder.from_pretrained(model, device=device)
        if vocoder.name in voices:
            raise ConfigError(f"two models are called {vocoder.name!r}: rename one in its config.json")
        voices[vocoder.name] = vocoder
    return voices


def shipped_vocoders() -> list[str]:
    """The names of the bundles inside the package that take mels."""
    return [name for name in shipped() if not makes_clips(name)]


def makes_clips(name: str) -> bool:
    """Check whether a bundle is a generator, by its config alone."""
    return str(read_config(bundle_folder(name))["model"]["_target_"]).startswith(GENERATIVE)


def load_generator(device: str) -> Generator | None:
    """The generator of spoken digits, if it ships with this audiodiff."""
    return Generator.from_pretrained(DEFAULT_GENERATOR, device=device) if DEFAULT_GENERATOR in shipped() else None


def voice_named(voices: Mapping[str, Vocoder], name: str) -> Vocoder:
    """One of the voices; raises `ConfigError` for a name that is not among them."""
    if name not in voices:
        raise ConfigError(f"no model {name!r} on this page: choose one of {', '.join(voices)}")
    return voices[name]
