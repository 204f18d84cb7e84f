"""Blind A/B listening: which of two sounds is better, by somebody who does not know which is which."""

from dataclasses import dataclass, replace
from math import comb
from random import Random
from typing import Literal

from audiodiff.demo.takes import Settings, Take

Preference = Literal["first", "second", "same"]


@dataclass(frozen=True)
class Trial:
    """Two takes of one mel, A and B, and which of them is played first."""

    settings: tuple[Settings, Settings]
    takes: tuple[Take, Take]
    b_first: bool = False
    voted: bool = False

    def shuffled(self, random: Random) -> "Trial":
        """The same sounds in an order that nobody knows, ready for a vote."""
        return replace(self, b_first=random.random() < 0.5, voted=False)

    def after_vote(self) -> "Trial":
        """The same, no longer blind."""
        return replace(self, voted=True)

    @property
    def order(self) -> tuple[int, int]:
        """The takes in the order in which they are played."""
        return (1, 0) if self.b_first else (0, 1)

    def played(self) -> tuple[Take, Take]:
        """The takes in the order in which they are played."""
        first, second = self.order
        return self.takes[first], self.takes[second]

    def revealed(self) -> str:
        """The names of the takes that were played."""
        names = [f"{'AB'[i]} ({self.settings[i]})" for i in self.order]
        return f"The first was {names[0]}, the second {names[1]}."


@dataclass(frozen=True)
class Tally:
    """Number of times that A was preferred, that B was, and that no difference was heard."""

    a: int = 0
    b: int = 0
    same: int = 0

    def vote(self, trial: Trial, choice: Preference) -> "Tally":
        """Count one vote; a second one on the same trial counts nothing, since it is no longer blind."""
        if trial.voted:
            return self
        if choice == "same":
            return replace(self, same=self.same + 1)
        preferred = trial.order[0 if choice == "first" else 1]
        return replace(self, a=self.a + 1) if preferred == 0 else replace(self, b=self.b + 1)

    @property
    def chance(self) -> float:
        """Probability that coin tosses prefer one side so clearly (two-sided sign test, ties left out)."""
        n, most = self.a + self.b, max(self.a, self.b)
        return min(1.0, 2 * sum(comb(n, k) for k in range(most, n + 1)) / 2**n)

    def __str__(self) -> str:
        return f"A {self.a} : {self.b} B, no difference {self.same}; by chance with probability {self.chance:.2g}"
