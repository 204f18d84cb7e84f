"""Few shapes for all batches: a graph is recorded for one shape, and what does not fill it is masked."""

from collections.abc import Sequence

FEWEST = 64
"""Frames of the smallest bucket."""
MOST = 16
"""Items of a list that go together; a tensor of more is a batch as it is."""


def bucket(n: int, fewest: int = 1) -> int:
    """The power of two, at least `fewest`, that n fits in: what is empty is skipped, so coarse steps cost little."""
    return max(fewest, 1 << (n - 1).bit_length())


def grouped(frames: Sequence[int]) -> list[list[int]]:
    """Which items of a list, by their place in it, are vocoded together: of one bucket of frames, at most `MOST`."""
    places: dict[int, list[int]] = {}
    for place, n in enumerate(frames):
        places.setdefault(bucket(n, FEWEST), []).append(place)
    return [same[i : i + MOST] for _, same in sorted(places.items()) for i in range(0, len(same), MOST)]
