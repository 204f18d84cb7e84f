"""A sampler run on a stretch of time, up to the first network call whose answer is not known there.

Between two calls of the network a sampler treats every sample by itself. So what it asks next about a stretch follows
from what the network answered about that stretch before, and any sampler can be run on any stretch, as often as
needed, without knowing of stretches: the network that it calls repeats old answers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Denoiser, LearnedVariance, Sampler, Times
from audiodiff.errors import ConfigError
from audiodiff.streaming.frame_buffer import Tape
from audiodiff.types import Noise, Samples, Time, Wave


class PointwiseError(ConfigError):
    """A sampler that does not treat every sample by itself."""

    def __init__(self) -> None:
        super().__init__(
            "the sampler calls the network more or less often depending on the signal, so it cannot run on a part of "
            "it: choose one with a fixed number of calls, such as ddim"
        )


@dataclass(frozen=True, eq=False)
class Question:
    """What the network is asked: its input and the label of the noise level."""

    x: Wave
    label: Time


class Unanswered(Exception):  # noqa: N818 (it is no error)
    """Ends a rehearsal at the call that has no answer yet."""

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question


class Prompter(nn.Module):
    """Stands in for the network of a sampler: it repeats `answers`, then raises `Unanswered`."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Tensor] = []
        self.calls = 0

    def forward(self, x: Wave, label: Time, cond: Conditioning) -> Tensor:
        """Give the answer to the next call."""
        if self.calls == len(self.answers):
            raise Unanswered(Question(x, label))
        self.calls += 1
        return self.answers[self.calls - 1]


class Rehearsal:
    """A sampler with its grid, and what the network has answered so far, one tape for each of its calls.

    Raises `PointwiseError` for a sampler whose number of calls depends on the signal.
    """

    def __init__(self, denoiser: Denoiser, sampler: Sampler, times: Times, hop_length: Samples) -> None:
        self.sampler, self.times = sampler, times
        self.prompter = Prompter()
        self.denoiser = Denoiser(
            network=self.prompter, schedule=denoiser.schedule, prediction=denoiser.prediction
        ).requires_grad_(False)
        n_calls, self.n_states = self._count()
        self.answers = [Tape(hop_length) for _ in range(n_calls)]

    def question(self, x: Wave, noise: Noise, turn: int, start: int, end: int) -> Question:
        """What call number `turn` asks about the frames from `start` to `end`; `x` is the first state there."""
        try:
            self._run(x, noise, [tape.read(start, end) for tape in self.answers[:turn]])
        except Unanswered as unanswered:
            return unanswered.question
        raise PointwiseError

    def states(self, x: Wave, noise: Noise, start: int, end: int) -> list[Wave]:
        """The states after every step on the frames from `start` to `end`, where all calls have been answered."""
        try:
            return self._run(x, noise, [tape.read(start, end) for tape in self.answers])
        except Unanswered as unanswered:
            raise PointwiseError from unanswered

    def _run(self, x: Wave, noise: Noise, answers: list[Tensor]) -> list[Wave]:
        self.prompter.answers, self.prompter.calls = answers, 0
        return list(self.sampler(self.denoiser.bind(Conditioning()), self.denoiser.schedule, x, self.times, noise))

    def _count(self) -> tuple[int, int]:
        """The numbers of calls and of states, found by answering about no samples at all."""
        nothing = torch.empty(1, 0)
        answer = nothing.new_empty(1, 2, 0) if isinstance(self.denoiser.prediction, LearnedVariance) else nothing
        answers: list[Tensor] = []
        while True:
            try:
                return len(answers), len(self._run(nothing, torch.empty_like, answers))
            except Unanswered:
                answers.append(answer)
