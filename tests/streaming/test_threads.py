"""One vocoder, many threads."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.testing import assert_close

from tests.tiny_voices import HIFIGAN, VOICES, mel_of

THREADS, CALLS = 8, 25


@pytest.mark.parametrize("name", VOICES)
def test_threads_get_what_one_thread_gets(name):
    vocoder = VOICES[name]()
    draw = random.Random(0)
    wishes = [
        {
            "mel": mel_of(draw.randint(1, 12), draw.randint(0, 9)),
            "seed": draw.randint(0, 99),
            "n_steps": draw.randint(1, 2),
            "sampler": draw.choice(["ddim", "ancestral", "unipc"]),
        }
        for _ in range(THREADS * CALLS)
    ]

    def call(wish):
        return vocoder(**wish, spec=HIFIGAN)

    def stream(wish):
        options = {key: value for key, value in wish.items() if key != "mel"}
        stream = vocoder.stream(**options)
        return torch.cat([*(stream.feed(piece) for piece in wish["mel"].split(5, dim=1)), stream.flush()])

    expected = [call(wish) for wish in wishes]
    with ThreadPoolExecutor(THREADS) as pool:
        waves = list(pool.map(lambda i: (stream if i % 10 == 0 else call)(wishes[i]), range(len(wishes))))
    for wave, alone in zip(waves, expected, strict=True):
        assert_close(wave, alone, rtol=0, atol=1e-5)
