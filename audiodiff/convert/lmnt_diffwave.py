"""Checkpoints of lmnt-com/diffwave, whose arithmetic is the paper's; also the ground for its descendants."""

from collections.abc import Mapping
from typing import Any

from audiodiff.bundle.constructors import Tree
from audiodiff.convert.checkpoint import Checkpoint, tensors_of
from audiodiff.convert.converted import (
    FAST,
    FAST_LAST,
    Converted,
    blueprint,
    build_model,
    discrete_betas,
    grid_of,
    mel_tree,
    origin_of,
)
from audiodiff.convert.hyperparameters import Hyperparameters
from audiodiff.convert.tensors import check_count

_PROJECT = "lmnt-com/diffwave"
FOREIGN = {
    "input": "input_projection",
    "embedding": "diffusion_embedding",
    "upsampler": "spectrogram_upsampler",
    "blocks": "residual_layers",
    "dilated": "dilated_conv",
    "step": "diffusion_projection",
    "conditioner": "conditioner_projection",
    "skip": "skip_projection",
    "output": "output_projection",
}
BLOCKS = "residual_layers."


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognize the files of lmnt's learner."""
    return "params" in checkpoint.content and any(str(name).startswith(BLOCKS) for name in checkpoint.state("model"))


def convert(checkpoint: Checkpoint) -> Converted:
    """Read a weights.pt; its own `params` say how the model was built."""
    path = checkpoint.path
    params = params_of(checkpoint)
    tensors = tensors_of(checkpoint.state("model"), path)
    check_count(tensors, BLOCKS, params.integer("residual_layers"), path)
    betas = params.numbers("noise_schedule")
    fast = params.numbers("inference_noise_schedule", default=[*FAST, FAST_LAST[50]])
    config = blueprint(
        mel=mel(params),
        network=network(params, len(betas)),
        schedule=discrete_betas(betas),
        grid=grid_of(fast),
        clamp=1.0,
    )
    model = build_model(config, tensors, path, foreign_name)
    step = checkpoint.content.get("step")
    return Converted(name="lmnt-diffwave", config=config, model=model, origin=origin_of(checkpoint, _PROJECT, step))


def params_of(checkpoint: Checkpoint) -> Hyperparameters:
    """The hyper-parameters inside the checkpoint."""
    params: Any = checkpoint.content.get("params")
    return Hyperparameters(params if isinstance(params, Mapping) else {}, f"params in {checkpoint.path}")


def network(params: Hyperparameters, n_steps: int) -> Tree:
    """DiffWave as these projects build it."""
    return {
        "n_mels": None if params.flag("unconditional") else params.integer("n_mels"),
        "hop_length": params.integer("hop_samples"),
        "channels": params.integer("residual_channels"),
        "layers": params.integer("residual_layers"),
        "dilation_cycle": params.integer("dilation_cycle_length"),
        "embedding": {
            "_target_": "audiodiff.networks.embeddings.StepEmbedding",
            "n_steps": n_steps,
            "sinusoids": {"_target_": "audiodiff.networks.embeddings.RoundedSinusoids"},
        },
    }


def mel(params: Hyperparameters) -> Tree:
    """torchaudio's mel with lmnt's arguments, in decibels scaled to 0 … 1."""
    hop_length = params.integer("hop_samples")
    return mel_tree(
        sample_rate=params.integer("sample_rate"),
        n_fft=params.integer("n_fft"),
        win_length=4 * hop_length,
        hop_length=hop_length,
        n_mels=params.integer("n_mels"),
        f_min=20.0,
        mel_scale="htk",
        mel_norm=None,
        stft_norm="window",
        log_base="10",
        gain=20.0,
        shift=-80.0,
        scale=100.0,
        range=[0.0, 1.0],
    )


def foreign_name(name: str) -> str:
    """lmnt's name of one of our parameters."""
    return ".".join(FOREIGN.get(part, part) for part in name.split("."))
