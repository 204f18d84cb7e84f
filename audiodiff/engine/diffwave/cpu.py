"""DiffWave on a processor: all blocks of one tile of time before the next tile, so that it stays in the cache."""

from collections.abc import Iterable
from functools import partial
from weakref import WeakKeyDictionary

import torch
from torch import nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Denoiser
from audiodiff.engine.diffwave.c_kernel import PanelWeights, compiled_kernel
from audiodiff.engine.diffwave.mel_projection import MelPerBlock, MelRows, SharedMel, StretchedMel
from audiodiff.engine.diffwave.packed_weights import PackedWeights, packed
from audiodiff.engine.diffwave.support import supports
from audiodiff.engine.diffwave.tile_pass import TilePass, Workspace, steps_of, tile_length
from audiodiff.engine.diffwave.tiles import CallsInTiles
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.networks.diffwave import Inputs, Outputs
from audiodiff.networks.packed_stack import ParameterVersion, state_of
from audiodiff.networks.upsampling import BlockUpsamplers
from audiodiff.types import Samples, Time, Wave

FEW_BITS = (torch.bfloat16,)
"""Precisions of the blocks' products under autocast, beside the weights' own."""
_Kept = tuple[torch.dtype, ParameterVersion]
"""The precision that a mel was stretched in, and the state of the upsampler that did it."""
_KEPT = 1 << 19
"""Samples whose stretched mel is kept from step to step: of 80 bands that is 160 MiB."""


class FastDiffWave(nn.Module):
    """Computes what `network` computes, from the same parameters, without gradients.

    On other devices, where gradients are wanted, and under autocast to other types than bfloat16, the network itself
    is called; also for a waveform too short to be reflected, which it refuses. Under autocast to bfloat16 the products
    inside the blocks have that precision, the sums over blocks that of the weights; if it is `native`, by a kernel in C
    that is compiled when it is first wanted, where there is one. May be called from many threads.
    """

    def __init__(self, network: DiffWave, *, native: bool = False) -> None:
        super().__init__()
        self.network, self.native = network, native
        self._stretched: WeakKeyDictionary[Conditioning, tuple[_Kept, list[SharedMel]]] = WeakKeyDictionary()
        self._packed: dict[torch.dtype, tuple[ParameterVersion, PackedWeights]] = {}

    @property
    def radius(self) -> Samples:
        """Receptive radius: the network's own."""
        return self.network.radius

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Outputs:
        """Map noisy samples, their noise time and the mel to the prediction, as the network does."""
        dtype = self._dtype()
        short = self.network.reflects and x_t.shape[-1] <= self.network.widest
        if dtype is None or short:
            return self.network(x_t, t, cond)
        with torch.autocast("cpu", enabled=False):
            own = self.network.input.weight.dtype
            return self.network.call_core(partial(self._output, dtype), x_t.to(own), t, cond)

    @property
    def tiles(self) -> bool:
        """Check whether `in_tiles` works here and now, for this network."""
        return self._dtype() is not None and supports(self.network, "tiles") is None

    def in_tiles(self, calls: int) -> CallsInTiles:
        """Begin with a waveform on which the network is called so many times, tile by tile; only where it `tiles`."""
        dtype = self._dtype()
        assert dtype is not None
        return CallsInTiles(self.network, self._weights(dtype), calls)

    def _dtype(self) -> torch.dtype | None:
        """In which the products of the blocks are taken here and now; None where the network itself is called."""
        weight = self.network.input.weight
        autocast = torch.is_autocast_enabled("cpu")
        dtype = torch.get_autocast_dtype("cpu") if autocast else weight.dtype
        usable = weight.device.type == "cpu" and not torch.is_grad_enabled() and dtype in (weight.dtype, *FEW_BITS)
        return dtype if usable else None

    def _output(self, dtype: torch.dtype, waves: Inputs, t: Time, cond: Conditioning) -> Outputs:
        network, weights = self.network, self._weights(dtype)
        rows = waves.unflatten(-1, (-1, network.patch)).movedim(2, 1).flatten(2)  # a row of samples for every place
        out = waves.new_empty(len(waves), network.output.out_channels, rows.shape[1])
        workspace = Workspace(network, weights, tile_length())
        items = zip(rows, self._mels(cond, waves, dtype), out, steps_of(network, t, cond), strict=True)
        for wave, mel, item, step in items:
            shown = None if mel is None else StretchedMel(mel, weights)
            TilePass(network, weights, workspace, step).run(wave, shown, item)
        return network.samples(out)

    def _mels(self, cond: Conditioning, waves: Inputs, dtype: torch.dtype) -> Iterable[MelRows | None]:
        """The mel of every item; kept for the other steps of the same condition where that is not much memory."""
        network, upsampler = self.network, self.network.upsampler
        if upsampler is None:
            return [None] * len(waves)
        mels = cond.need_mel()
        if isinstance(upsampler, BlockUpsamplers):
            blocks = len(network.blocks)
            hop = network.hop_length // network.patch
            return [MelPerBlock(upsampler, mel, hop, blocks, dtype) for mel in mels]
        if len(waves) * waves.shape[-1] > _KEPT:
            return (SharedMel(upsampler, mel, dtype) for mel in mels)
        state = (dtype, state_of(upsampler))
        known = self._stretched.get(cond)
        if known is None or known[0] != state:
            known = self._stretched[cond] = (state, [SharedMel(upsampler, mel, dtype) for mel in mels])
        return known[1]

    def _weights(self, dtype: torch.dtype) -> PackedWeights:
        """Pack the weights once for each state of the parameters: training, loading or moving them is seen."""
        state = state_of(self.network)
        known = self._packed.get(dtype)
        if known is None or known[0] != state:
            weights = packed(self.network, dtype)
            if self.native and supports(self.network, "c", dtype) is None:
                weights = PanelWeights.of(weights, compiled_kernel(dtype))
            known = self._packed[dtype] = (state, weights)
        return known[1]


def accelerated(model: DiffusionModel, *, native: bool = False) -> DiffusionModel:
    """The same model, of the same parameters, for inference: its DiffWave, if it is one, runs in the engine."""
    network = model.denoiser.network
    return with_network(model, FastDiffWave(network, native=native)) if isinstance(network, DiffWave) else model


def with_network(model: DiffusionModel, network: nn.Module) -> DiffusionModel:
    """The same model for inference, its denoising network replaced."""
    denoiser = model.denoiser
    fast = Denoiser(network=network, schedule=denoiser.schedule, prediction=denoiser.prediction)
    return model.changed(denoiser=fast).eval()
