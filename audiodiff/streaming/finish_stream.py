"""The finish of one waveform that comes in pieces, behind everything else."""

from torch import Tensor
from torch.nn import functional as F

from audiodiff.models.diffusion_model import Finish
from audiodiff.networks import KeepToMel
from audiodiff.networks.mel_postfilter import MelPostfilter
from audiodiff.streaming.frame_buffer import FrameBuffer
from audiodiff.types import Samples, Wave


class FinishStream:
    """The rows of a stream's result once `finish` has changed them, put together that of the whole.

    Of a `KeepToMel` every stage goes as far as the one before it has come, with what it looks at around that alone; as
    one it would do everything again over all that its last sample sees. What is made of that class may do something
    else, and goes as a whole.
    """

    def __init__(self, finish: Finish, mel: FrameBuffer, hop_length: Samples) -> None:
        self.sharp = None
        stages: tuple[Finish, ...] = (finish,)
        if type(finish) is KeepToMel:
            stages = finish.stages
            self.sharp = None if finish.postfilter is None else SharpMel(finish.postfilter, mel)
        seen = mel if self.sharp is None else self.sharp.said
        self.stages = [StageStream(stage, seen, hop_length) for stage in stages]

    def lag_behind(self, lag: int) -> int:
        """Frames by which the finish is behind the mel, at most, where the waveform is `lag` behind it."""
        ahead = 0 if self.sharp is None else self.sharp.stage.frame_radius
        for stage in self.stages:
            lag = max(lag + stage.stage.frame_radius, ahead + stage.around)
        return lag

    @property
    def done(self) -> int:
        """Frames that have come out."""
        return self.stages[-1].done

    @property
    def needed(self) -> int:
        """The first frame of the mel that is still looked at."""
        return min(stage.needed for stage in self.stages) if self.sharp is None else self.sharp.needed

    def feed(self, waves: Wave, *, last: bool = False) -> Tensor:
        """Take the next hops [rows, samples], return those that are finished."""
        if self.sharp is not None:
            self.sharp.advance(last=last)
        for stage in self.stages:
            waves = stage.feed(waves, last=last)
        if self.sharp is not None:
            self.sharp.said.forget(before=min(stage.needed for stage in self.stages))
        return waves


class SharpMel:
    """The mel that has come, behind a postfilter, as far as that knows it."""

    def __init__(self, stage: MelPostfilter, mel: FrameBuffer) -> None:
        self.stage, self.mel, self.said = stage, mel, FrameBuffer(1)

    @property
    def needed(self) -> int:
        """The first frame of the mel that is still looked at."""
        return self.said.end - self.stage.frame_radius

    def advance(self, *, last: bool) -> None:
        """Go on as far as the mel has come."""
        reach, done = self.stage.frame_radius, self.said.end
        ready = self.mel.end if last else self.mel.end - reach
        if ready > done:
            start = max(0, done - reach)
            said = self.stage(self.mel.read(start, min(self.mel.end, ready + reach)))
            self.said.append(said[..., done - start : ready - start])


class StageStream:
    """One stage of a finish over waveforms and a mel that come in pieces."""

    def __init__(self, stage: Finish, mel: FrameBuffer, hop_length: Samples) -> None:
        self.stage, self.mel, self.hop_length = stage, mel, hop_length
        self.around = max(stage.frame_radius, stage.mel_radius)  # of the mel too: it is to be as long as the waveform
        self.waves = FrameBuffer(hop_length)
        self.done = 0

    @property
    def needed(self) -> int:
        """The first frame of the mel that is still looked at."""
        return self.done - self.around

    def feed(self, waves: Wave, *, last: bool) -> Tensor:
        """Take the next hops [rows, samples], return those that are finished."""
        if waves.shape[-1]:
            self.waves.append(waves)
        given = self.waves.end
        ready = given if last else min(given - self.stage.frame_radius, self.mel.end - self.around)
        if ready <= self.done:
            return waves[..., :0]
        start, end = max(0, self.done - self.around), min(given, ready + self.around)
        mel = self.mel.read(start, min(self.mel.end, ready + self.around))
        found = self._changed(self.waves.read(start, end), mel, start)
        hop, self.done, before = self.hop_length, ready, self.done
        self.waves.forget(before=self.needed)
        return found[..., (before - start) * hop : (ready - start) * hop]

    def _changed(self, waves: Wave, mel: Tensor, first: int) -> Wave:
        """Rows of as many frames as the mel has: those behind the wave's are of no account, and silent."""
        missing = mel.shape[-1] * self.hop_length - waves.shape[-1]
        return self.stage(F.pad(waves, (0, missing)), mel.expand(len(waves), -1, -1), first)
