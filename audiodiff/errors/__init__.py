"""Every error that audiodiff raises on purpose.

AudiodiffError
├── ConfigError               values that cannot work together, found when an object is built (also a ValueError)
├── InputError                a file or a tensor that cannot be used
│   ├── AudioError            unreadable, empty or non-finite audio
│   ├── CheckpointError       another project's checkpoint that is damaged, unknown or contradicts itself
│   └── MelError              unreadable, empty or non-finite mel
│       └── MelMismatchError  a good mel, but in another convention than the model was trained on
├── OutputError               a result that cannot be written
├── StreamError               a stream that is used after its end, or ended before its beginning
├── TrainingError             a training that cannot go on
└── BundleError               a model folder that is missing, damaged or of an unknown version
    └── UntrustedBundleError  a bundle that asks for code outside audiodiff

A message says what was given, what was expected and what to do about it, in one or two sentences.
"""


class AudiodiffError(Exception):
    """Base of all errors that audiodiff raises on purpose."""


class ConfigError(AudiodiffError, ValueError):
    """Values that cannot work together, found when an object is built."""


class InputError(AudiodiffError):
    """A file or a tensor that cannot be used."""


class AudioError(InputError):
    """Audio that is unreadable, empty or not finite."""


class CheckpointError(InputError):
    """Another project's checkpoint that is damaged, of an unknown kind or contradicts itself."""


class MelError(InputError):
    """A mel spectrogram that is unreadable, empty or not finite."""


class MelMismatchError(MelError):
    """A mel spectrogram in another convention than the one expected."""


class OutputError(AudiodiffError):
    """A result that cannot be written."""


class TrainingError(AudiodiffError):
    """A training that cannot go on."""


class StreamError(AudiodiffError):
    """A stream that is used after its end, or ended before its beginning."""


class BundleError(AudiodiffError):
    """A model folder that is missing, damaged or of an unknown version."""


class UntrustedBundleError(BundleError):
    """A bundle that asks for code outside audiodiff."""
