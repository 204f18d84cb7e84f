/* Fast Griffin-Lim below a kilohertz (`LowBand`), by vectors of the processor that it is compiled for: all iterations of
   one window before the next window, so that they stay in the first cache. Transforms, filterbank and its inverse are
   matrices, of which a panel of a vector's columns is multiplied by up to GROUP rows in registers. */

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
enum { WIDE = 16 };
#elif defined(__AVX__)
enum { WIDE = 8 };
#else
enum { WIDE = 4 };
#endif
enum { GROUP = 12 };

typedef float wide __attribute__((vector_size(4 * WIDE)));
typedef float anywhere __attribute__((vector_size(4 * WIDE), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE wide load(const float *from) { return *(const anywhere *)from; }
INLINE void store(wide values, float *to) { *(anywhere *)to = values; }
INLINE int64_t whole_vectors(int64_t columns) { return (columns + WIDE - 1) / WIDE * WIDE; }

/* Windows of `samples`, in which lie `frames`, one every `hop` samples, each of `taps` samples. `bands` says the mel and
   whether there is such a frame. Matrices are [columns / WIDE][rows][WIDE]: `transform` from taps to the real parts of
   all bins and then the imaginary ones, `inverse` back, `filters` from bins to bands, `shares` back. `power` is 1 for a
   mel of magnitudes, 2 for one of powers. */
typedef struct {
    int64_t windows, samples, frames, hop, taps, bins, bands, first_iterations, last_iterations, power;
    const float *start, *known, *transform, *inverse, *filters, *shares, *uncovered, *fraction;
    float *change;
    float share, largest_gain, least;
} Iteration;

/* A thread's own. */
typedef struct {
    float *now, *before, *scaled, *spectrum, *levels, *gains, *factors;
} Room;

/* y[rows][columns] (+)= x[rows][inputs] · panels, a row of x every `along` floats, of y every `apart`. */
INLINE void multiply(const int rows, const float *x, int64_t along, int64_t inputs, const float *panel, float *y,
                     int64_t apart, int added) {
    wide sums[GROUP];
    _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++) sums[r] = (wide){0};
    for (int64_t input = 0; input < inputs; input++, panel += WIDE) {
        const wide weights = load(panel);
        _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++) sums[r] += x[r * along + input] * weights;
    }
    _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++)
        store(added ? sums[r] + load(y + r * apart) : sums[r], y + r * apart);
}

INLINE void multiply_all(int64_t rows, const float *x, int64_t along, int64_t inputs, const float *panels,
                         int64_t columns, float *y, int64_t apart, int added) {
    const int64_t groups = (rows + GROUP - 1) / GROUP;
    for (int64_t c = 0; c < columns; c += WIDE, panels += inputs * WIDE)
        for (int64_t g = 0; g < groups; g++) {
            const int64_t row = g * rows / groups;
#define CASE(n)                                                                                                        \
    case n: multiply(n, x + row * along, along, inputs, panels, y + row * apart + c, apart, added); break
            switch ((g + 1) * rows / groups - row) {
                CASE(1); CASE(2); CASE(3); CASE(4); CASE(5); CASE(6);
                CASE(7); CASE(8); CASE(9); CASE(10); CASE(11); CASE(12);
            }
        }
}

