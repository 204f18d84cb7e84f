"""Sound as samples: files in and out, resampling, clips of one length, where frames lie, the STFT."""

from audiodiff.audio.io import audio_sample_rate, load_audio, resample, save_audio

__all__ = ["audio_sample_rate", "load_audio", "resample", "save_audio"]
