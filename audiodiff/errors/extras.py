"""Packages beyond the core that commands ask for, and the extras that bring them."""

EXTRAS = {
    "audiodiff[train]": ("hydra", "lightning", "omegaconf", "pytorch_lightning", "tensorboard", "torchaudio"),
    "audiodiff[eval]": ("auraloss", "distillmos", "librosa", "matplotlib", "pesq", "pystoi", "pyworld"),
    "audiodiff[onnx]": ("onnx", "onnxruntime", "onnxscript"),
    "audiodiff[mels]": ("h5py", "kaldiio"),
    "audiodiff[shards]": ("webdataset",),
    "audiodiff[demo]": ("gradio",),
    "audiodiff[hub]": ("huggingface_hub",),
}
"""Import names by what pip is asked for."""


def missing_extra(error: ModuleNotFoundError) -> str | None:
    """Say which extra brings the module that is not there; None for a module that no extra has."""
    root = (error.name or "").partition(".")[0]
    for extra, modules in EXTRAS.items():
        if root in modules:
            return f"this needs {root}, which is not installed: pip install '{extra}'"
    return None
