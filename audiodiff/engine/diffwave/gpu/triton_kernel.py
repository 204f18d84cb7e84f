"""One residual block of a DiffWave as one Triton kernel. Imports Triton, so it is imported where a block is launched.

The weights are those of `engine.diffwave.packed_weights`: x is kept without its constant part and times sqrt(2)^l, so
a block only adds to x and to the sum of the skips; -sigmoid(a)·tanh(b) is s(a) - 2·s(a)·s(b), the 2 in the weights.

| pointer | what it points to | dtype |
|---|---|---|
| x, total | [batch, samples, C]: the block's input, and the sum of the skips so far, which is added to | float32 |
| out | [batch, samples, C]: the next block's input; not x, whose neighbours others still read | float32 |
| mel | [batch, samples, MELS] | that of the factors |
| lengths | [batch]: the samples that count; the rest is outside the signal, and is left as it is | int32 |
| shift | [batch, C]: what x lacks, with the embedding of the step | float32 |
| taps, conditioner, output | [3, C, 2 C], [MELS, 2 C], [C, 2 C] | that of the factors |
| bias | [2 C] | float32 |

C are the channels, a power of two; MELS the bands, a multiple of MEL_K, 0 without a mel; ROWS the samples of a program.
A product sums over K channels or MEL_K bands at a time, and makes N channels of the gate. WIDE, FACTORS: see
`products`.
"""

# The language of kernels has no types for what lies in memory, and names constants in capitals:
# ruff: noqa: ANN001, ANN201, N803
# To call a kernel's function outside of a kernel raises, so a type checker thinks that it never returns:
# pyright: reportGeneralTypeIssues=false

import triton
import triton.language as tl


@triton.jit
def products(left, right, rows, weights_ptr, C: tl.constexpr, WIDE: tl.constexpr, FACTORS: tl.constexpr):
    """Add rows · weights to the sums of both halves, the right one C columns on, in float32.

    WIDE is for Triton's interpreter, which takes the bits of a bfloat16 for an integer and multiplies that. FACTORS of
    float32 are "ieee", of 24 bits, or "tf32", of 10.
    """
    to_left, to_right = tl.load(weights_ptr), tl.load(weights_ptr + C)
    if WIDE:
        rows, to_left, to_right = rows.to(tl.float32), to_left.to(tl.float32), to_right.to(tl.float32)
    left = tl.dot(rows, to_left, left, input_precision=FACTORS)
    return left, tl.dot(rows, to_right, right, input_precision=FACTORS)


@triton.jit
def convolved(
    gate, value, x_ptr, shift_ptr, taps_ptr, rows, part, length, dilation,
    C: tl.constexpr, K: tl.constexpr, WIDE: tl.constexpr, FACTORS: tl.constexpr,
):  # fmt: skip
    """Add the dilated convolution; its zero padding is of the shifted x, so what is outside gets no shift."""
    for tap in tl.static_range(3):
        at = rows + (tap - 1) * dilation
        inside = ((at >= 0) & (at < length))[:, None]
        for k in range(0, C, K):
            columns = k + tl.arange(0, K)
            x = tl.load(x_ptr + at[:, None] * C + columns[None, :], mask=inside, other=0.0)
            x = tl.where(inside, x + tl.load(shift_ptr + columns)[None, :], 0.0).to(taps_ptr.dtype.element_ty)
            weights = taps_ptr + (tap * C + columns)[:, None] * (2 * C) + part[None, :]
            gate, value = products(gate, value, x, weights, C, WIDE, FACTORS)
    return gate, value


@triton.jit(do_not_specialize=["samples", "dilation"])
def residual_block(
    x_ptr, total_ptr, out_ptr, mel_ptr, lengths_ptr, shift_ptr, taps_ptr, conditioner_ptr, bias_ptr, output_ptr,
    samples, dilation, C: tl.constexpr, MELS: tl.constexpr, ROWS: tl.constexpr,
    K: tl.constexpr, MEL_K: tl.constexpr, N: tl.constexpr, WIDE: tl.constexpr,
    FACTORS: tl.constexpr,
):  # fmt: skip
    """Grid: (ceil(samples / ROWS), batch). A program whose samples all lie beyond the length does nothing."""
    item = tl.program_id(1).to(tl.int64)
    length = tl.load(lengths_ptr + item)
    if tl.program_id(0) * ROWS >= length:
        return
    rows, every = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, C)
    within = (rows < length)[:, None]
    x_ptr += item * samples * C
    mel_ptr += item * samples * MELS
    residual = tl.zeros([ROWS, C], dtype=tl.float32)
    skip = tl.zeros([ROWS, C], dtype=tl.float32)
    for n in range(0, C, N):
        part = n + tl.arange(0, N)
        gate = tl.zeros([ROWS, N], dtype=tl.float32) + tl.load(bias_ptr + part)[None, :]
        value = tl.zeros([ROWS, N], dtype=tl.float32) + tl.load(bias_ptr + C + part)[None, :]
        gate, value = convolved(
            gate, value, x_ptr, shift_ptr + item * C, taps_ptr, rows, part, length, dilation, C, K, WIDE, FACTORS
        )
        for k in range(0, MELS, MEL_K):
            columns = k + tl.arange(0, MEL_K)
            mel = tl.load(mel_ptr + rows[:, None] * MELS + columns[None, :], mask=within, other=0.0)
            weights = conditioner_ptr + columns[:, None] * (2 * C) + part[None, :]
            gate, value = products(gate, value, mel, weights, C, WIDE, FACTORS)
        gate = tl.sigmoid(gate)
        gated = (gate - 2 * gate * tl.sigmoid(value)).to(output_ptr.dtype.element_ty)
        weights = output_ptr + part[:, None] * (2 * C) + every[None, :]
        residual, skip = products(residual, skip, gated, weights, C, WIDE, FACTORS)
    cells = rows[:, None] * C + every[None, :]
    tl.store(out_ptr + item * samples * C + cells, tl.load(x_ptr + cells, mask=within) + residual, mask=within)
    total_ptr += item * samples * C + cells
    tl.store(total_ptr, tl.load(total_ptr, mask=within) + skip, mask=within)
