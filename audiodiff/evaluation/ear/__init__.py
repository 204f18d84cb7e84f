"""What an ear attends to and PESQ does not: the phase of the voice's pulses, onsets, hoarseness."""

from audiodiff.evaluation.ear.distillmos import Judge, load_distillmos
from audiodiff.evaluation.ear.measures import EAR, ear_measures

__all__ = ["EAR", "Judge", "ear_measures", "load_distillmos"]
