"""Trees of constructors that tests build models from."""

import torch

from audiodiff.bundle.constructors import build, canonical
from audiodiff.mel import convention

MEL = {"_target_": "audiodiff.mel.spec.MelSpec"} | convention("hifigan_22k").to_dict()

TINY_TREE = {
    "model": {
        "_target_": "audiodiff.models.diffusion_model.DiffusionModel",
        "mel": MEL,
        "denoiser": {
            "_target_": "audiodiff.diffusion.Denoiser",
            "network": {
                "_target_": "audiodiff.networks.DiffWave",
                "n_mels": 80,
                "hop_length": 256,
                "channels": 4,
                "layers": 2,
                "dilation_cycle": 2,
                "sees_mean": True,
            },
            "schedule": {"_target_": "audiodiff.diffusion.StraightPath"},
            "prediction": {"_target_": "audiodiff.diffusion.X0Prediction"},
        },
        "prior": {
            "_target_": "audiodiff.priors.MelInversion",
            "mel": MEL,
            "magnitudes": {"_target_": "audiodiff.networks.MagnitudeNetwork", "mel": MEL, "channels": 8, "layers": 1},
            "iterations": 2,
        },
    },
    "sampler": {"_target_": "audiodiff.diffusion.ddim", "_partial_": True, "eta": 0.0},
    "grid": {"_target_": "audiodiff.diffusion.uniform", "_partial_": True, "n_steps": 4},
}

SOURCE_FILTER_TREE = TINY_TREE | {
    "model": {
        "_target_": "audiodiff.models.diffusion_model.DiffusionModel",
        "mel": MEL,
        "denoiser": {
            "_target_": "audiodiff.diffusion.Denoiser",
            "network": {
                "_target_": "audiodiff.networks.SpectralGainNetwork",
                "mel": MEL,
                "channels": 6,
                "layers": 2,
                "step_channels": 8,
            },
            "schedule": {"_target_": "audiodiff.diffusion.StraightPath"},
            "prediction": {"_target_": "audiodiff.diffusion.X0Prediction"},
        },
        "prior": {
            "_target_": "audiodiff.priors.SourceFilter",
            "mel": MEL,
            "source": {"_target_": "audiodiff.networks.SourceNetwork", "mel": MEL, "channels": 8, "layers": 3},
            "filter": {"_target_": "audiodiff.networks.FilterNetwork", "mel": MEL, "channels": 8, "layers": 3},
            "spread": {"_target_": "audiodiff.networks.SpreadNetwork", "mel": MEL, "channels": 8, "layers": 2},
        },
        "finish": {
            "_target_": "audiodiff.networks.KeepToMel",
            "mel": MEL,
            "onsets": 8,
            "rounds": 2,
            "iterations": 8,
            "share": 0.5,
            "postfilter": 4,
        },
    },
}


def source_filter_model():
    """What that tree says, with weights that are not zero anywhere: voiced most of the time, at f0 that jump."""
    torch.manual_seed(0)
    model = build(canonical(SOURCE_FILTER_TREE)["model"]).eval()
    prior, network = model.prior, model.denoiser.network
    for stack in (prior.source.stack, prior.filter.stack, prior.spread.stack):
        torch.nn.init.normal_(stack.output.weight, std=0.3)
    torch.nn.init.normal_(network.output.weight, std=0.05)
    torch.nn.init.normal_(model.finish.onsets.stack.output.weight, std=0.3)
    torch.nn.init.normal_(model.finish.postfilter.said.weight, std=0.3)
    torch.nn.init.constant_(model.finish.postfilter.decided[2].bias, 1.0)  # sharpens, by half or so
    return model
