"""Data: manifests, features kept on disk, and crops of them. (`datamodule` needs Lightning: import it by name.)"""

from audiodiff.data.dataset import ClipDataset, CropDataset
from audiodiff.data.features import Features, FeatureStore
from audiodiff.data.manifest import Utterance, read_manifest, write_manifest

__all__ = [
    "ClipDataset",
    "CropDataset",
    "FeatureStore",
    "Features",
    "Utterance",
    "read_manifest",
    "write_manifest",
]
