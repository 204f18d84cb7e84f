"""The finish of one waveform that comes in pieces, behind everything else."""

import torch
from torch import Tensor

from audiodiff.models.diffusion_model import Finish
from audiodiff.streaming.frame_buffer import FrameBuffer
from audiodiff.types import Samples, Wave


class FinishStream:
    """The rows of a stream's result once `finish` has changed them, put together that of the whole."""

    def __init__(self, finish: Finish, mel: FrameBuffer, hop_length: Samples) -> None:
        self.finish, self.mel, self.hop_length = finish, mel, hop_length
        self.around = max(finish.frame_radius, finish.mel_radius)
        self.waves = FrameBuffer(hop_length)
        self.done = 0

    def lag_behind(self, lag: int) -> int:
        """Frames by which the finish is behind the mel, at most, where the waveform is `lag` behind it."""
        return max(lag + self.finish.frame_radius, self.finish.mel_radius)

    @property
    def needed(self) -> int:
        """The first frame of the mel that is still looked at."""
        return self.done - self.around

    def feed(self, waves: Wave, *, last: bool = False) -> Tensor:
        """Take the next hops [rows, samples], return those that are finished."""
        if waves.shape[-1]:
            self.waves.append(waves)
        given = self.waves.end
        ready = given if last else min(given - self.finish.frame_radius, self.mel.end - self.finish.mel_radius)
        if ready <= self.done:
            return waves[..., :0]
        start, end = max(0, self.done - self.around), min(given, ready + self.around)
        mel = self.mel.read(start, min(self.mel.end, ready + self.around))
        found = self._finished(self.waves.read(start, end), mel, start)
        hop, self.done, before = self.hop_length, ready, self.done
        self.waves.forget(before=self.needed)
        return found[..., (before - start) * hop : (ready - start) * hop]

    def _finished(self, waves: Wave, mel: Tensor, first: int) -> Wave:
        """Rows of as many frames as the mel has: those behind the wave's are of no account, and silent."""
        missing = mel.shape[-1] * self.hop_length - waves.shape[-1]
        waves = torch.nn.functional.pad(waves, (0, missing))
        return self.finish(waves, mel.expand(len(waves), -1, -1), first)
