"""Few shapes for all batches: a graph is recorded for one shape, and what does not fill it is masked."""

from collections.abc import Sequence

FEWEST_FRAMES = 64
"""Frames of the smallest bucket."""
MOST = 16
"""Items of a list that go together; a tensor of more is a batch as it is."""


def bucket(n: int, fewest: int = 1) -> int:
    """The power of two, at least `fewest`, that n fits in: what is empty is skipped, so coarse steps cost little."""
    return max(fewest, 1 << (n - 1).bit_length())


def grouped(frames: Sequence[int]) -> list[list[int]]:
    """Group the items of a list, by their place in it, that are vocoded together: of one bucket, at most `MOST`."""
    places: dict[int, list[int]] = {}
    for place, n in enumerate(frames):
        places.setdefault(bucket(n, FEWEST_FRAMES), []).append(place)
    return [same[i : i + MOST] for _, same in sorted(places.items()) for i in range(0, len(same), MOST)]
