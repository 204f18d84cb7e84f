"""PriorGrad's vocoder (microsoft/NeuralSpeech): lmnt's network, noise as loud as the mel, HiFi-GAN's mel."""

from pathlib import Path

from audiodiff.bundle.constructors import Tree
from audiodiff.convert import lmnt_diffwave
from audiodiff.convert.checkpoint import Checkpoint, read_number, tensors_of
from audiodiff.convert.converted import (
    Converted,
    blueprint,
    build_model,
    discrete_betas,
    grid_of,
    mel_tree,
    origin_of,
)
from audiodiff.convert.hyperparameters import Hyperparameters
from audiodiff.convert.lmnt_diffwave import BLOCKS, foreign_name, network, params_of
from audiodiff.convert.tensors import check_count
from audiodiff.errors import CheckpointError

_PROJECT = "microsoft/NeuralSpeech, PriorGrad-vocoder"
STATS = ("energy_min_train.npy", "energy_max_train.npy")
_NOTE = "PriorGrad scales recordings to a peak of 0.95 before it computes their mel; do the same for copy-synthesis."


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognize the files of PriorGrad's learner: lmnt's keys, and parameters of a prior."""
    return lmnt_diffwave.recognizes(checkpoint) and "use_prior" in params_of(checkpoint)


def convert(checkpoint: Checkpoint) -> Converted:
    """Read a weights.pt; the energies of its corpus lie in the folder stats_priorgrad."""
    path = checkpoint.path
    params = params_of(checkpoint)
    for option in ("condition_prior", "condition_prior_global"):
        if params.flag(option):
            raise CheckpointError(f"{path} was trained with {option}, which audiodiff's DiffWave does not have")
    tensors = tensors_of(checkpoint.state("model"), path)
    check_count(tensors, BLOCKS, params.integer("residual_layers"), path)
    betas = params.numbers("noise_schedule")
    spec = mel(params)
    config = blueprint(
        mel=spec,
        network=network(params, len(betas)),
        schedule=discrete_betas(betas),
        grid=grid_of(params.numbers("inference_noise_schedule")),
        clamp=1.0,
        prior=prior(checkpoint, params, spec) if params.flag("use_prior") else None,
    )
    model = build_model(config, tensors, path, foreign_name)
    origin = origin_of(checkpoint, _PROJECT, checkpoint.content.get("step"))
    return Converted(name="priorgrad", config=config, model=model, origin=origin, notes=(_NOTE,))


def prior(checkpoint: Checkpoint, params: Hyperparameters, spec: Tree) -> Tree:
    """The energy prior, between the lowest energy of the corpus and the highest, unless that is overridden."""
    folder = stats_folder(checkpoint)
    overridden = "max_energy_override" in params
    return {
        "_target_": "audiodiff.priors.MelEnergy",
        "mel": spec,
        "lowest": read_number(folder / STATS[0]),
        "highest": params.number("max_energy_override") if overridden else read_number(folder / STATS[1]),
        "smallest": params.number("std_min"),
        "largest": 1.0 if overridden else None,
    }


def stats_folder(checkpoint: Checkpoint) -> Path:
    """Folder of the corpus's energies; raises `CheckpointError` when they are not found."""
    start = checkpoint.config or checkpoint.path.parent
    folders = [start, start / "stats_priorgrad"]
    found = next((folder for folder in folders if (folder / STATS[0]).is_file()), None)
    if found is None:
        raise CheckpointError(
            f"{checkpoint.path} needs the statistics of its corpus: lay PriorGrad's folder stats_priorgrad "
            f"({' and '.join(STATS)}) beside it or name it with --config"
        )
    return found


def mel(params: Hyperparameters) -> Tree:
    """HiFi-GAN's mel, with a window of four hops."""
    hop_length = params.integer("hop_samples")
    return mel_tree(
        sample_rate=params.integer("sample_rate"),
        n_fft=params.integer("n_fft"),
        win_length=4 * hop_length,
        hop_length=hop_length,
        n_mels=params.integer("n_mels"),
        f_min=params.number("fmin"),
        f_max=params.number("fmax"),
        magnitude_epsilon=1e-9,
        framing="same",
    )
