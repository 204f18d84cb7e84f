"""Put a voice together from two trained bundles: the prior's magnitudes of one, the denoiser of the other.

    python recipes/ljspeech/assemble.py --magnitudes RUN/bundle --denoiser RUN/bundle --iterations 48 --steps 4 \\
        --name ljspeech-fast -o runs/ljspeech-fast

Neither has to have been trained with the other, nor on means of so many iterations: the denoiser only needs a mean
and the mel. The model card of a bundle that is there already is kept.
"""

import argparse
from pathlib import Path

from audiodiff.bundle.constructors import build
from audiodiff.bundle.format import CARD, load_bundle, read_config, save_bundle

TIMES = [1.0, 0.3, 0.1, 0.03, 0.0]
"""The grid of experiment=ljspeech_refined; fewer steps end after the first ones."""


def grid(steps: int) -> list[float]:
    """So many steps of it."""
    return [*TIMES[:steps], 0.0]


def assemble(magnitudes: Path, denoiser: Path, iterations: int, steps: int, name: str, out: Path) -> Path:
    """Write the bundle."""
    config = {key: read_config(denoiser)[key] for key in ("model", "sampler", "grid")}
    config["model"]["prior"] = read_config(magnitudes)["model"]["prior"] | {
        "iterations": iterations,
        "noise_level": config["model"]["prior"]["noise_level"],
    }
    config["grid"]["times"] = grid(steps)
    config["grids"] = {str(n): grid(n) for n in range(1, len(TIMES)) if n != steps}
    model = build(config["model"])
    parts = {
        "prior.": load_bundle(magnitudes).model.state_dict(),
        "denoiser.": load_bundle(denoiser).model.state_dict(),
    }
    model.load_state_dict({key: x for part, state in parts.items() for key, x in state.items() if key.startswith(part)})
    card = out / CARD
    return save_bundle(out, name, config, model, card.read_text(encoding="utf-8") if card.is_file() else f"# {name}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--magnitudes", type=Path, required=True)
    parser.add_argument("--denoiser", type=Path, required=True)
    parser.add_argument("--iterations", type=int, required=True)
    parser.add_argument("--steps", type=int, choices=range(1, len(TIMES)), required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    print(assemble(**vars(parser.parse_args())))
