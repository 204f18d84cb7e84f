"""A mel in pieces through prior, network and sampler, one wave of work behind the other."""

from typing import Protocol

import torch
from torch import Tensor

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Sampler, Times, bound_network
from audiodiff.errors import ConfigError
from audiodiff.models.diffusion_model import DiffusionModel, LocalPrior, ScaledPrior
from audiodiff.streaming.finish_stream import FinishStream
from audiodiff.streaming.frame_buffer import FrameBuffer
from audiodiff.streaming.replay import SamplerReplay
from audiodiff.types import Mel, Noise, Samples, Wave


class AddressedNoise(Protocol):
    """White noise of which any part of any draw can be had, as from `SampleNoise`."""

    def at(self, draw: int, start: Samples, stop: Samples) -> Wave:
        """The samples from `start` to `stop` of a draw."""
        ...


class ModelStream:
    """One mel, fed in any pieces; what comes out is, put together, `DiffusionModel.generate` of the whole.

    With `every_step` that is a row for the waveform after each of the sampler's steps, otherwise one row.

    Every network call k works on the frames behind those that call k - 1 has finished, as far as it need see no
    more than those: it lags by the network's receptive radius, and memory holds that times the calls, whatever the
    length. `lag` is how many frames later than the mel the waveform comes at the latest.
    """

    piece = 1024
    """Frames to feed at a time where all are there already: more take memory, fewer take time."""

    def __init__(
        self,
        model: DiffusionModel,
        *,
        sampler: Sampler,
        times: Times,
        noise: AddressedNoise,
        every_step: bool = False,
    ) -> None:
        if not isinstance(model.prior, LocalPrior):
            raise ConfigError(f"{type(model.prior).__name__} cannot be had in pieces: give it a `radius` and `means`")
        self.model, self.prior = model, model.prior
        self.around = model.frames_around(model.radius)
        self.around_prior = model.frames_around(model.prior.radius)
        self.replay = SamplerReplay(model.denoiser, sampler, times, model.mel.hop_length)
        self.scale = model.start_scale(times)
        self.mel = FrameBuffer(1)
        self.noise = ShapedNoise(self.prior, self.mel, noise, model.mel.hop_length, self.around_prior)
        self.means = self.prior.means()
        self.mean = None if self.means is None else FrameBuffer(model.mel.hop_length)
        self.finish = FinishStream(model.finish, self.mel, model.mel.hop_length) if model.finish else None
        self.scales: FrameBuffer | None = None
        self.sampled = 0
        self.every_step = every_step

    @property
    def lag(self) -> int:
        """In frames; computed from how far prior, network and finish see, and the number of network calls."""
        return self._sampling_lag if self.finish is None else self.finish.lag_behind(self._sampling_lag)

    @property
    def finished(self) -> int:
        """Frames that have come out."""
        return self.sampled if self.finish is None else self.finish.done

    @property
    def _sampling_lag(self) -> int:
        return self._prior_lag + self.around * len(self.replay.outputs)

    @property
    def _prior_lag(self) -> int:
        return max(self.around_prior, 0 if self.means is None else self.means.lag)

    def feed(self, mel: Mel) -> Wave:
        """Take the next frames [1, n_mels, frames], return the samples [rows, samples] that are finished."""
        self.mel.append(mel)
        if self.means is not None and self.mean is not None:
            self.mean.append(self.means.feed(mel))
        ready = self.mel.end - self.around_prior
        return self._end(self._advance(ready if self.mean is None else min(ready, self.mean.end), last=False))

    def flush(self) -> Wave:
        """Return all that is left."""
        if self.means is not None and self.mean is not None:
            self.mean.append(self.means.flush())
        return self._end(self._advance(self.mel.end, last=True), last=True)

    def _end(self, waves: Wave, *, last: bool = False) -> Wave:
        return waves if self.finish is None else self.finish.feed(waves, last=last)

    def _advance(self, ready: int, *, last: bool) -> Wave:
        """Let every network call go as far as it can; `ready` is where the first one may look."""
        ready = max(0, ready)
        for turn, output in enumerate(self.replay.outputs):
            end = ready if last else ready - self.around
            if end > output.end:
                start = max(0, output.end - self.around)
                said = self._ask(turn, start, ready)
                hop = self.model.mel.hop_length
                output.append(said[..., (output.end - start) * hop : (end - start) * hop])
            ready = output.end
        return self._decoded(ready)

    def _ask(self, turn: int, start: int, end: int) -> Tensor:
        call = self.replay.call(*self._beginning(start, end), turn, start, end)
        network = bound_network(self.model.denoiser.network, self._cond(start, end))
        return network(call.x, call.label)

    def _decoded(self, end: int) -> Wave:
        start, self.sampled = self.sampled, end
        if start == end:
            rows = self.replay.n_states if self.every_step else 1
            return self.mel.read(start, end).new_empty(rows, 0, dtype=torch.float32)
        states = self.replay.states(*self._beginning(start, end), start, end)
        cond = self._cond(start, end)
        waves = [self.prior.decode(state, cond) for state in (states if self.every_step else states[-1:])]
        needed = end - self.around - self.around_prior
        for buffer in (*self.replay.outputs, *self.noise.draws, self.mean, self.scales):
            if buffer is not None:
                buffer.forget(before=needed)
        self.mel.forget(before=needed if self.finish is None else min(needed, self.finish.needed))
        return torch.cat(waves)

    def _beginning(self, start: int, end: int) -> tuple[Wave, Noise]:
        """The first state on the frames from `start` to `end`, and the noise for the later ones."""
        noise = self.noise.on(start, end)
        return self.scale * noise(self.scale), noise

    def _cond(self, start: int, end: int) -> Conditioning:
        mean = None if self.mean is None else self.mean.read(start, end)
        return Conditioning(mel=self.mel.read(start, end), mean=mean, scale=self._scale(start, end))

    def _scale(self, start: int, end: int) -> Tensor | None:
        """The magnitudes of the prior's noise, for a network that looks at them."""
        if not isinstance(self.prior, ScaledPrior):
            return None
        done = 0 if self.scales is None else self.scales.end
        if end > done:
            first, last = max(0, done - self.around_prior), min(self.mel.end, end + self.around_prior)
            scale = self.prior.scale(self.mel.read(first, last))
            parts = scale.shape[-1] // (last - first)
            self.scales = self.scales or FrameBuffer(parts)
            self.scales.append(scale[..., (done - first) * parts : (end - first) * parts])
        return None if self.scales is None else self.scales.read(start, end)


