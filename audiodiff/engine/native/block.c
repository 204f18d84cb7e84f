/* A DiffWave block on one tile of time, with products in bfloat16: AVX-512 BF16, no library.

   For a panel of 16 channels, 12 rows at a time stay in 24 registers: from the projected mel over the three taps to the
   gate, and after all panels once more from x and the sum of the skips over the gated values to the next x and sum. A
   panel's weights (6 KB of each kind for 64 channels) stay in the first cache while a strip of rows passes. */

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

enum { WIDE = 16, GROUP = 12, STRIP = 8 * GROUP, PAIR = 2, PANEL = 2 * WIDE * PAIR };

typedef uint16_t bf16;
typedef __m512 Sums[GROUP][2];

#define INLINE static inline __attribute__((always_inline))
#define FOR_ROWS _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++)

INLINE __m512 widened(const bf16 *from) {
    __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(high, 16));
}

INLINE void narrowed(__m512 values, bf16 *to) {
    __m256bh few = _mm512_cvtneps_pbh(values);
    memcpy(to, &few, sizeof few);
}

/* exp(-x) = 2^n · 2^f with |f| <= 1/2 and Taylor's series of 2^f, to 3e-6; beyond 2^62 no more and no less, so that two
   of them can be multiplied. */
INLINE __m512 exp_of_minus(__m512 x) {
    __m512 y = _mm512_mul_ps(x, _mm512_set1_ps(-1.44269504f));
    y = _mm512_max_ps(_mm512_min_ps(y, _mm512_set1_ps(62.0f)), _mm512_set1_ps(-62.0f));
    __m512 n = _mm512_roundscale_ps(y, 0), f = _mm512_sub_ps(y, n);
    __m512 p = _mm512_set1_ps(1.33335581e-3f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.61812911e-3f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.55041087e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.40226507e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.93147181e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, n);
}

/* -sigmoid(a)·tanh(b), where twice b is given, with one division. */
INLINE __m512 gate(__m512 a, __m512 twice_b) {
    __m512 one = _mm512_set1_ps(1.0f), u = exp_of_minus(a), v = exp_of_minus(twice_b);
    return _mm512_div_ps(_mm512_sub_ps(v, one), _mm512_mul_ps(_mm512_add_ps(one, u), _mm512_add_ps(one, v)));
}

/* Add to sums[rows][32] the product of x[rows][inputs] and a panel [inputs / 2][32][2] of the weights. */
INLINE void add_product(Sums sums, const int rows, const bf16 *x, int64_t inputs, const bf16 *panel) {
    for (int64_t pair = 0; pair < inputs / PAIR; pair++, panel += PANEL) {
        __m512bh left = (__m512bh)_mm512_loadu_si512(panel);
        __m512bh right = (__m512bh)_mm512_loadu_si512(panel + PANEL / 2);
        FOR_ROWS {
            int32_t two;
            memcpy(&two, x + r * inputs + PAIR * pair, sizeof two);
            __m512bh factor = (__m512bh)_mm512_set1_epi32(two);
            sums[r][0] = _mm512_dpbf16_ps(sums[r][0], factor, left);
            sums[r][1] = _mm512_dpbf16_ps(sums[r][1], factor, right);
        }
    }
}

/* 16 of the gated channels of some rows: x is their first tap, `mel` (if any) and `bias` begin at the panel. */
INLINE void write_gated(const int rows, const bf16 *x, int64_t dilation, int64_t channels, const bf16 *taps,
                        const bf16 *mel, const float *bias, bf16 *gated) {
    Sums sums;
    FOR_ROWS for (int half = 0; half < 2; half++) {
        sums[r][half] = _mm512_loadu_ps(bias + half * channels);
        if (mel)
            sums[r][half] = _mm512_add_ps(sums[r][half], widened(mel + (2 * r + half) * channels));
    }
    for (int tap = 0; tap < 3; tap++)
        add_product(sums, rows, x + tap * dilation * channels, channels, taps + tap * channels * 2 * WIDE);
    FOR_ROWS narrowed(gate(sums[r][0], sums[r][1]), gated + r * channels);
}

/* 32 columns of the next state of some rows. */
INLINE void write_state(const int rows, const bf16 *gated, int64_t channels, const bf16 *output, const float *state,
                        float *next) {
    Sums sums;
    FOR_ROWS for (int half = 0; half < 2; half++)
        sums[r][half] = _mm512_loadu_ps(state + 2 * r * channels + half * WIDE);
    add_product(sums, rows, gated, channels, output);
    FOR_ROWS for (int half = 0; half < 2; half++)
        _mm512_storeu_ps(next + 2 * r * channels + half * WIDE, sums[r][half]);
}

/* Write next[rows][2·channels] from seen[dilation + rows + dilation][2·channels], which is x beside the sum of the
   skips. `taps` is [channels / 16][3·channels / 2][32][2], `output` [channels / 16][channels / 2][32][2]; `mel` is
   [rows][2·channels] or NULL. `x` [2·dilation + rows][channels] is room for factors. */
void diffwave_block(int64_t rows, int64_t dilation, int64_t channels, const float *seen, const bf16 *mel,
                    const float *bias, const bf16 *taps, const bf16 *output, bf16 *x, float *next, int threads) {
    const int64_t columns = 2 * channels, panels = channels / WIDE;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t row = 0; row < rows + 2 * dilation; row++)
            for (int64_t c = 0; c < channels; c += WIDE)
                narrowed(_mm512_loadu_ps(seen + row * columns + c), x + row * channels + c);
#pragma omp for schedule(static)
        for (int64_t start = 0; start < rows; start += STRIP) {
            const int64_t end = start + STRIP < rows ? start + STRIP : rows;
            bf16 gated[STRIP * channels];
            for (int64_t p = 0; p < panels; p++) {
                const bf16 *weights = taps + p * 3 * channels * 2 * WIDE;
#define GATED(n)                                                                                     \
    write_gated(n, x + row * channels, dilation, channels, weights,                                  \
                mel ? mel + row * columns + p * WIDE : mel, bias + p * WIDE,                         \
                gated + (row - start) * channels + p * WIDE)
                int64_t row = start;
                for (; row + GROUP <= end; row += GROUP)
                    GATED(GROUP);
                for (; row < end; row++)
                    GATED(1);
            }
            for (int64_t p = 0; p < panels; p++) {
                const bf16 *weights = output + p * channels * 2 * WIDE;
#define STATE(n)                                                                                     \
    write_state(n, gated + (row - start) * channels, channels, weights,                              \
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
