"""SpeechBrain's DiffWave: lmnt's network under other names, with reflected edges."""

from audiodiff.bundle.constructors import Tree
from audiodiff.convert.checkpoint import Checkpoint, read_config, tensors_of
from audiodiff.convert.converted import (
    FAST,
    FAST_LAST,
    Converted,
    blueprint,
    build_model,
    grid_of,
    linear_betas,
    mel_tree,
    origin_of,
)
from audiodiff.convert.hyperparameters import Hyperparameters
from audiodiff.convert.lmnt_diffwave import BLOCKS, foreign_name, network
from audiodiff.convert.tensors import check_count
from audiodiff.errors import CheckpointError

_PROJECT = "speechbrain/speechbrain"
CONFIGS = ("hyperparams.y*ml", "hparams.y*ml", "train.y*ml")
OURS = {
    "n_mels": "spec_n_mels",
    "hop_samples": "spec_hop_length",
    "residual_layers": "residual_layers",
    "residual_channels": "residual_channels",
    "dilation_cycle_length": "dilation_cycle_length",
    "unconditional": "unconditional",
}


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognize the recoverable that SpeechBrain's checkpointer writes."""
    return f"{BLOCKS}0.dilated_conv.conv.weight" in checkpoint.content


def convert(checkpoint: Checkpoint) -> Converted:
    """Read a diffwave.ckpt; hyperparams.yaml beside it says how the model was built."""
    path = checkpoint.path
    source = checkpoint.companion(*CONFIGS)
    if source is None:
        raise CheckpointError(
            f"{path} holds weights alone: SpeechBrain keeps the hyper-parameters in hyperparams.yaml, "
            "lay it beside the checkpoint or name it with --config"
        )
    params = Hyperparameters(read_config(source), str(source))
    tensors = {_plain(name): tensor for name, tensor in tensors_of(checkpoint.content, path).items()}
    check_count(tensors, BLOCKS, params.integer("residual_layers"), path)
    n_steps = params.integer("train_timesteps")
    lmnt = Hyperparameters({ours: params.values.get(theirs) for ours, theirs in OURS.items()}, params.source)
    config = blueprint(
        mel=mel(params),
        network=network(lmnt, n_steps) | {"padding_mode": "reflect"},
        schedule=linear_betas(params.number("beta_start"), params.number("beta_end"), n_steps),
        grid=grid_of(params.numbers("fast_sampling_noise_schedule", default=[*FAST, FAST_LAST[50]])),
        clamp=1.0,
    )
    model = build_model(config, tensors, path, foreign_name)
    return Converted(name="speechbrain-diffwave", config=config, model=model, origin=origin_of(checkpoint, _PROJECT))


def mel(params: Hyperparameters) -> Tree:
    """The mel of SpeechBrain's HiFi-GAN; what the config leaves out is as in its LJSpeech recipe."""
    return mel_tree(
        sample_rate=params.integer("sample_rate", 22050),
        n_fft=params.integer("spec_n_fft", 1024),
        win_length=params.integer("spec_win_length", 1024),
        hop_length=params.integer("spec_hop_length"),
        n_mels=params.integer("spec_n_mels"),
        f_min=params.number("spec_f_min", 0.0),
        f_max=params.number("spec_f_max", 8000.0),
    )


def _plain(name: str) -> str:
    """lmnt's name of a tensor: SpeechBrain wraps every layer, as `conv` or as `w`."""
    return name.replace(".conv.", ".").replace(".w.", ".")
