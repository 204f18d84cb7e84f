"""Launches of a synthesis, by what torch dispatches: `python -m tests.streaming.launches`.

On a processor that is taken for a GPU, of the modules that run there without `compile()`. Noise and pulses are made on
the host for every device: what is dispatched for them is counted apart. Views and memory are no launches.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from audiodiff import Vocoder
from audiodiff.noise import SampleNoise
from audiodiff.priors import source_filter
from audiodiff.streaming.given_pitch import synthesize_each_at
from audiodiff.streaming.synthesis import synthesize, synthesize_each

ASKS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default, torch.ops.aten.nonzero.default)
NOTHING = (torch.ops.aten.detach.default, torch.ops.aten.empty_like.default, torch.ops.aten.empty.memory_format)
FRAMES = 48


class Launches(TorchDispatchMode):
    """Counts launches on the device and on the host, and what the host asks of the device."""

    def __init__(self) -> None:
        super().__init__()
        self.place, self.counts = "device", Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in ASKS and self.place == "device":
            self.counts["asked"] += 1
        elif func not in NOTHING and not func.is_view:
            self.counts[self.place] += 1
        return func(*args, **(kwargs or {}))

    @contextmanager
    def host(self) -> Iterator[None]:
        """Count as work of the host."""
        before, self.place = self.place, "host"
        try:
            yield
        finally:
            self.place = before


def counted(run: Callable[[], object]) -> Counter:
    """The counts of a run."""
    launches = Launches()

    def on_host(owner: object, name: str) -> mock._patch:
        plain = getattr(owner, name)

        def call(*args: object, **kwargs: object) -> object:
            with launches.host():
                return plain(*args, **kwargs)

        return mock.patch.object(owner, name, call)

    with ExitStack() as stack:
        for owner, name in ((SampleNoise, "at"), (source_filter, "whole_pulses")):
            stack.enter_context(on_host(owner, name))
        stack.enter_context(mock.patch("audiodiff.streaming.synthesis.BATCHED", {"cpu"}))
        for split in ("networks.frame_blocks.FRAMES_TOGETHER", "phase.low_band.WINDOWS_TOGETHER"):
            stack.enter_context(mock.patch(f"audiodiff.{split}", 1 << 30))  # all together, as on a GPU
        stack.enter_context(torch.inference_mode())
        stack.enter_context(launches)
        run()
    return launches.counts


def runs(voice: str) -> dict[str, Callable[[], object]]:
    """One mel, a batch of 16 and a list of 16, of one length and of many."""
    vocoder = Vocoder.from_pretrained(voice)
    model, plan = vocoder.model, {"sampler": vocoder.sampler(), "times": vocoder.times()}

    def batch(items: int, frames: int = FRAMES) -> Callable[[], object]:
        mels, noise = mel_of(items, frames), [SampleNoise([seed]) for seed in range(items)]
        return lambda: list(synthesize(model, mels, **plan, noise=noise))

    def each(lengths: list[int]) -> Callable[[], object]:
        mels = [mel_of(1, frames)[0] for frames in lengths]
        return lambda: synthesize_each(model, mels, **plan, seeds=list(range(len(mels))))

    def given(lengths: list[int]) -> Callable[[], object]:
        mels, f0 = [mel_of(1, frames)[0] for frames in lengths], [torch.full((frames,), 150.0) for frames in lengths]
        return lambda: synthesize_each_at(model, mels, f0, **plan, seeds=list(range(len(mels))))

    return {
        "one, weights arranged": batch(1),
        "one of 10 s": batch(1, 862),
        "batch of 16": batch(16),
        "list of 16 of one length": each([FRAMES] * 16),
        "list of 16": each(list(range(FRAMES, FRAMES + 16))),
        "list of 16 of 6 to 10 s": each(list(range(520, 840, 20))),
        "list of 16 of one length, f0 given": given([FRAMES] * 16),
        "list of 16 of 6 to 10 s, f0 given": given(list(range(520, 840, 20))),
    }


def mel_of(items: int, frames: int) -> Tensor:
    """Made up, and voiced."""
    return torch.linspace(-4, -8, 80)[None, :, None] + torch.rand(items, 80, frames)


if __name__ == "__main__":
    for voice in ("ljspeech-fast", "diffwave-ljspeech"):
        for name, run in runs(voice).items():
            found = counted(run)
            said = f"{found['device']} launches, {found['asked']} values read, {found['host']} on the host"
            print(f"{voice}, {name}: {said}", flush=True)