class ShapedNoise:
    """The prior's noise, draw by draw, on any stretch of the mel that is still there."""

    def __init__(
        self, prior: LocalPrior, mel: FrameBuffer, white: AddressedNoise, hop_length: Samples, around: int
    ) -> None:
        self.prior, self.mel, self.white, self.hop_length, self.around = prior, mel, white, hop_length, around
        self.draws: list[FrameBuffer] = []

    def on(self, start: int, end: int) -> Noise:
        """Noise for a sampling run over the frames from `start` to `end`; each call is the next draw."""
        draws = iter(range(1 << 62))

        def draw(_: Tensor) -> Tensor:
            return self._read(next(draws), start, end)

        return draw

    def _read(self, draw: int, start: int, end: int) -> Tensor:
        if draw == len(self.draws):
            self.draws.append(FrameBuffer(self.hop_length))
        buffer = self.draws[draw]
        if end > buffer.end:
            buffer.append(self._shaped(draw, buffer.end, end))
        return buffer.read(start, end)

    def _shaped(self, draw: int, start: int, end: int) -> Wave:
        hop, around = self.hop_length, self.around
        first, last = max(0, start - around), min(self.mel.end, end + around)
        mel = self.mel.read(first, last)
        white = self.white.at(draw, first * hop, last * hop).to(mel)
        shaped = self.prior.shape(white, Conditioning(mel=mel))
        return shaped[:, (start - first) * hop : (end - first) * hop]
