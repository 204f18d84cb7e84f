"""What `Vocoder.compile` makes of a model, where it is."""

from audiodiff.engine.gpu.block import triton_runs_on
from audiodiff.engine.gpu.model import RecordedModel
from audiodiff.engine.gpu.network import obstacle
from audiodiff.engine.network import accelerated
from audiodiff.model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.networks.gated import GatedStack
from audiodiff.networks.local_spectral import LocalStack


def compiled(model: DiffusionModel) -> DiffusionModel:
    """The same model, of the same parameters, for inference where it is now.

    On a GPU that Triton knows it is a `RecordedModel` if its network is a `DiffWave` without an `obstacle`. Networks
    that run as they are, which others do, and this one in float16, are compiled by torch when they are first called.
    """
    for module in model.denoiser.modules():
        if isinstance(module, GatedStack | LocalStack | DiffWave):
            module.compile(dynamic=True)
    network = model.denoiser.network
    if isinstance(network, DiffWave) and obstacle(network) is None and triton_runs_on(network.input.weight.device):
        return RecordedModel(model)
    return accelerated(model)
