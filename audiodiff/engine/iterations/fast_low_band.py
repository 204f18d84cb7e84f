"""`LowBand` with its iterations as one function in C, compiled when it is first wanted."""

import ctypes
from ctypes import c_float, c_int, c_int64, c_void_p
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from audiodiff.engine.c_library import compiled_library, function_of
from audiodiff.engine.c_panels import panels
from audiodiff.networks import KeepToMel
from audiodiff.phase.low_band import LARGEST_BAND_GAIN, BandValues, Hops, LowBand
from audiodiff.phase.mel_constraint import LEAST_FACTOR


class _Iteration(ctypes.Structure):
    """The arguments of `iterate.c`."""

    _fields_ = [
        *((name, c_int64) for name in ("windows", "samples", "frames", "hop", "taps", "bins", "bands")),
        *((name, c_int64) for name in ("first_iterations", "last_iterations", "power")),
        *((name, c_void_p) for name in ("start", "known", "even", "odd", "even_back", "odd_back")),
        *((name, c_void_p) for name in ("filters", "shares", "uncovered", "fraction", "change")),
        *((name, c_float) for name in ("share", "largest_gain", "least")),
    ]


class IterationKernel:
    """The function, compiled; may be called from many threads. `wide` floats fit a vector."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.wide = c_int.in_dll(library, "low_band_wide").value
        self._iterate = function_of(library, "low_band_iterate", ctypes.POINTER(_Iteration), c_int)

    def __call__(self, *arguments: int | float | Tensor) -> None:
        """Run it on as many threads as torch has; the arguments are those of `iterate.c`, in order."""
        iteration = _Iteration(*(x.data_ptr() if isinstance(x, Tensor) else x for x in arguments))
        self._iterate(ctypes.byref(iteration), torch.get_num_threads())


@cache
def iteration_kernel() -> IterationKernel:
    """Compile the function, once in a process; raises `ConfigError` where no C compiler can."""
    return IterationKernel(compiled_library(Path(__file__).with_name("iterate.c")))


class FastLowBand(LowBand):
    """Computes what `low` of a finish computes, without gradients; for float32 on a processor."""

    def __init__(self, finish: KeepToMel, low: LowBand) -> None:
        super().__init__(low.mel, finish.stft, finish.constraint, low.iterations, low.share)
        self._matrices: list[Tensor] | None = None

    @staticmethod
    def knows(low: LowBand) -> bool:
        """Check whether a `LowBand` is one that this computes: its window is the same from either end."""
        whole, bins = low.transform[: low.taps], len(low.fraction)
        if whole.device.type != "cpu" or whole.dtype != torch.float32 or low.power not in (1, 2):
            return False
        mirrored = whole.flip(0) * whole.new_tensor([1.0] * bins + [-1.0] * bins)
        return torch.allclose(whole, mirrored, rtol=0, atol=1e-5 * float(whole.abs().max()))

    def _changes(self, windows: Hops, known: BandValues) -> Hops:
        if torch.is_grad_enabled():
            return super()._changes(windows, known)
        kernel = iteration_kernel()
        if self._matrices is None:
            matrices = *self._halves(), self.filters.T, self.shares.T
            self._matrices = [panels(matrix, kernel.wide) for matrix in matrices]
        windows, known = windows.contiguous(), known.contiguous()
        change = torch.empty_like(windows)
        shape = len(windows), windows[0].numel(), known.shape[1], self.hop, self.taps
        kernel(
            *(*shape, len(self.fraction), known.shape[2] - 1, *self.counts, int(self.power)),
            *(windows, known, *self._matrices, self.uncovered, self.fraction, change),
            *(self.share, LARGEST_BAND_GAIN, LEAST_FACTOR),
        )
        return change

    def _halves(self) -> list[Tensor]:
        """Transform and inverse of what is even and what is odd around the middle of a frame, from there to its end."""
        middle, bins = self.taps // 2, len(self.fraction)
        there, back = self.transform[middle : self.taps], self.inverse[:, middle : self.taps]
        once = there.new_ones(len(there))
        if self.taps % 2:
            once[0] = 0.5  # the tap in the middle is both its own mirror image and itself
        return [
            there[:, :bins] * once.unsqueeze(1),
            there[:, bins:] * once.unsqueeze(1),
            back[:bins] * once,
            back[bins:] * once,
        ]
