"""A `SpectralGainNetwork` on a processor, its convolutions in C."""

from functools import partial

import torch
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.engine.gains.gain_kernel import PackedGains, gain_kernel
from audiodiff.networks import SpectralGainNetwork
from audiodiff.networks.packed_stack import ParameterVersion, state_of
from audiodiff.types import Samples, Time, Wave


class FastGains(nn.Module):
    """Computes what `network` computes, from the same parameters, without gradients.

    On other devices and in other types than float32, and where gradients are wanted, the network itself is called.
    Under autocast these convolutions stay in float32, which is faster here than torch's in bfloat16. May be called from
    many threads.
    """

    def __init__(self, network: SpectralGainNetwork) -> None:
        super().__init__()
        self.network = network
        self._packed: tuple[ParameterVersion, PackedGains] | None = None

    @property
    def radius(self) -> Samples:
        """Receptive radius: the network's own."""
        return self.network.radius

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Map noisy samples, their noise time and the condition to what the mean lacks, as the network does."""
        weight = self.network.input.weight
        native = weight.device.type == "cpu" and weight.dtype == torch.float32
        if not native or torch.is_grad_enabled():
            return self.network(x_t, t, cond)
        with torch.autocast("cpu", enabled=False):
            return self.network.call_core(partial(self._found, self._weights()), x_t.float(), t, cond)

    def _found(self, weights: PackedGains, step: Tensor, kept: Tensor, *rows: Tensor) -> Tensor:
        """The network's own `found`, item by item."""
        items = zip(self.network.step(step), kept.flatten().tolist(), *rows, strict=True)
        return torch.stack([gain_kernel().found(self.network, weights, *item) for item in items])

    def _weights(self) -> PackedGains:
        """Pack the weights once for each state of the parameters: training, loading or moving them is seen."""
        state = state_of(self.network)
        if self._packed is None or self._packed[0] != state:
            self._packed = state, PackedGains.of(self.network, gain_kernel().wide)
        return self._packed[1]
