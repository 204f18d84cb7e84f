"""Data: manifests, features, segments and their order. (`datamodule` and `shards` need more: import them by name.)"""

from audiodiff.data.augment import Gain, Loudness
from audiodiff.data.dataset import ClipDataset, SegmentDataset
from audiodiff.data.features import Features, FeatureStore, LiveFeatures
from audiodiff.data.manifest import Utterance, read_manifest, write_manifest
from audiodiff.data.order import ResumableLoader, SegmentOrder

__all__ = [
    "ClipDataset",
    "FeatureStore",
    "Features",
    "Gain",
    "LiveFeatures",
    "Loudness",
    "ResumableLoader",
    "SegmentDataset",
    "SegmentOrder",
    "Utterance",
    "read_manifest",
    "write_manifest",
]
