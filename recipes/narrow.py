"""Make a voice's denoiser narrower, for `audiodiff train … init_from=OUT network.channels=CHANNELS` to mend.

    python recipes/narrow.py ljspeech-fast --channels 16 --data data/ljspeech/train.jsonl --name ljspeech-fast -o OUT

Of a `SpectralGainNetwork` those channels stay of which the layers behind make most: the mean square of what a channel
holds, over some recordings, times that of the weights which it meets (channel pruning, Molchanov et al. 2017). All
layers share their channels, since they add to one another. The result is worse than what it comes from until it has
been trained.
"""

import argparse
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn

from audiodiff.audio import load_audio
from audiodiff.bundle.constructors import Tree, build
from audiodiff.bundle.format import Bundle, load_bundle, save_bundle
from audiodiff.bundle.location import bundle_folder
from audiodiff.data import read_manifest
from audiodiff.errors import AudiodiffError, ConfigError
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import SpectralGainNetwork
from audiodiff.vocoder import Vocoder

RECORDINGS, SECONDS = 8, 4.0
"""Of the manifest, and of each, that tell what a channel holds."""
NETWORK = "denoiser.network."


def importance(network: SpectralGainNetwork, speak: Callable[[], None]) -> Tensor:
    """Share of each channel in what the layers are told while `speak` runs, not yet in any unit."""
    told = torch.zeros(network.output.in_channels)

    def listen(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        weight = layer.get_parameter("weight")
        told.add_(inputs[0].square().mean(dim=(0, 2, 3)) * weight.square().sum(dim=(0, 2, 3)))

    hooks = [layer.register_forward_pre_hook(listen) for layer in (*network.layers, network.output)]
    speak()
    for hook in hooks:
        hook.remove()
    return told


def narrowed(bundle: Bundle, kept: Tensor) -> tuple[Tree, DiffusionModel]:
    """Config and model of a bundle with these channels of its denoiser's network alone."""
    config = deepcopy(bundle.config)
    config["model"]["denoiser"]["network"]["channels"] = len(kept)
    model, state = build(config["model"]), bundle.model.state_dict()
    for key, tensor in state.items():
        part, _, kind = key.removeprefix(NETWORK).rpartition(".")
        if not key.startswith(NETWORK) or part.startswith("embedding"):
            continue
        if part != "output":
            state[key] = tensor[kept]
        if kind == "weight" and part not in ("input", "step"):
            state[key] = state[key][:, kept]
    model.load_state_dict(state)
    return config, model.eval()


def main() -> None:
    """Read the command line, and write the narrow bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", help="a folder, or the name of a voice that ships")
    parser.add_argument("--channels", type=int, required=True, help="that stay")
    parser.add_argument("--data", type=Path, required=True, help="a manifest of recordings that tell which")
    parser.add_argument("--name", required=True, help="of the new bundle")
    parser.add_argument("-o", "--out", type=Path, required=True, help="where the bundle goes")
    arguments = parser.parse_args()
    try:
        narrow(arguments)
    except AudiodiffError as error:
        parser.error(str(error))


def narrow(arguments: argparse.Namespace) -> None:
    """Choose the channels and write the bundle."""
    folder = bundle_folder(arguments.bundle)
    bundle, vocoder = load_bundle(folder), Vocoder.from_pretrained(folder)
    network = vocoder.model.denoiser.network
    if not isinstance(network, SpectralGainNetwork):
        raise ConfigError(f"{bundle.name}: expected a voice whose denoiser is a SpectralGainNetwork")
    channels = network.output.in_channels
    if not 0 < arguments.channels < channels:
        raise ConfigError(f"--channels {arguments.channels}: {bundle.name} has {channels}; expected fewer, at least 1")
    rows = read_manifest(arguments.data)

    def speak() -> None:
        for row in rows[:: max(1, len(rows) // RECORDINGS)][:RECORDINGS]:
            wave = load_audio(row.path)[: round(SECONDS * row.sample_rate)]
            vocoder(vocoder.mel(wave, row.sample_rate), seed=0)

    told = importance(network, speak)
    kept = told.topk(arguments.channels).indices.sort().values
    print(f"{arguments.channels} of {channels} channels, with {told[kept].sum() / told.sum():.2f} of what they tell")
    config, model = narrowed(bundle, kept)
    save_bundle(arguments.out, arguments.name, config, model, bundle.card, bundle.dtype)
    print(arguments.out)


if __name__ == "__main__":
    main()
