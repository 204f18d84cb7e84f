"""A sampler run on a stretch of time, up to the first network call whose output is not known there.

Between two calls of the network a sampler treats every sample by itself. So what it asks next about a stretch follows
from what the network answered about that stretch before, and any sampler can be run on any stretch, as often as
needed, without knowing of stretches: the network that it calls repeats old outputs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Denoiser, LearnedVariance, Sampler, Times
from audiodiff.errors import ConfigError
from audiodiff.streaming.frame_buffer import FrameBuffer
from audiodiff.types import Noise, Samples, Time, Wave


class PointwiseError(ConfigError):
    """A sampler that does not treat every sample by itself."""

    def __init__(self) -> None:
        super().__init__(
            "the sampler calls the network more or less often depending on the signal, so it cannot run on a part of "
            "it: choose one with a fixed number of calls, such as ddim"
        )


@dataclass(frozen=True, eq=False)
class NetworkCall:
    """Arguments of a network call: its input and the label of the noise level."""

    x: Wave
    label: Time


class PendingCall(Exception):  # noqa: N818 (it is no error)
    """Ends a replay at the call whose output is not known yet."""

    def __init__(self, call: NetworkCall) -> None:
        super().__init__()
        self.call = call


class ReplayNetwork(nn.Module):
    """Stands in for the network of a sampler: it repeats `outputs`, then raises `PendingCall`."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[Tensor] = []
        self.calls = 0

    def forward(self, x: Wave, label: Time, cond: Conditioning) -> Tensor:
        """Return the output of the next call."""
        if self.calls == len(self.outputs):
            raise PendingCall(NetworkCall(x, label))
        self.calls += 1
        return self.outputs[self.calls - 1]


class SamplerReplay:
    """A sampler with its grid, and the outputs of the network so far, in one buffer for each of its calls.

    Raises `PointwiseError` for a sampler whose number of calls depends on the signal.
    """

    def __init__(self, denoiser: Denoiser, sampler: Sampler, times: Times, hop_length: Samples) -> None:
        self.sampler, self.times = sampler, times
        self.stand_in = ReplayNetwork()
        self.denoiser = Denoiser(
            network=self.stand_in, schedule=denoiser.schedule, prediction=denoiser.prediction
        ).requires_grad_(False)
        n_calls, self.n_states = self._count()
        self.outputs = [FrameBuffer(hop_length) for _ in range(n_calls)]

    def call(self, x: Wave, noise: Noise, turn: int, start: int, end: int) -> NetworkCall:
        """Arguments of call number `turn` on the frames from `start` to `end`; `x` is the first state there."""
        try:
            self._run(x, noise, [buffer.read(start, end) for buffer in self.outputs[:turn]])
        except PendingCall as pending:
            return pending.call
        raise PointwiseError

    def states(self, x: Wave, noise: Noise, start: int, end: int) -> list[Wave]:
        """The states after every step on the frames from `start` to `end`, where the outputs of all calls are known."""
        try:
            return self._run(x, noise, [buffer.read(start, end) for buffer in self.outputs])
        except PendingCall as pending:
            raise PointwiseError from pending

    def _run(self, x: Wave, noise: Noise, outputs: list[Tensor]) -> list[Wave]:
        self.stand_in.outputs, self.stand_in.calls = outputs, 0
        return list(self.sampler(self.denoiser.bind(Conditioning()), self.denoiser.schedule, x, self.times, noise))

    def _count(self) -> tuple[int, int]:
        """The numbers of calls and of states, found by a run over no samples at all."""
        nothing = torch.empty(1, 0, dtype=torch.float32)
        output = nothing.new_empty(1, 2, 0) if isinstance(self.denoiser.prediction, LearnedVariance) else nothing
        outputs: list[Tensor] = []
        while True:
            try:
                return len(outputs), len(self._run(nothing, torch.empty_like, outputs))
            except PendingCall:
                outputs.append(output)
