"""The Hydra layer: composed configs, training runs, their checkpoints and bundles, and sweeps over settings."""
