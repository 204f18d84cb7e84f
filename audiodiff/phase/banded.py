"""Products with matrices whose entries lie along a band, such as filterbanks."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

MULTIPLE = 16
"""A matrix is cut at multiples of this: processors multiply whole registers."""


Factors = tuple[Float[Tensor, "rows inputs"], Float[Tensor, "inputs outputs"], Float[Tensor, "rows outputs"]]
"""Rows, a piece of the matrix, and where their product is written: to be taken as often as the rows change."""


@dataclass(frozen=True)
class BandedPart:
    """The outputs from `first` to `last` depend on the inputs from `start` to `stop` alone."""

    first: int
    last: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Multiplications for one row."""
        return (self.last - self.first) * (self.stop - self.start)


class BandedProduct(nn.Module):
    """x Mᵀ for a fixed M, without most of its zeros: M is cut in two where that leaves the smallest parts.

    More cuts cost more in calls than they save. Outputs outside `span` are zero, and are not written.
    """

    def __init__(self, matrix: Float[Tensor, "outputs inputs"]) -> None:
        super().__init__()
        spans = _spans(matrix)
        self.span = first, last = min(spans), max(spans) + 1
        cuts = range(first // MULTIPLE * MULTIPLE + MULTIPLE, last, MULTIPLE)
        choices = [[_part(spans, first, last)]] + [[_part(spans, first, cut), _part(spans, cut, last)] for cut in cuts]
        self.parts = min(choices, key=lambda parts: sum(part.size for part in parts))
        for number, part in enumerate(self.parts):
            piece = matrix[part.first : part.last, part.start : part.stop].mT.contiguous()
            self.register_buffer(f"piece{number}", piece, persistent=False)

    def between(self, x: Float[Tensor, "rows inputs"], out: Float[Tensor, "rows outputs"]) -> list[Factors]:
        """The products to take of what is in `x`, each with the place in `out` where it belongs."""
        return [
            (x[:, part.start : part.stop], self.get_buffer(f"piece{number}"), out[:, part.first : part.last])
            for number, part in enumerate(self.parts)
        ]


def _spans(matrix: Float[Tensor, "outputs inputs"]) -> dict[int, tuple[int, int]]:
    """First and one past the last entry of every row that has any."""
    filled = (matrix != 0).int()
    starts, ends = filled.argmax(dim=1), matrix.shape[1] - filled.flip(1).argmax(dim=1)
    rows = filled.sum(dim=1).nonzero().flatten().tolist()
    return {row: (start, end) for row, start, end in zip(rows, starts[rows].tolist(), ends[rows].tolist(), strict=True)}


def _part(spans: dict[int, tuple[int, int]], first: int, last: int) -> BandedPart:
    used = [spans[row] for row in range(first, last) if row in spans]
    return BandedPart(first, last, min(start for start, _ in used), max(end for _, end in used))
