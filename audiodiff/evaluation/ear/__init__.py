"""Measures of what PESQ does not hear: pulses and their phase, onsets, hoarseness, voicing, opinion."""

from audiodiff.evaluation.ear.distillmos import Judge, load_distillmos
from audiodiff.evaluation.ear.measures import EAR, HEARD, ear_measures

__all__ = ["EAR", "HEARD", "Judge", "ear_measures", "load_distillmos"]
