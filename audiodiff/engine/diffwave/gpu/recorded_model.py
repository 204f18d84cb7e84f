"""A model whose DiffWave runs in fused blocks and whose sampling is recorded, batch for batch."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock

import torch

from audiodiff.diffusion import Denoiser, Sampler, Times
from audiodiff.engine.diffwave.gpu.buckets import FEWEST_FRAMES, bucket, grouped
from audiodiff.engine.diffwave.gpu.fused import FusedDiffWave
from audiodiff.engine.diffwave.gpu.recording import Recording, Shape
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.networks.packed_stack import ParameterVersion, state_of
from audiodiff.noise import SampleNoise
from audiodiff.types import Mel, Noise, OneMel, OneWave, Wave

KEPT, KEPT_SAMPLES = 8, 1 << 23
"""Recordings of a model at a time, and samples of all: of BASE 8 GB. What was not used for longest makes way."""

Key = tuple[Shape, Sampler, tuple[float, ...]]


class RecordedModel(DiffusionModel):
    """The same model, of the same parameters, for inference with a `FusedDiffWave`.

    `generate`, `steps` and `each` replay recordings of a whole run, for batches filled up to a bucket. An item gives
    what it gives alone: priors see it by itself, at its own length, and the kernel what lies within that length. May be
    called from many threads, which then wait for each other.
    """

    def __init__(self, model: DiffusionModel) -> None:
        denoiser = model.denoiser
        assert isinstance(denoiser.network, DiffWave)
        fused = FusedDiffWave(denoiser.network)
        fast = Denoiser(network=fused, schedule=denoiser.schedule, prediction=denoiser.prediction)
        super().__init__(mel=model.mel, denoiser=fast, prior=model.prior, finish=model.finish)
        self.fused = fused
        self.eval()
        self._recordings: OrderedDict[Key, Recording] = OrderedDict()
        self._recorded_of: ParameterVersion = []
        self._lock = Lock()

    @torch.no_grad()
    def generate(self, mel: Mel, *, sampler: Sampler, times: Times, noise: Noise) -> Wave:
        """Return `hop_length · frames` samples for every mel of the batch."""
        if self.fused.factors(mel.device) is None:
            return super().generate(mel, sampler=sampler, times=times, noise=noise)
        return torch.cat([wave for (wave,) in self._together(mel.split(1), sampler, times, noise)])

    @torch.no_grad()
    def steps(self, mel: Mel, *, sampler: Sampler, times: Times, noise: Noise) -> Iterator[Wave]:
        """Yield the waveforms after every step, all of them once the last is done."""
        if self.fused.factors(mel.device) is None:
            yield from super().steps(mel, sampler=sampler, times=times, noise=noise)
            return
        items = self._together(mel.split(1), sampler, times, noise, every_step=True)
        yield from map(torch.cat, zip(*items, strict=True))

    @torch.no_grad()
    def each(self, mels: Sequence[OneMel], *, sampler: Sampler, times: Times, seeds: Sequence[int]) -> list[OneWave]:
        """Return the waveform [samples] of every mel [n_mels, frames], with `SampleNoise` of its seed."""
        if mels and self.fused.factors(mels[0].device) is None:
            known = {"sampler": sampler, "times": times}
            return [
                self.generate(m[None], **known, noise=SampleNoise([s]))[0] for m, s in zip(mels, seeds, strict=True)
            ]
        waves: dict[int, OneWave] = {}
        for group in grouped([mel.shape[-1] for mel in mels]):
            noise = SampleNoise([seeds[i] for i in group])
            made = self._together([mels[i][None] for i in group], sampler, times, noise)
            waves |= {i: wave[0] for i, (wave,) in zip(group, made, strict=True)}
        return [waves[i] for i in range(len(mels))]

    def _together(
        self, mels: Sequence[Mel], sampler: Sampler, times: Times, noise: Noise, *, every_step: bool = False
    ) -> list[list[Wave]]:
        """The waveforms of mels [1, n_mels, frames] of any lengths, after the last step or every one.

        `noise` draws [items, samples of the longest].
        """
        device = mels[0].device
        dtype = self.fused.factors(device)
        assert dtype is not None
        conditions = [self.prior.condition(mel) for mel in mels]
        lengths = [mel.shape[-1] * self.mel.hop_length for mel in mels]
        longest = torch.empty(len(mels), max(lengths), device=device)
        with self._lock:
            size = bucket(len(mels)), bucket(max(mel.shape[-1] for mel in mels), FEWEST_FRAMES)
            tf32 = bool(torch.backends.cuda.matmul.allow_tf32)
            recording = self._recording(Shape(*size, self.mel.hop_length, dtype, every_step, tf32), sampler, times)
            white = [noise(longest) for _ in recording.draws]
            for place, (cond, n) in enumerate(zip(conditions, lengths, strict=True)):
                draws = [self.prior.shape(draw[place : place + 1, :n], cond) for draw in white]
                recording.write(place, draws, cond)
            for place in range(len(mels), recording.shape.batch):
                recording.close(place)
            recording.run()
            states = [recording.read(place, n) for place, n in enumerate(lengths)]
            if device.type == "cuda":
                torch.cuda.current_stream(device).synchronize()  # another thread's stream may write to the buffers next
        return [
            [self.waves(state, cond) for state in of_item] for of_item, cond in zip(states, conditions, strict=True)
        ]

    def _recording(self, shape: Shape, sampler: Sampler, times: Times) -> Recording:
        """The one of that shape; all are forgotten once a parameter has changed or moved."""
        version = state_of(self.fused.network)
        if version != self._recorded_of:
            self._recordings.clear()
            self._recorded_of = version
        key = shape, sampler, tuple(times.tolist())
        if key not in self._recordings:
            self._recordings[key] = Recording(self.denoiser, sampler, times, self.start_scale(times), shape)
        self._recordings.move_to_end(key)
        while len(self._recordings) > 1 and self._too_many():
            self._recordings.popitem(last=False)
        return self._recordings[key]

    def _too_many(self) -> bool:
        samples = sum(shape.batch * shape.frames * shape.hop_length for shape, *_ in self._recordings)
        return len(self._recordings) > KEPT or samples > KEPT_SAMPLES
