"""Checkpoints of philsyn/DiffWave-Vocoder; BDDM's score network is the same.

Its arithmetic differs from lmnt's in six ways. Four are undone in the weights: weight normalization is
multiplied out, the halves of the gate are swapped, the two output convolutions become one, and the step bias,
which here stays on the residual path, is carried on into the following blocks. The other two are modules of
our network: falling step frequencies, and an upsampler for every block.
"""

import re
from math import sqrt
from pathlib import Path

import torch
from torch import Tensor

from audiodiff.bundle.constructors import Tree
from audiodiff.convert.checkpoint import Checkpoint, read_config, tensors_of
from audiodiff.convert.converted import (
    Converted,
    blueprint,
    build_model,
    fast_grid,
    linear_betas,
    mel_tree,
    origin_of,
)
from audiodiff.convert.hyperparameters import Hyperparameters
from audiodiff.convert.tensors import ForeignTensors, check_count, check_names, without_weight_norm
from audiodiff.errors import CheckpointError

_PROJECT = "philsyn/DiffWave-Vocoder"
_BLOCKS = "residual_layer.residual_blocks."
_KINDS = ("weight", "bias")
STEM = {
    "input": "init_conv.0.conv",
    "embedding.projection1": "residual_layer.fc_t1",
    "embedding.projection2": "residual_layer.fc_t2",
    "skip": "final_conv.0.conv",
    "output": "final_conv.2.conv",
}
BLOCK_LAYERS = (
    "fc_t",
    "dilated_conv_layer.conv",
    "upsample_conv2d.0",
    "upsample_conv2d.1",
    "mel_conv.conv",
    "res_conv",
    "skip_conv",
)
RUN_FOLDER = re.compile(r"ch(\d+)_T(\d+)_betaT(\d*\.?\d+)$")
PUBLISHED = {
    "num_res_layers": 30,
    "dilation_cycle": 10,
    "diffusion_step_embed_dim_in": 128,
    "diffusion_step_embed_dim_mid": 512,
    "diffusion_step_embed_dim_out": 512,
}
"""Settings that all published configs of the project have in common."""


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognize the files of philsyn's training: weights under these names, and an optimizer."""
    return has_its_network(checkpoint) and "optimizer_state_dict" in checkpoint.content


def has_its_network(checkpoint: Checkpoint) -> bool:
    """Check whether the weights are those of philsyn's network."""
    return any(str(name).startswith(_BLOCKS) for name in checkpoint.state("model_state_dict"))


def convert(checkpoint: Checkpoint) -> Converted:
    """Read a 1000000.pkl; its config.json, or the name of its run's folder, says how the model was built."""
    source = checkpoint.companion("config*.json")
    config = from_run_folder(checkpoint.path) if source is None else read_config(source)
    params = Hyperparameters(config, str(source or checkpoint.path))
    audio = params.section("trainset_config") if "trainset_config" in params else Hyperparameters({}, params.source)
    lengths = ("filter_length", "win_length", "hop_length")
    return assemble(
        checkpoint,
        _PROJECT,
        wavenet=params.section("wavenet_config"),
        diffusion=params.section("diffusion_config"),
        mel=tacotron_mel(audio, *lengths),
    )


def from_run_folder(path: Path) -> Tree:
    """The config that a folder name such as ch64_T50_betaT0.05 stands for among the published ones."""
    found = next((match for folder in path.resolve().parents if (match := RUN_FOLDER.match(folder.name))), None)
    if found is None:
        raise CheckpointError(
            f"{path} does not say how its model was built: lay the config.json of its training beside it or name "
            "it with --config"
        )
    channels = int(found[1])
    return {
        "wavenet_config": PUBLISHED | {"res_channels": channels, "skip_channels": channels},
        "diffusion_config": {"T": int(found[2]), "beta_0": 1e-4, "beta_T": float(found[3])},
    }