/* Add to `scaled` what scaling the magnitudes of all frames of `wave` to the mel changes. */
static void correct(const Iteration *of, const float *wave, const float *known, float *scaled, const Room *room) {
    const int64_t bins = of->bins, bands = of->bands, parts = whole_vectors(2 * bins);
    const int64_t level_columns = whole_vectors(bins), gain_columns = whole_vectors(bands);
    multiply_all(of->frames, wave, of->hop, of->taps, of->transform, 2 * bins, room->spectrum, parts, 0);
    for (int64_t frame = 0; frame < of->frames; frame++) {
        const float *re = room->spectrum + frame * parts, *im = re + bins;
        float *level = room->levels + frame * level_columns;
        for (int64_t k = 0; k < bins; k++) {
            const float energy = re[k] * re[k] + im[k] * im[k];
            level[k] = of->power == 1 ? sqrtf(energy > of->least ? energy : of->least) : energy;
        }
    }
    multiply_all(of->frames, room->levels, level_columns, bins, of->filters, bands, room->gains, gain_columns, 0);
    for (int64_t frame = 0; frame < of->frames; frame++) {
        float *gain = room->gains + frame * gain_columns;
        const float *wanted = known + frame * (bands + 1);
        for (int64_t b = 0; b < bands; b++) {
            const float found = gain[b] + wanted[b] / of->largest_gain;
            gain[b] = wanted[b] * (1 + 1 / of->largest_gain) / (found > of->least ? found : of->least);
        }
    }
    multiply_all(of->frames, room->gains, gain_columns, bands, of->shares, bins, room->factors, level_columns, 0);
    for (int64_t frame = 0; frame < of->frames; frame++) {
        float *re = room->spectrum + frame * parts, *im = re + bins;
        const float *factor = room->factors + frame * level_columns, exists = known[frame * (bands + 1) + bands];
        for (int64_t k = 0; k < bins; k++) {
            float more = factor[k] + of->uncovered[k];
            if (of->power == 2)
                more = sqrtf(more > of->least ? more : of->least);
            more = (more - 1) * of->fraction[k] * exists;
            re[k] *= more;
            im[k] *= more;
        }
    }
    multiply_all(of->frames, room->spectrum, parts, 2 * bins, of->inverse, of->taps, scaled, of->hop, 1);
}

/* All iterations of a window; `scaled` is the result. */
static void iterate(const Iteration *of, const float *start, const float *known, const Room *room) {
    const int64_t counts[] = {of->first_iterations, of->last_iterations};
    const size_t size = of->samples * sizeof *start;
    memcpy(room->scaled, start, size);
    for (int round = 0; round < 2; round++) {
        memcpy(room->now, room->scaled, size);
        for (int64_t i = 0; i < counts[round]; i++) {
            const float momentum = 1 + (float)i / (i + 1);
            memcpy(room->before, room->scaled, size);
            memcpy(room->scaled, room->now, size);
            correct(of, room->now, known, room->scaled, room);
            for (int64_t n = 0; n < of->samples; n++)
                room->now[n] = room->before[n] + momentum * (room->scaled[n] - room->before[n]);
        }
    }
    if (of->share == 1)
        return;
    for (int64_t n = 0; n < of->samples; n++)
        room->now[n] = room->scaled[n] = start[n] + of->share * (room->scaled[n] - start[n]);
    correct(of, room->now, known, room->scaled, room);
}

/* Floats in a vector. */
const int low_band_wide = WIDE;

/* Write change[windows][samples], what the iterations make of `start` less `start`, on so many threads. */
void low_band_iterate(const Iteration *of, int threads) {
    const int64_t wave = of->samples + WIDE, spectrum = of->frames * whole_vectors(2 * of->bins);
    const int64_t levels = of->frames * whole_vectors(of->bins), gains = of->frames * whole_vectors(of->bands);
#pragma omp parallel num_threads(threads)
    {
        float *const own = calloc(3 * wave + spectrum + 2 * levels + gains, sizeof *own);
        float *const behind = own + 3 * wave + spectrum;
        const Room room = {own,    own + wave,      own + 2 * wave,         own + 3 * wave,
                           behind, behind + levels, behind + levels + gains};
#pragma omp for schedule(static)
        for (int64_t window = 0; window < of->windows; window++) {
            const float *start = of->start + window * of->samples;
            iterate(of, start, of->known + window * of->frames * (of->bands + 1), &room);
            for (int64_t n = 0; n < of->samples; n++)
                of->change[window * of->samples + n] = room.scaled[n] - start[n];
        }
        free(own);
    }
}
