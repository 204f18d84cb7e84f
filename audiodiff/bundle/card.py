"""Model cards: the README.md of a bundle, with the YAML at its head that the Hugging Face hub reads."""

from typing import Any

from torch import nn

from audiodiff.bundle.format import Bundle
from audiodiff.mel.compatibility import name_of

TAGS = ("audiodiff", "vocoder")

Header = dict[str, Any]


def model_card(bundle: Bundle, address: str | None = None) -> str:
    """The bundle's own card, or one made from what the bundle is, with a complete head and how to load it.

    `address` is what `Vocoder.from_pretrained` will take. The licence and the data are not made up: a card that
    does not name them goes on not naming them.
    """
    import yaml

    header, body = split_card(bundle.card)
    header["library_name"] = "audiodiff"
    header["tags"] = list(dict.fromkeys((*header.get("tags", []), *TAGS)))
    body = body.strip() or plain_card(bundle)
    use = f'vocoder = Vocoder.from_pretrained("{address}")'
    if address is not None and use not in body:
        body += f"\n\n## Use\n\n```python\nfrom audiodiff import Vocoder\n\n{use}\n```"
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---\n{body}\n"


def split_card(card: str) -> tuple[Header, str]:
    """The YAML at the head of a card, empty where there is none, and the rest."""
    import yaml

    parts = card.split("---\n", 2)
    if len(parts) < 3 or parts[0]:
        return {}, card
    try:
        header = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return {}, card
    return (header, parts[2]) if isinstance(header, dict) else ({}, card)


def plain_card(bundle: Bundle) -> str:
    """Card of a bundle that nobody has written about."""
    model, mel = bundle.model, bundle.model.mel
    denoiser = model.denoiser
    n_steps = len(bundle.grid(denoiser.schedule)) - 1
    return (
        f"# {bundle.name}\n\nA diffusion vocoder for audiodiff: mels to waveforms at {mel.sample_rate} Hz.\n\n"
        "| | |\n|---|---|\n"
        f"| mel | `{name_of(mel)}`: {mel.n_mels} bands, {mel.f_min:g} to {mel.f_top:g} Hz, hop {mel.hop_length} |\n"
        f"| network | {sized(denoiser.network)} |\n"
        f"| prior | {sized(model.prior)} |\n"
        f"| steps | {n_steps} |\n\n"
        "Its author has not said what it was trained on, how it scores and under which licence it may be used."
    )


def sized(module: object) -> str:
    """The class of a network or a prior, with its number of parameters if it has any."""
    n_parameters = sum(parameter.numel() for parameter in module.parameters()) if isinstance(module, nn.Module) else 0
    return f"`{type(module).__name__}`" + f", {n_parameters:,} parameters" * bool(n_parameters)