def assemble(
    checkpoint: Checkpoint, project: str, *, wavenet: Hyperparameters, diffusion: Hyperparameters, mel: Tree
) -> Converted:
    """Build the model that philsyn's hyper-parameters describe, and fill it."""
    path = checkpoint.path
    tensors = tensors_of(checkpoint.state("model_state_dict"), path)
    layers = wavenet.integer("num_res_layers")
    check_count(tensors, _BLOCKS, layers, path)
    n_steps = diffusion.integer("T")
    config = blueprint(
        mel=mel,
        network=network(wavenet, mel, n_steps),
        schedule=linear_betas(diffusion.number("beta_0"), diffusion.number("beta_T"), n_steps),
        grid=fast_grid(n_steps),
        clamp=None,
    )
    model = build_model(config, network_weights(tensors, layers, path), path)
    return Converted(name="philsyn-diffwave", config=config, model=model, origin=origin_of(checkpoint, project))


def network(wavenet: Hyperparameters, mel: Tree, n_steps: int) -> Tree:
    """DiffWave with this project's step embedding and upsamplers."""
    channels, skip_channels = wavenet.integer("res_channels"), wavenet.integer("skip_channels")
    if channels != skip_channels or wavenet.integer("diffusion_step_embed_dim_in", 128) != 128:
        raise CheckpointError(
            f"{wavenet.source}: expected as many skip_channels as res_channels ({channels}) and 128 sinusoids of the "
            "step, which all published configs have; audiodiff's DiffWave has no other"
        )
    layers = wavenet.integer("num_res_layers")
    return {
        "n_mels": mel["n_mels"],
        "hop_length": mel["hop_length"],
        "channels": channels,
        "layers": layers,
        "dilation_cycle": wavenet.integer("dilation_cycle"),
        "embedding": {
            "_target_": "audiodiff.networks.embeddings.StepEmbedding",
            "n_steps": n_steps,
            "hidden": wavenet.integer("diffusion_step_embed_dim_mid"),
            "channels": wavenet.integer("diffusion_step_embed_dim_out"),
            "sinusoids": {"_target_": "audiodiff.networks.embeddings.FallingSinusoids"},
        },
        "upsampler": {
            "_target_": "audiodiff.networks.upsampling.BlockUpsamplers",
            "hop_length": mel["hop_length"],
            "layers": layers,
        },
    }


def tacotron_mel(audio: Hyperparameters, n_fft: str, win_length: str, hop_length: str) -> Tree:
    """Tacotron 2's mel, the lengths under these names; what is not stated is as in the LJSpeech recipes."""
    return mel_tree(
        sample_rate=audio.integer("sampling_rate", 22050),
        n_fft=audio.integer(n_fft, 1024),
        win_length=audio.integer(win_length, 1024),
        hop_length=audio.integer(hop_length, 256),
        n_mels=80,
        f_min=audio.number("mel_fmin", 0.0),
        f_max=audio.number("mel_fmax", 8000.0),
    )


def network_weights(tensors: ForeignTensors, layers: int, path: Path) -> ForeignTensors:
    """The tensors under our names, with everything undone that weights can undo."""
    plain = without_weight_norm(tensors, path)
    expected = [f"{stem}.{kind}" for stem in STEM.values() for kind in _KINDS]
    expected += [f"{_BLOCKS}{i}.{part}.{kind}" for i in range(layers) for part in BLOCK_LAYERS for kind in _KINDS]
    check_names(plain, expected, path)
    ours = {f"{own}.{kind}": plain[f"{stem}.{kind}"] for own, stem in STEM.items() for kind in _KINDS}
    for kind in _KINDS:
        carried = torch.zeros(())
        for i in range(layers):
            part = {name: plain[f"{_BLOCKS}{i}.{name}.{kind}"] for name in BLOCK_LAYERS}
            # Here x + step, not x, goes on to the next block, divided by sqrt(2) with the rest.
            carried = part["fc_t"] + carried / sqrt(2)
            ours |= {
                f"blocks.{i}.step.{kind}": carried,
                f"blocks.{i}.dilated.{kind}": swap_halves(part["dilated_conv_layer.conv"]),
                f"blocks.{i}.conditioner.{kind}": swap_halves(part["mel_conv.conv"]),
                f"blocks.{i}.output.{kind}": torch.cat([part["res_conv"], part["skip_conv"]]),
                f"upsampler.{i}.conv1.{kind}": part["upsample_conv2d.0"],
                f"upsampler.{i}.conv2.{kind}": part["upsample_conv2d.1"],
            }
    return ours


def swap_halves(tensor: Tensor) -> Tensor:
    """Put the half that passes the sigmoid first: here the first half passes the tanh."""
    return tensor.roll(len(tensor) // 2, dims=0)
