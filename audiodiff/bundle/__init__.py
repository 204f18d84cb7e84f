"""Bundles: their format on disk, the constructors that they may name, model cards, and where bundles are found."""

from audiodiff.bundle.format import Bundle, load_bundle, save_bundle
from audiodiff.bundle.location import bundle_folder

__all__ = ["Bundle", "bundle_folder", "load_bundle", "save_bundle"]
