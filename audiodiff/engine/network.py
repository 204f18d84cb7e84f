"""DiffWave on a processor: all blocks of one tile of time before the next tile, so that it stays in the cache."""

from collections.abc import Iterable
from weakref import WeakKeyDictionary

import torch
from torch import nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Denoiser
from audiodiff.engine.mels import MelPerBlock, SharedMel
from audiodiff.engine.packed import Packed, packed
from audiodiff.engine.products import kind_of
from audiodiff.engine.walk import Walk
from audiodiff.model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.networks.diffwave import Outputs, ResidualBlock
from audiodiff.networks.packed import State, state_of
from audiodiff.networks.upsampling import BlockUpsamplers
from audiodiff.types import Time, Wave

FEW_BITS = (torch.bfloat16,)
"""What the products of the blocks may be computed in, under autocast, beside the weights' own precision."""
KEPT = 1 << 19
"""Samples whose stretched mel is kept from step to step: of 80 bands that is 160 MiB."""


class FastDiffWave(nn.Module):
    """Computes what `network` computes, from the same parameters, without gradients.

    On other devices, where gradients are wanted, and under autocast to other types than bfloat16, the network itself
    is called; also for a waveform too short to be reflected, which it refuses. Under autocast to bfloat16 the products
    inside the blocks have that precision, the sums over blocks that of the weights. May be called from many threads.
    """

    def __init__(self, network: DiffWave) -> None:
        super().__init__()
        self.network = network
        self._stretched: WeakKeyDictionary[Conditioning, tuple[State, list[SharedMel]]] = WeakKeyDictionary()
        self._packed: dict[torch.dtype, tuple[State, Packed]] = {}

    @property
    def reach(self) -> int:
        """How many frames to either side of its own frame a sample of the output depends on."""
        return self.network.reach

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Outputs:
        """Map noisy samples, their noise time and the mel to the prediction, as the network does."""
        own = self.network.input.weight.dtype
        autocast = torch.is_autocast_enabled("cpu")
        dtype = torch.get_autocast_dtype("cpu") if autocast else own
        short = self.network.reflects and x_t.shape[-1] <= self.network.widest
        if x_t.device.type != "cpu" or torch.is_grad_enabled() or dtype not in (own, *FEW_BITS) or short:
            return self.network(x_t, t, cond)
        with torch.autocast("cpu", enabled=False):
            return self._computed(x_t.to(own), t, cond, dtype)

    def _computed(self, x_t: Wave, t: Time, cond: Conditioning, dtype: torch.dtype) -> Outputs:
        network = self.network
        weights = self._weights(dtype)
        waves = torch.stack([x_t, cond.need_mean()] if network.sees_mean else [x_t], dim=-1)
        step = network.embedding(t) if network.clip is None else network.clip(network.embedding(t), cond)
        steps = torch.stack([_block(block).step(step) for block in network.blocks], dim=1)
        out = x_t.new_empty(len(x_t), network.output.out_channels, x_t.shape[-1])
        for wave, mel, item, step in zip(waves, self._mels(cond, x_t), out, steps, strict=True):
            Walk(network, weights, *kind_of(dtype, x_t.dtype), step).run(wave, mel, item)
        return out.squeeze(1)

    def _mels(self, cond: Conditioning, x_t: Wave) -> Iterable[SharedMel | MelPerBlock | None]:
        """The mel of every item; kept for the other steps of the same condition where that is not much memory."""
        network, upsampler = self.network, self.network.upsampler
        if upsampler is None:
            return [None] * len(x_t)
        mels = cond.need_mel()
        if isinstance(upsampler, BlockUpsamplers):
            return [MelPerBlock(upsampler, mel, network.hop_length, len(network.blocks)) for mel in mels]
        if x_t.numel() > KEPT:
            return (SharedMel(upsampler, mel) for mel in mels)
        state = state_of(upsampler)
        known = self._stretched.get(cond)
        if known is None or known[0] != state:
            known = self._stretched[cond] = (state, [SharedMel(upsampler, mel) for mel in mels])
        return known[1]

    def _weights(self, dtype: torch.dtype) -> Packed:
        """Packed once for each state of the parameters: training, loading or moving them is seen."""
        state = state_of(self.network)
        known = self._packed.get(dtype)
        if known is None or known[0] != state:
            _, gate = kind_of(dtype, self.network.input.weight.dtype)
            known = self._packed[dtype] = (state, packed(self.network, gate))
        return known[1]


def accelerated(model: DiffusionModel) -> DiffusionModel:
    """The same model, of the same parameters, for inference: its DiffWave, if it is one, runs in the engine."""
    denoiser = model.denoiser
    if not isinstance(denoiser.network, DiffWave):
        return model
    fast = Denoiser(network=FastDiffWave(denoiser.network), schedule=denoiser.schedule, prediction=denoiser.prediction)
    return DiffusionModel(mel=model.mel, denoiser=fast, prior=model.prior).eval()


def _block(block: nn.Module) -> ResidualBlock:
    assert isinstance(block, ResidualBlock)
    return block
