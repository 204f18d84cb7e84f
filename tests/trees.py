"""Trees of constructors that tests build models from."""

from audiodiff.mel import convention

MEL = {"_target_": "audiodiff.mel.spec.MelSpec"} | convention("hifigan_22k").to_dict()

TINY_TREE = {
    "model": {
        "_target_": "audiodiff.models.diffusion_model.DiffusionModel",
        "mel": MEL,
        "denoiser": {
            "_target_": "audiodiff.diffusion.Denoiser",
            "network": {
                "_target_": "audiodiff.networks.SpectralDiffWave",
                "mel": MEL,
                "channels": 8,
                "layers": 2,
                "dilation_cycle": 2,
                "step_channels": 8,
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
