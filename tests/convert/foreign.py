"""Small checkpoints as other projects would write them, with random weights."""

from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from audiodiff.convert.lmnt_diffwave import foreign_name
from audiodiff.networks import DiffWave

ROOT = Path(__file__).resolve().parents[2]
PARAMS = {
    "sample_rate": 22050,
    "n_mels": 80,
    "n_fft": 1024,
    "hop_samples": 256,
    "residual_layers": 2,
    "residual_channels": 4,
    "dilation_cycle_length": 2,
    "noise_schedule": [0.01, 0.1, 0.2],
    "inference_noise_schedule": [0.05, 0.3],
}
PRIORGRAD = {"use_prior": True, "std_min": 0.1, "max_energy_override": 4.0, "fmin": 0, "fmax": 8000}
HYPERPARAMS = """\
train_timesteps: 50
beta_start: 0.0001
beta_end: 0.05
residual_layers: 2
residual_channels: 4
dilation_cycle_length: 2
spec_n_mels: 80
spec_hop_length: 256
"""
WAVENET = {
    "num_res_layers": 2,
    "res_channels": 4,
    "skip_channels": 4,
    "dilation_cycle": 2,
    "diffusion_step_embed_dim_in": 128,
    "diffusion_step_embed_dim_mid": 8,
    "diffusion_step_embed_dim_out": 6,
}
DIFFUSION = {"T": 200, "beta_0": 1e-4, "beta_T": 0.02}


def lmnt(folder: Path, **changes: object) -> Path:
    """A weights.pt of lmnt's learner; `changes` replace its parts."""
    torch.manual_seed(0)
    network = DiffWave(n_mels=80, hop_length=256, channels=4, layers=2, dilation_cycle=2)
    model = {foreign_name(name): tensor for name, tensor in network.state_dict().items()}
    content = {"step": 7, "model": model, "optimizer": {"state": {}}, "params": PARAMS, "scaler": {}}
    torch.save(content | changes, folder / "weights.pt")
    return folder / "weights.pt"


def unconditional(folder: Path) -> Path:
    """A weights.pt of lmnt's learner, trained without spectrograms."""
    network = DiffWave(n_mels=None, hop_length=256, channels=4, layers=2, dilation_cycle=2)
    model = {foreign_name(name): tensor for name, tensor in network.state_dict().items()}
    return lmnt(folder, model=model, params=PARAMS | {"unconditional": True})


def priorgrad(folder: Path, **params: object) -> Path:
    """A weights.pt of PriorGrad's learner with its statistics; `params` replace some of its own."""
    stats = folder / "stats_priorgrad"
    stats.mkdir()
    np.save(stats / "energy_min_train.npy", np.float32(0.03))
    np.save(stats / "energy_max_train.npy", np.float32(5.0))
    return lmnt(folder, params=PARAMS | PRIORGRAD | params)


def speechbrain(folder: Path) -> Path:
    """A diffwave.ckpt of SpeechBrain's checkpointer, with its hyperparams.yaml."""
    wrapped = {}
    for name, tensor in torch.load(lmnt(folder), weights_only=True)["model"].items():
        stem, _, kind = name.rpartition(".")
        layer = "" if "upsampler" in stem else ".w" if "diffusion" in stem else ".conv"
        wrapped[f"{stem}{layer}.{kind}"] = tensor
    (folder / "weights.pt").unlink()
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS)
    torch.save(wrapped, folder / "diffwave.ckpt")
    return folder / "diffwave.ckpt"


def philsyn_weights() -> dict[str, Tensor]:
    """The state dict of philsyn's network, weight-normalized."""
    torch.manual_seed(0)
    shapes = {"init_conv.0.conv": (4, 1, 1), "final_conv.0.conv": (4, 4, 1)}
    for block in (f"residual_layer.residual_blocks.{i}" for i in range(2)):
        shapes |= {f"{block}.dilated_conv_layer.conv": (8, 4, 3), f"{block}.mel_conv.conv": (8, 80, 1)}
        shapes |= {f"{block}.res_conv": (4, 4, 1), f"{block}.skip_conv": (4, 4, 1)}
        shapes |= {f"{block}.upsample_conv2d.{k}": (1, 1, 3, 32) for k in range(2)}
    plain = {"final_conv.2.conv": (1, 4, 1), "residual_layer.fc_t1": (8, 128), "residual_layer.fc_t2": (6, 8)}
    plain |= {f"residual_layer.residual_blocks.{i}.fc_t": (4, 6) for i in range(2)}
    weights = {f"{stem}.weight": torch.randn(shape) for stem, shape in plain.items()}
    for stem, shape in shapes.items():
        weights[f"{stem}.weight_g"] = torch.rand(shape[0], *[1] * (len(shape) - 1))
        weights[f"{stem}.weight_v"] = torch.randn(shape)
    for stem, shape in (plain | shapes).items():
        weights[f"{stem}.bias"] = torch.randn(1 if "upsample" in stem else shape[0])
    return weights


def philsyn(folder: Path) -> Path:
    """A 300.pkl of philsyn's training, without a config."""
    torch.save({"model_state_dict": philsyn_weights(), "optimizer_state_dict": {}}, folder / "300.pkl")
    return folder / "300.pkl"


def bddm(folder: Path, **config: object) -> Path:
    """A checkpoint of BDDM's trainer: half precision, a schedule network, its config as a Namespace."""
    weights = philsyn_weights() | {"schedule_net.lstm.weight": torch.randn(2, 2)}
    content = {
        "config": Namespace(**(WAVENET | DIFFUSION | config)),
        "model_state_dict": {name: tensor.half() for name, tensor in weights.items()},
        "score_net_training_step": 100,
    }
    torch.save(content, folder / "100.pkl")
    return folder / "100.pkl"


WRITERS = {"lmnt": lmnt, "priorgrad": priorgrad, "speechbrain": speechbrain, "bddm": bddm}
"""Checkpoints that can be read with what lies beside them."""
