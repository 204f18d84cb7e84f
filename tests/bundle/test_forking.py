"""A process that has loaded, or vocoded, and forks: the fork vocodes too, and waits for no threads that it lacks."""

import os
import subprocess
import sys

import pytest

FORKS = """
import multiprocessing, sys, torch
from audiodiff import Vocoder
torch.set_num_threads(2)
voice, first, compiled = sys.argv[1:]
vocoder = Vocoder.from_pretrained(voice)
vocoder = vocoder.compile() if compiled == "compiled" else vocoder
wave = torch.sin(torch.arange(20000) / 9) * 0.3
mel = vocoder.mel(wave)
if first == "call":
    vocoder(mel, n_steps=1, spec=vocoder.mel_spec)
torch.rand(300, 300) @ torch.rand(300, 300)

def work(pipe):
    fresh = Vocoder.from_pretrained(voice)
    pipe.send([each(vocoder.mel(wave), n_steps=1, spec=vocoder.mel_spec).numpy() for each in (vocoder, fresh)])

mine, theirs = multiprocessing.Pipe()
child = multiprocessing.get_context("fork").Process(target=work, args=(theirs,), daemon=True)
child.start()
theirs.close()
assert mine.poll(60), "the fork hangs"
expected = vocoder(mel, n_steps=1, spec=vocoder.mel_spec)
assert all(torch.allclose(torch.from_numpy(found), expected, atol=1e-3) for found in mine.recv())
print("the fork has vocoded")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.parametrize(
    "first",
    [
        ("ljspeech-tiny", "load", ""),
        ("ljspeech-tiny", "call", ""),
        ("ljspeech-tiny", "call", "compiled"),
        ("diffwave-ljspeech", "call", "compiled"),
    ],
)
def test_a_fork_after_loading_vocodes(first):
    run = subprocess.run([sys.executable, "-c", FORKS, *first], capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout == "the fork has vocoded\n"
