"""Adapters that put a `Vocoder` at the end of other people's TTS pipelines, one module for each library.

None of them imports its library: an adapter has the shape that the library expects of a vocoder, and names the mel
convention of what the library's models say.
"""

from audiodiff.integrations.coqui import CoquiVocoder
from audiodiff.integrations.espnet import EspnetVocoder
from audiodiff.integrations.generators import HiftVocoder, VocosVocoder
from audiodiff.integrations.matcha import MatchaVocoder
from audiodiff.integrations.nemo import NemoVocoder
from audiodiff.integrations.speechbrain import SpeechbrainVocoder
from audiodiff.integrations.torchaudio import Tacotron2Vocoder
from audiodiff.integrations.transformers import FastSpeech2ConformerVocoder, SpeechT5Vocoder

__all__ = [
    "CoquiVocoder",
    "EspnetVocoder",
    "FastSpeech2ConformerVocoder",
    "HiftVocoder",
    "MatchaVocoder",
    "NemoVocoder",
    "SpeechT5Vocoder",
    "SpeechbrainVocoder",
    "Tacotron2Vocoder",
    "VocosVocoder",
]
