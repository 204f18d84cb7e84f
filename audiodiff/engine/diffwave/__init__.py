"""DiffWave's fast path: packed weights, tiles of time, and one module each for PyTorch on a CPU, C, and Triton."""
