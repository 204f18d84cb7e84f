"""Put a voice together of parts that were trained side by side: one bundle of several.

    python recipes/join.py runs/ljspeech_fast/bundle prior.source=runs/ljspeech_source/bundle --name NAME -o OUT

The first bundle is taken as it is but for the named parts (prior.source, prior.filter, prior.spread, denoiser, finish),
whose weights come from the bundles after `=`. A part that the first lacks (finish.postfilter) is added, with the
setting of the same name in the other's config. A bundle is a folder, or the name of a voice that ships. With
`denoiser=0.6*BUNDLE` the first bundle keeps .4 of that part: weights are averaged, which makes sense where one was
trained on from the other (Wortsman et al. 2022). With `--prior-of` the weights of a prior that a shipped voice has as
well are left out. A card that stands in OUT stays.
"""

import argparse
import math
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch

from audiodiff.bundle.constructors import build
from audiodiff.bundle.format import CARD, Bundle, load_bundle, save_bundle
from audiodiff.bundle.location import bundle_folder
from audiodiff.errors import AudiodiffError, ConfigError


def taken(base: Bundle, part: str, source: Bundle, share: float = 1.0) -> int:
    """Give `base` the weights of one part of another bundle, or a share of them; returns the number of tensors."""
    own, other = (
        {key: tensor for key, tensor in bundle.model.state_dict().items() if key.startswith(f"{part}.")}
        for bundle in (base, source)
    )
    if not own:
        raise ConfigError(f"{base.name} has no part {part!r} with weights")
    shapes, others = ({key: tuple(tensor.shape) for key, tensor in tensors.items()} for tensors in (own, other))
    if shapes != others:
        differ = next(key for key in shapes | others if shapes.get(key) != others.get(key))
        raise ConfigError(
            f"{part} of {source.name} does not fit {base.name}: {differ} is {others.get(differ)} there, "
            f"{shapes.get(differ)} here"
        )
    base.model.load_state_dict({key: torch.lerp(own[key], other[key], share) for key in own}, strict=False)
    return len(own)


def shared(given: str) -> tuple[float, str]:
    """The share and the bundle of SHARE*BUNDLE, or 1 and the bundle where there is no share."""
    share, times, name = given.rpartition("*")
    if not times:
        return 1.0, given
    try:
        number = float(share)
    except ValueError:
        number = math.nan
    if not 0 < number <= 1:
        raise ConfigError(f"{given!r}: expected a share above 0 and at most 1 before the *, such as 0.6*runs/x/bundle")
    return number, name


def with_part(base: Bundle, part: str, source: Bundle) -> Bundle:
    """`base` with a part that only `source` has, its weights not taken yet; `base` itself where it has the part."""
    if any(key.startswith(f"{part}.") for key in base.model.state_dict()):
        return base
    config, (*path, name) = deepcopy(base.config), ["model", *part.split(".")]
    owner, other = config, source.config
    for key in path:
        owner, other = owner.get(key) or {}, other.get(key) or {}
    if not owner or name not in other:
        raise ConfigError(f"{base.name} has no part {part!r} with weights, and no place for that of {source.name}")
    if source.model.mel != base.model.mel:
        raise ConfigError(f"{part} of {source.name} is for other mels than those of {base.name}")
    owner[name] = other[name]
    try:
        model = build(config["model"])
    except TypeError as error:  # a constructor that knows no such keyword
        raise ConfigError(f"{base.name} has no place for {part} of {source.name}: {error}") from error
    model.load_state_dict(base.model.state_dict(), strict=False)
    return replace(base, config=config, model=model.eval())


def main() -> None:
    """Read the command line, and say in a sentence what does not fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="the bundle that everything else comes from")
    parser.add_argument("parts", nargs="+", metavar="PART=[SHARE*]BUNDLE", help="whose weights come from another")
    parser.add_argument("--name", required=True, help="of the new bundle")
    parser.add_argument("--prior-of", metavar="VOICE", help="the shipped voice that has the same prior")
    parser.add_argument("-o", "--out", type=Path, required=True, help="where the bundle goes")
    arguments = parser.parse_args()
    try:
        join(arguments)
    except AudiodiffError as error:
        parser.error(str(error))


def join(arguments: argparse.Namespace) -> None:
    """Join and write the bundle."""
    base = load_bundle(bundle_folder(arguments.base))
    for given in arguments.parts:
        part, _, name = given.partition("=")
        if not name:
            raise ConfigError(
                f"{given!r}: expected a part and a bundle, such as prior.source=runs/ljspeech_source/bundle"
            )
        share, name = shared(name)
        source = load_bundle(bundle_folder(name))
        base = with_part(base, part, source)
        print(f"{part}: {taken(base, part, source, share)} tensors of {name}" + (f", {share}" if share < 1 else ""))
    card = arguments.out / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else base.card
    save_bundle(arguments.out, arguments.name, base.config, base.model, text, base.dtype, prior_of=arguments.prior_of)
    print(arguments.out)


if __name__ == "__main__":
    main()
