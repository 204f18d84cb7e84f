"""Mistakes that a type checker finds before the program runs; every marked line is one."""

import torch

from audiodiff import Vocoder
from audiodiff.integrations import MatchaVocoder

vocoder = Vocoder.from_pretrained()
mel = torch.zeros(80, 9)

vocoder(mel, sead=99)  # wrong
vocoder(mel, num_inference_steps=8)  # wrong
vocoder(mel, convert="x")  # wrong
vocoder(mel, seed=0.5)  # wrong
vocoder(3.5)  # wrong
vocoder.stream(f0=mel)  # wrong
vocoder.latency(steps=1)  # wrong
vocoder.to("cpu", dtype="half")  # wrong
Vocoder.from_pretrained(precision="fp16")  # wrong
MatchaVocoder(vocoder, sead=1)  # wrong
