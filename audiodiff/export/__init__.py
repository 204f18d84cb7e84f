"""Models for machines without PyTorch."""
