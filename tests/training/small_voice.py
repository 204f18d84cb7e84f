"""A source-filter voice small enough to train in a test."""

import torch

from audiodiff.diffusion import Denoiser, StraightPath, X0Prediction
from audiodiff.mel import convention
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import FilterNetwork, KeepToMel, SourceNetwork, SpectralGainNetwork, SpreadNetwork
from audiodiff.priors import SourceFilter

HIFIGAN = convention("hifigan_22k")
FRAMES = 24


def small_model(onsets: int = 0) -> DiffusionModel:
    """Of random weights, the same every time."""
    torch.manual_seed(0)
    small = {"channels": 8, "layers": 2, "dilation_cycle": 1}
    prior = SourceFilter(
        mel=HIFIGAN,
        source=SourceNetwork(mel=HIFIGAN, **small),
        filter=FilterNetwork(mel=HIFIGAN, **small),
        spread=SpreadNetwork(mel=HIFIGAN, **small),
    )
    network = SpectralGainNetwork(mel=HIFIGAN, channels=4, layers=1, step_channels=8)
    denoiser = Denoiser(network=network, schedule=StraightPath(), prediction=X0Prediction())
    finish = KeepToMel(mel=HIFIGAN, onsets=onsets) if onsets else None
    return DiffusionModel(mel=HIFIGAN, denoiser=denoiser, prior=prior, finish=finish)
