"""DiffWave on a GPU: one kernel for each residual block."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion.denoiser import BoundNetwork
from audiodiff.engine.diffwave.gpu.fused_weights import MEL_GROUP, BlockBuffers, FusedWeights
from audiodiff.engine.diffwave.gpu.launch import add_block, triton_runs_on
from audiodiff.engine.diffwave.support import supports
from audiodiff.errors import ConfigError
from audiodiff.networks import DiffWave
from audiodiff.networks.diffwave import Outputs, ResidualBlock
from audiodiff.networks.packed_stack import ParameterVersion, state_of
from audiodiff.types import Samples, Time, Wave

MelSamples = Float[Tensor, "batch samples bands"]
ItemLengths = Int[Tensor, " batch"]
Shifts = Float[Tensor, "blocks batch channels"]


class FusedDiffWave(nn.Module):
    """Computes what `network` computes, from the same parameters, without gradients, for batches of any lengths.

    Products are in float32, or under autocast to bfloat16 in that, summed in float32; x and the sum of the skips are
    float32 always. Where gradients are wanted, under autocast to other types, and where Triton does not run, the
    network itself is called. Raises `ConfigError` for a network that this way is closed to, see `supports`.
    """

    def __init__(self, network: DiffWave) -> None:
        super().__init__()
        reason = supports(network, "triton")
        if reason is not None:
            raise ConfigError(f"the fused block cannot run this DiffWave: {reason}; call the network itself")
        self.network = network
        self._weights: dict[torch.dtype, tuple[ParameterVersion, FusedWeights]] = {}

    @property
    def radius(self) -> Samples:
        """Receptive radius: the network's own."""
        return self.network.radius

    def factors(self, device: torch.device) -> torch.dtype | None:
        """In which dtype the products would be now, or None if the network itself would run."""
        autocast = torch.is_autocast_enabled(device.type)
        dtype = torch.get_autocast_dtype(device.type) if autocast else torch.float32
        covered = dtype in (torch.float32, torch.bfloat16) and not torch.is_grad_enabled()
        return dtype if covered and triton_runs_on(device) else None

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Outputs:
        """Map noisy samples, their noise time and the mel to the prediction, as the network does."""
        return self.bound(cond)(x_t, t)

    def bound(self, cond: Conditioning) -> BoundNetwork:
        """Fix the condition: its mel is stretched once for all calls."""
        stretched: dict[torch.dtype, MelSamples] = {}

        def call(x_t: Wave, t: Time) -> Outputs:
            dtype = self.factors(x_t.device)
            if dtype is None:
                return self.network(x_t, t, cond)
            weights = self.weights(dtype)
            with torch.autocast(x_t.device.type, enabled=False):
                if dtype not in stretched:
                    stretched[dtype] = self.stretched(cond, x_t, dtype)
                lengths = torch.full((len(x_t),), x_t.shape[-1], dtype=torch.int32, device=x_t.device)
                state = BlockBuffers(len(x_t), x_t.shape[-1], self.network.input.out_channels, x_t.device)
                waves = self.waves(x_t.float(), cond.mean)
                return self.core(weights, waves, self.shifts(weights, t), stretched[dtype], lengths, state)

        return call

    def weights(self, dtype: torch.dtype) -> FusedWeights:
        """Arranged once for each state of the parameters: training, loading or moving them is seen."""
        version = state_of(self.network)
        known = self._weights.get(dtype)
        if known is None or known[0] != version:
            known = self._weights[dtype] = version, FusedWeights.of(self.network, dtype)
        return known[1]

    def waves(self, x_t: Wave, mean: Wave | None) -> Float[Tensor, "batch samples inputs"]:
        """Input of the first convolution."""
        if not self.network.sees_mean:
            return x_t.unsqueeze(-1)
        return torch.stack([x_t, Conditioning(mean=mean).need_mean()], dim=-1)

    def shifts(self, weights: FusedWeights, t: Time) -> Shifts:
        """The term that each block adds to its input at a noise time [batch], the constant part of x included."""
        step = self.network.embedding(t)
        blocks = zip(weights.packed.blocks, self.network.blocks, strict=True)
        return torch.stack([packed.shift(_block(block).step(step)) for packed, block in blocks])

    def stretched(self, cond: Conditioning, like: Wave, dtype: torch.dtype) -> MelSamples:
        """The mel of every sample in `dtype`, its bands filled up with zeros; no bands for a network without a mel."""
        if self.network.upsampler is None:
            return like.new_empty(*like.shape, 0, dtype=dtype)
        mel = self.network.upsampler(cond.need_mel()).mT.to(dtype)
        return F.pad(mel, (0, -mel.shape[-1] % MEL_GROUP)).contiguous()

    def core(
        self,
        weights: FusedWeights,
        waves: Float[Tensor, "batch samples inputs"],
        shifts: Shifts,
        mel: MelSamples,
        lengths: ItemLengths,
        state: BlockBuffers,
    ) -> Outputs:
        """The network's output; an item's samples beyond its length have no meaning, and matter to nothing."""
        packed, channels = weights.packed, state.x.shape[-1]
        torch.addmm(packed.input_bias, waves.flatten(0, 1), packed.input, out=state.x.view(-1, channels)).relu_()
        state.total.zero_()
        with torch.cuda.device_of(state.x):
            for block, shift in zip(weights.blocks, shifts, strict=True):
                add_block(block, state, mel, lengths, shift)
        x = torch.addmm(packed.skip_bias, state.total.view(-1, channels), packed.skip).relu_()
        out = torch.addmm(packed.output_bias, x, packed.output)
        return out.view(*state.x.shape[:2], -1).movedim(2, 1).squeeze(1)


def _block(block: nn.Module) -> ResidualBlock:
    assert isinstance(block, ResidualBlock)
    return block
