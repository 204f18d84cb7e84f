"""Pulse trains: of recordings, at their closure instants, and of synthetic voices, from f0 alone."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from audiodiff.types import Hertz, Samples

Instants = Float[Tensor, " pulses"]

HALF: Samples = 8
"""Samples that a pulse takes to either side of its instant: a sinc under a Hann window, flat almost to Nyquist."""


def pulse_train(instants: Instants, amplitudes: Instants, n_samples: Samples) -> Float[Tensor, " samples"]:
    """Band-limited pulses at fractional instants, in samples from the start; parts beyond the ends are cut off."""
    item = torch.zeros(len(instants), dtype=torch.long, device=instants.device)
    return pulse_trains(item, instants, amplitudes, 1, n_samples)[0]


def recorded_pulses(
    instants: Instants, f0: Float[Tensor, " pulses"], n_samples: Samples, sample_rate: Hertz
) -> Float[Tensor, " samples"]:
    """Pulses of a recording, of the power of white noise: as high as the square root of their period in samples."""
    return pulse_train(instants, (sample_rate / f0).sqrt(), n_samples)


class PulseGenerator:
    """Pulses of one voice from the f0 of its frames, as they come; the phase goes on from piece to piece.

    A frame's f0 holds `centre` samples after the frame begins, and is interpolated on a logarithmic scale between
    frames that are both voiced. Computed on the processor in float64, so that pieces make no difference.
    """

    def __init__(self, *, sample_rate: Hertz, hop_length: Samples, centre: Samples) -> None:
        self.sample_rate, self.hop_length, self.centre = sample_rate, hop_length, centre
        self.lag = lag_of(centre)
        self.f0 = torch.zeros(0, dtype=torch.float64)
        self.frames = self.written = 0
        self.sample, self.phase = 0, 0.0
        self.instants = torch.zeros(0, dtype=torch.float64)
        self.amplitudes = torch.zeros(0, dtype=torch.float64)

    def feed(self, f0: Float[Tensor, " frames"], *, last: bool = False) -> Float[Tensor, " samples"]:
        """Take the next frames' f0 in hertz, 0 where unvoiced; return the frames that are ready: all but `lag`."""
        self.f0 = torch.cat([self.f0, f0.double().cpu()])
        self.frames += len(f0)
        known = self.frames if last else max(0, self.frames - 1)
        self._advance(known * self.hop_length + (0 if last else self.centre if known else 0))
        return self._write(self.frames if last else max(self.written, self.frames - self.lag))

    def _advance(self, stop: Samples) -> None:
        """Let the phase run to sample `stop`, and note where it passes whole numbers."""
        if stop <= self.sample:
            return
        f0 = self._at_samples(torch.arange(self.sample, stop, dtype=torch.float64))
        step = f0 / self.sample_rate
        phase = self.phase + step.cumsum(0)
        passed = phase.floor() > (phase - step).floor()
        index = passed.nonzero().squeeze(1)
        late = (phase[index] - phase[index].floor()) / step[index]
        self.instants = torch.cat([self.instants, index + self.sample - late])
        self.amplitudes = torch.cat([self.amplitudes, step[index].rsqrt()])
        self.sample, self.phase = stop, float(phase[-1] % 1)
        forgotten = max(0, len(self.f0) - 3)
        self.f0 = self.f0[forgotten:]

    def _at_samples(self, samples: Float[Tensor, " samples"]) -> Float[Tensor, " samples"]:
        return at_places(self.f0, (samples - self.centre) / self.hop_length - (self.frames - len(self.f0)))

    def _write(self, end: int) -> Float[Tensor, " samples"]:
        start, self.written = self.written * self.hop_length, end
        stop = end * self.hop_length
        near = (self.instants > start - HALF) & (self.instants < stop + HALF)
        wave = pulse_train(self.instants[near] - start, self.amplitudes[near], stop - start)
        kept = self.instants > stop - HALF
        self.instants, self.amplitudes = self.instants[kept], self.amplitudes[kept]
        return wave


def at_places(f0: Float[Tensor, "*batch frames"], place: Float[Tensor, " samples"]) -> Float[Tensor, "*batch samples"]:
    """The f0 at places between frames, in frames from the first one; before it and behind the last it stays."""
    place = place.clamp(0, f0.shape[-1] - 1)
    left = place.floor().long()
    right = (left + 1).clamp_max(f0.shape[-1] - 1)
    weight = place - left
    a, b = f0[..., left], f0[..., right]
    between = torch.exp(torch.lerp(a.clamp_min(1e-9).log(), b.clamp_min(1e-9).log(), weight))
    return torch.where((a > 0) & (b > 0), between, torch.where(weight < 0.5, a, b))


def whole_pulses(
    f0: Float[Tensor, "batch frames"], *, sample_rate: Hertz, hop_length: Samples, centre: Samples
) -> Float[Tensor, "batch samples"]:
    """The pulses of a `PulseGenerator` for every item of a batch, in as many operations as for one."""
    f0 = f0.double().cpu()
    n_items, n_samples = len(f0), f0.shape[-1] * hop_length
    samples = torch.arange(n_samples, dtype=torch.float64)
    step = at_places(f0, (samples - centre) / hop_length) / sample_rate
    phase = step.cumsum(1)
    item, index = (phase.floor() > (phase - step).floor()).nonzero(as_tuple=True)
    late = (phase[item, index] - phase[item, index].floor()) / step[item, index]
    return pulse_trains(item, index - late, step[item, index].rsqrt(), n_items, n_samples)


def pulse_trains(
    items: Int[Tensor, " pulses"], instants: Instants, amplitudes: Instants, n_items: int, n_samples: Samples
) -> Float[Tensor, "batch samples"]:
    """Band-limited pulses, each in the waveform of its item, see `pulse_train`."""
    places, shape = _pulse_shapes(instants)
    wave = torch.zeros(n_items * n_samples, dtype=torch.float64, device=instants.device)
    inside = (places >= 0) & (places < n_samples)
    flat = places.long() + items.unsqueeze(1) * n_samples
    wave.index_add_(0, flat[inside], (shape * amplitudes.double().unsqueeze(1))[inside])
    return wave.view(n_items, n_samples).float()


def _pulse_shapes(instants: Instants) -> tuple[Float[Tensor, "pulses places"], Float[Tensor, "pulses places"]]:
    """The samples on which every pulse lies, and its shape there."""
    first = instants.ceil() - HALF
    offsets = torch.arange(2 * HALF, dtype=torch.float64, device=instants.device)
    places = first.unsqueeze(1) + offsets
    distance = places - instants.double().unsqueeze(1)
    return places, torch.sinc(distance) * (0.5 + 0.5 * torch.cos(math.pi * distance / HALF))


def lag_of(centre: Samples) -> int:
    """Frames by which pulses lag behind f0: the neighbour's f0 has to be known, and half a pulse beyond the frame."""
    return 1 if centre >= HALF else 2
