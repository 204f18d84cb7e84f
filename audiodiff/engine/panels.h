/* Products by vectors of the processor that a file is compiled for: of rows and panels of a vector's columns. */

#pragma once

#include "vectors.h"

enum { GROUP = 12 }; /* rows whose sums fit the registers */

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t whole_vectors(int64_t columns) { return (columns + WIDE - 1) / WIDE * WIDE; }

static const float ZEROS[WIDE];

INLINE void multiply_group(const int rows, const float *x, int64_t along, int64_t inputs, const float *panel,
                           const float *begin, int64_t step, float *y, int64_t apart) {
    wide sums[GROUP];
    _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++) sums[r] = load(begin + r * step);
    for (int64_t input = 0; input < inputs; input++, panel += WIDE) {
        const wide weights = load(panel);
        _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++) sums[r] += x[r * along + input] * weights;
    }
    _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++) store(sums[r], y + r * apart);
}

/* y[rows][WIDE] = begin + x[rows][inputs] · panel[inputs][WIDE]; rows of x, begin and y lie `along`, `step` and `apart`
   floats from each other. */
static void multiply(int64_t rows, const float *x, int64_t along, int64_t inputs, const float *panel,
                     const float *begin, int64_t step, float *y, int64_t apart) {
    const int64_t groups = (rows + GROUP - 1) / GROUP;
    for (int64_t g = 0; g < groups; g++) {
        const int64_t row = g * rows / groups;
#define ROWS(n)                                                                                                        \
    case n:                                                                                                            \
        multiply_group(n, x + row * along, along, inputs, panel, begin + row * step, step, y + row * apart, apart);    \
        break
        switch ((g + 1) * rows / groups - row) {
            ROWS(1); ROWS(2); ROWS(3); ROWS(4); ROWS(5); ROWS(6);
            ROWS(7); ROWS(8); ROWS(9); ROWS(10); ROWS(11); ROWS(12);
        }
    }
}
