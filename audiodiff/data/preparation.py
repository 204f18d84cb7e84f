"""Features of many recordings, computed by several processes into one cache."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch
from rich.progress import track

from audiodiff.data.features import FeatureStore
from audiodiff.data.manifest import Utterance

_MOST = 8
"""Processes, unless more are asked for: each takes some 400 MB."""
_FEW = 16
"""So few recordings are computed before another process has started."""
_store: FeatureStore | None = None
"""Of a process that computes."""


def compute_all(store: FeatureStore, utterances: Sequence[Utterance], *, processes: int | None, name: str) -> None:
    """Compute what the store does not have yet, with a bar; `processes` None is one per core, at most 8.

    A recording that fails is passed over here: whoever opens it is told why.
    """
    missing = [utterance for utterance in utterances if lacks(store, utterance)]
    wanted = min(_MOST, os.cpu_count() or 1) if processes is None else processes
    processes = 1 if len(missing) <= _FEW else min(wanted, len(missing))
    if not missing:
        return
    title = f"Features of {name}: {len(missing)} recordings, {processes} process{'es' * (processes > 1)}"
    for _ in track(computed(store, missing, processes), description=title, total=len(missing)):
        pass


def computed(store: FeatureStore, utterances: Sequence[Utterance], processes: int) -> Iterator[bool]:
    """Compute each, and tell whether that worked."""
    if processes == 1:
        yield from (attempt(store, utterance) for utterance in utterances)
        return
    fresh = get_context("spawn")  # what a fork inherits of torch's threads would hang
    with ProcessPoolExecutor(processes, mp_context=fresh, initializer=_begin, initargs=(store,)) as pool:
        yield from pool.map(_attempt, utterances, chunksize=max(1, min(8, len(utterances) // (4 * processes))))


def lacks(store: FeatureStore, utterance: Utterance) -> bool:
    """Tell whether the features of a recording are to be computed; one that cannot be read has none to compute."""
    try:
        return not store.path(utterance).exists()
    except Exception:  # one odd recording never ends the preparation of the others
        return False


def attempt(store: FeatureStore, utterance: Utterance) -> bool:
    """Compute the features of one recording; tell whether that worked."""
    try:
        store.compute(utterance)
    except Exception:  # as above; reading it in training says what is wrong with it
        return False
    return True


def _begin(store: FeatureStore) -> None:
    global _store
    torch.set_num_threads(1)
    _store = store


def _attempt(utterance: Utterance) -> bool:
    assert _store is not None
    return attempt(_store, utterance)
