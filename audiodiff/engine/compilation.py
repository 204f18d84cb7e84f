"""Compilation of a model for the device that it is on."""

from torch import nn

from audiodiff.engine.diffwave.cpu import FastDiffWave, accelerated, with_network
from audiodiff.engine.diffwave.gpu.launch import triton_runs_on
from audiodiff.engine.diffwave.gpu.recorded_model import RecordedModel
from audiodiff.engine.diffwave.support import supports
from audiodiff.engine.gains.fast_gains import FastGains
from audiodiff.engine.iterations.fast_low_band import FastLowBand
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave, KeepToMel, SpectralGainNetwork
from audiodiff.networks.gated import GatedStack


def compiled(model: DiffusionModel) -> DiffusionModel:
    """The same model, of the same parameters, for inference where it is now.

    On a processor the blocks of a `DiffWave` or the convolutions of a `SpectralGainNetwork` are one function in C, and
    the iterations below a kilohertz another, which the first call compiles. On a GPU that Triton knows it is a
    `RecordedModel`, if its network is a `DiffWave` that the kernel `supports`. Unless all is in C, torch compiles every
    `DiffWave` and `GatedStack` of denoiser and finish when it is first called; what else there is runs as ever.
    """
    network = model.denoiser.network
    device = next(network.parameters()).device
    triton = triton_runs_on(device)
    if device.type == "cpu" and not triton and isinstance(network, DiffWave | SpectralGainNetwork):
        return _in_c(model, network)
    for part in (model.denoiser, model.finish):
        for module in part.modules() if isinstance(part, nn.Module) else ():
            if isinstance(module, GatedStack | DiffWave):
                module.compile(dynamic=True)
    if isinstance(network, DiffWave) and triton and supports(network, "triton") is None:
        return RecordedModel(model)
    return accelerated(model)


def _in_c(model: DiffusionModel, network: DiffWave | SpectralGainNetwork) -> DiffusionModel:
    fast = FastDiffWave(network, native=True) if isinstance(network, DiffWave) else FastGains(network)
    made, finish = with_network(model, fast), model.finish
    if isinstance(finish, KeepToMel) and finish.low is not None and FastLowBand.knows(finish.low):
        return made.changed(finish=finish.with_low(FastLowBand(finish, finish.low))).eval()
    return made
