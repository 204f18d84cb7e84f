"""A whole sampling run in buffers that stay where they are, recorded as one CUDA graph where there is a GPU."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Denoiser, Sampler, Times
from audiodiff.diffusion.denoiser import BoundDenoiser, BoundNetwork
from audiodiff.engine.diffwave.gpu.fused import FusedDiffWave
from audiodiff.engine.diffwave.gpu.fused_weights import BlockBuffers
from audiodiff.types import Samples, Time, Wave

WARM_UPS = 2
"""Runs before the recording: kernels are compiled and libraries take their workspaces, which a recording may not do."""


@dataclass(frozen=True)
class Shape:
    """Of a recording: items and frames, both filled up to a bucket, samples of a frame, and the dtype of products."""

    batch: int
    frames: int
    hop_length: Samples
    dtype: torch.dtype
    every_step: bool = False
    """Keeps the states after all steps; otherwise the last one alone."""
    tf32: bool = False
    """Products in float32 have factors of 10 bits."""


class HostDenoiser(Denoiser):
    """A denoiser that leaves the noise label on the host: a copy to the device cannot be recorded."""

    def call_network(self, network: BoundNetwork, x_t: Wave, t: Time) -> Tensor:
        """Return what a network whose condition is fixed says; its label is one number, on the processor."""
        label = self.prediction.noise_label(t, self.schedule)
        return network(self.prediction.scale_input(x_t, t, self.schedule), label)


class Recording:
    """All network calls and updates of a sampler on a grid, for a batch of one shape.

    `write` an item to every place that is taken and `close` the others, `run`, then `read`. `draws` are the prior's
    noise, [batch, samples] each: sampling starts at the first one, times `scale`. Not for two threads at once.
    """

    @torch.inference_mode(False)  # buffers that were made in inference mode could not be written to outside of it
    @torch.no_grad()
    def __init__(self, denoiser: Denoiser, sampler: Sampler, times: Times, scale: Tensor, shape: Shape) -> None:
        network = denoiser.network
        assert isinstance(network, FusedDiffWave)
        self.network, self.shape, self.device = network, shape, network.network.input.weight.device
        self.sampler, self.times, self.scale = sampler, times, scale.cpu()
        self.denoiser = HostDenoiser(network=network, schedule=denoiser.schedule, prediction=denoiser.prediction)
        self.weights = network.weights(shape.dtype)
        samples, channels = shape.frames * shape.hop_length, network.network.input.out_channels
        self.state = BlockBuffers(shape.batch, samples, channels, self.device)
        self.mel = torch.zeros(shape.batch, samples, self.weights.bands, dtype=shape.dtype, device=self.device)
        self.mean = torch.zeros(shape.batch, samples, device=self.device) if network.network.sees_mean else None
        self.lengths = torch.zeros(shape.batch, dtype=torch.int32, device=self.device)
        self.like = torch.empty(shape.batch, samples, device=self.device)
        self.results: list[Wave] = []
        self.draws: list[Wave] = []
        self.shifts: dict[float, Tensor] = {}
        self.run = recorded(self._walk, self.device)

    def write(self, place: int, draws: list[Wave], cond: Conditioning) -> None:
        """Put one item, [1, samples] a draw, in its place; what is left over from a longer one is silenced."""
        samples = draws[0].shape[-1]
        self.lengths[place] = samples
        with torch.autocast(self.device.type, enabled=False):
            mel = self.network.stretched(cond, draws[0], self.shape.dtype)
        kept, given = [*self.draws, self.mel], [*draws, mel]
        if self.mean is not None:
            kept, given = [*kept, self.mean], [*given, cond.need_mean()]
        for buffer, item in zip(kept, given, strict=True):
            buffer[place, :samples] = item[0]
            buffer[place, samples:] = 0

    def close(self, place: int) -> None:
        """Leave a place empty: nothing is computed for it."""
        self.lengths[place] = 0

    def read(self, place: int, samples: Samples) -> list[Float[Tensor, "1 samples"]]:
        """The states of an item that are kept, in memory of their own."""
        return [result[place : place + 1, :samples].clone() for result in self.results]

    @torch.autocast("cuda", enabled=False)
    @torch.autocast("cpu", enabled=False)
    def _walk(self) -> None:
        """From the buffers to `results`, with no memory but theirs and what a graph keeps for itself."""
        noise = self._noise()
        start = self.scale * noise()
        bound = BoundDenoiser(self.denoiser, self._core)
        states = list(self.sampler(bound, self.denoiser.schedule, start, self.times, lambda _: noise()))
        kept = states if self.shape.every_step else states[-1:]
        self.results = self.results or [torch.zeros_like(self.like) for _ in kept]
        for result, state in zip(self.results, kept, strict=True):
            result.copy_(state)

    def _noise(self) -> Callable[[], Wave]:
        """The buffers one after the other; in the first run they are made as they are asked for."""
        places = iter(range(1 << 62))

        def draw() -> Wave:
            place = next(places)
            if place == len(self.draws):
                self.draws.append(torch.zeros_like(self.like))
            return self.draws[place]

        return draw

    def _core(self, x_t: Wave, label: Time) -> Tensor:
        network = self.network
        waves = network.waves(x_t, self.mean)
        return network.core(self.weights, waves, self._shifts(label), self.mel, self.lengths, self.state)

    def _shifts(self, label: Time) -> Tensor:
        """Made when a label is first seen, which is in the first run: the grid's labels are the same in all."""
        level = label.item()
        if level not in self.shifts:
            on_device = label.to(device=self.device, dtype=torch.float32).expand(self.shape.batch)
            self.shifts[level] = self.network.shifts(self.weights, on_device)
        return self.shifts[level]


def recorded(run: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """Run to warm up, then record a CUDA graph and return its replay; on a processor `run` itself is returned.

    `run` must read and write the same memory at every call.
    """
    if device.type != "cuda":
        run()
        return run
    stream, outside = torch.cuda.Stream(device), torch.cuda.current_stream(device)
    stream.wait_stream(outside)
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            run()
    outside.wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(device), torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        run()
    return graph.replay
