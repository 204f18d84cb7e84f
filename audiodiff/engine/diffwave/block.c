/* A DiffWave block on one tile of time, by vectors of the processor that it is compiled for; with -DBFLOAT16 factors are
   bfloat16 and the processor must have AVX-512 BF16, without they are float32.

   For a panel of channels, as many rows at a time as there are registers for go from the projected mel over the three
   taps to the gate; after all panels they go from x and the sum of the skips over the gated values to the next x and
   sum. A panel's weights stay in the first cache while a strip of rows passes. What becomes of a row does not depend on
   the rows that it is computed with. */

#include <string.h>

#include "vectors.h"

#if defined(__AVX512F__)
enum { GROUP = 12 };
#else
enum { GROUP = 6 };
#endif
enum { STRIP = 96 };

typedef wide Sums[GROUP][2];

#define FOR_ROWS _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++)
#define FOR_BOTH for (int half = 0; half < 2; half++)

#ifdef BFLOAT16
#include <immintrin.h>

enum { DEPTH = 2 };
typedef uint16_t factor;

INLINE wide widened(const factor *from) {
    __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
    return (wide)_mm512_slli_epi32(high, 16);
}

INLINE void narrowed(wide values, factor *to) {
    __m256bh few = _mm512_cvtneps_pbh((__m512)values);
    memcpy(to, &few, sizeof few);
}

INLINE wide multiplied(wide sum, const factor *x, const factor *weights) {
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return (wide)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)_mm512_loadu_si512(weights));
}
#else
enum { DEPTH = 1 };
typedef float factor;

INLINE wide widened(const factor *from) { return load(from); }
INLINE void narrowed(wide values, factor *to) { store(values, to); }
INLINE wide multiplied(wide sum, const factor *x, const factor *weights) { return sum + *x * load(weights); }
#endif

/* Values that the kernel reads for one step of a product: two vectors of DEPTH factors in each place. */
enum { PANEL = 2 * WIDE * DEPTH };

INLINE wide chosen(bits which, wide yes, wide no) { return (wide)((which & (bits)yes) | (~which & (bits)no)); }

/* exp(-x) = 2^n · 2^f with |f| <= 1/2 and Taylor's series of 2^f, to 2e-7; beyond 2^62 no more and no less, so that two
   of them can be multiplied. */
INLINE wide exp_of_minus(wide x) {
    const wide zero = {0}, most = zero + 62.0f, least = zero - 62.0f;
    const float whole = 12582912.0f; /* 1.5 · 2^23: a float of this size has no digits after the point */
    wide y = -1.44269504f * x;
    y = chosen(y > most, most, y);
    y = chosen(y < least, least, y);
    wide n = (y + whole) - whole, f = y - n;
    wide p = 1.54035304e-4f * f + 1.33335581e-3f;
    p = p * f + 9.61812911e-3f;
    p = p * f + 5.55041087e-2f;
    p = p * f + 2.40226507e-1f;
    p = p * f + 6.93147181e-1f;
    p = p * f + 1.0f;
    return p * (wide)((__builtin_convertvector(n, bits) + 127) << 23);
}

/* -sigmoid(a)·tanh(b), where twice b is given, with one division. */
INLINE wide gate(wide a, wide twice_b) {
    wide u = exp_of_minus(a), v = exp_of_minus(twice_b);
    return (v - 1.0f) / ((u + 1.0f) * (v + 1.0f));
}

/* Add to the sums the product of x[rows][inputs] and a panel [inputs / DEPTH][2][WIDE][DEPTH] of weights. */
INLINE void add_product(Sums sums, const int rows, const factor *x, int64_t inputs, const factor *panel) {
    for (int64_t input = 0; input < inputs; input += DEPTH, panel += PANEL)
        FOR_ROWS FOR_BOTH sums[r][half] = multiplied(sums[r][half], x + r * inputs + input, panel + half * PANEL / 2);
}

/* A panel's gated channels of some rows: x is their first tap, `mel` (if any), `bias` and `gated` begin at the panel. */
INLINE void write_gated(const int rows, const factor *x, int64_t dilation, int64_t channels, const factor *taps,
                        const factor *mel, const float *bias, factor *gated) {
    Sums sums;
    FOR_ROWS FOR_BOTH {
        sums[r][half] = load(bias + half * channels);
        if (mel)
            sums[r][half] += widened(mel + (2 * r + half) * channels);
    }
    if (mel)
        FOR_ROWS FOR_BOTH __builtin_prefetch(mel + (2 * (r + STRIP) + half) * channels, 0, 2);
    for (int tap = 0; tap < 3; tap++)
        add_product(sums, rows, x + tap * dilation * channels, channels, taps + tap * channels * 2 * WIDE);
    FOR_ROWS narrowed(gate(sums[r][0], sums[r][1]), gated + r * channels);
}

/* A panel's columns of the next state of some rows. */
INLINE void write_state(const int rows, const factor *gated, int64_t channels, const factor *output,
                        const float *state, float *next) {
    Sums sums;
    FOR_ROWS FOR_BOTH sums[r][half] = load(state + 2 * r * channels + half * WIDE);
    add_product(sums, rows, gated, channels, output);
    FOR_ROWS FOR_BOTH store(sums[r][half], next + 2 * r * channels + half * WIDE);
}

/* Channels in a vector. */
const int diffwave_wide = WIDE;

/* Write next[rows][2·channels] from seen[dilation + rows + dilation][2·channels], which is x beside the sum of the
   skips. `taps` is [channels / WIDE][3·channels / DEPTH][2][WIDE][DEPTH], `output` the same for the gated channels;
   `mel` is [rows][2·channels] or NULL. `x` [2·dilation + rows][channels] is room for factors. */
void diffwave_block(int64_t rows, int64_t dilation, int64_t channels, const float *seen, const factor *mel,
                    const float *bias, const factor *taps, const factor *output, factor *x, float *next, int threads) {
    const int64_t columns = 2 * channels, panels = channels / WIDE;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t row = 0; row < rows + 2 * dilation; row++)
            for (int64_t c = 0; c < channels; c += WIDE)
                narrowed(load(seen + row * columns + c), x + row * channels + c);
#pragma omp for schedule(static)
        for (int64_t start = 0; start < rows; start += STRIP) {
            const int64_t end = start + STRIP < rows ? start + STRIP : rows;
            factor gated[STRIP * channels];
            for (int64_t p = 0; p < panels; p++) {
#define GATED(n)                                                                                                       \
    write_gated(n, x + row * channels, dilation, channels, taps + p * 3 * channels * 2 * WIDE,                         \
                mel ? mel + row * columns + p * WIDE : mel, bias + p * WIDE,                                           \
                gated + (row - start) * channels + p * WIDE)
                int64_t row = start;
                for (; row + GROUP <= end; row += GROUP)
                    GATED(GROUP);
                for (; row < end; row++)
                    GATED(1);
            }
            for (int64_t p = 0; p < panels; p++) {
#define STATE(n)                                                                                                       \
    write_state(n, gated + (row - start) * channels, channels, output + p * channels * 2 * WIDE,                       \
                seen + (row + dilation) * columns + p * 2 * WIDE, next + row * columns + p * 2 * WIDE)
                int64_t row = start;
                for (; row + GROUP <= end; row += GROUP)
                    STATE(GROUP);
                for (; row < end; row++)
                    STATE(1);
            }
        }
    }
}
