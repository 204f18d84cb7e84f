/* Fast Griffin-Lim below a kilohertz (`LowBand`), by vectors of the processor that it is compiled for: all iterations of
   one window before the next window, so that it stays in the first cache. Filterbank, its inverse and transforms are
   matrices, transforms those of what is even and what is odd around the middle of a frame: half of the products. */

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "panels.h"

/* Windows of `samples`, in which lie `frames`, one every `hop` samples, each of `taps` samples. `known` is the mel's
   bands of each frame, and whether there is such a frame. Matrices are [columns / WIDE][rows][WIDE]: `even` and `odd`
   from the halves of a frame, middle first, to the real and the imaginary parts of all bins, `even_back` and `odd_back`
   back, `filters` from bins to bands, `shares` back. `power` is 1 for a mel of magnitudes, 2 for one of powers. */
typedef struct {
    int64_t windows, samples, frames, hop, taps, bins, bands, first_iterations, last_iterations, power;
    const float *start, *known, *even, *odd, *even_back, *odd_back, *filters, *shares, *uncovered, *fraction;
    float *change;
    float share, largest_gain, least;
} Iteration;

/* A thread's own. */
typedef struct {
    float *now, *before, *scaled, *correction, *halves, *spectrum, *levels, *gains, *factors;
} Room;

INLINE int64_t half_of(const Iteration *of) { return (of->taps + 1) / 2; }

/* y[rows][columns] = x[rows][inputs] · panels. */
INLINE void multiply_all(int64_t rows, const float *x, int64_t along, int64_t inputs, const float *panels,
                         int64_t columns, float *y, int64_t apart) {
    for (int64_t c = 0; c < columns; c += WIDE, panels += inputs * WIDE)
        multiply(rows, x, along, inputs, panels, ZEROS, 0, y + c, apart);
}

/* Real and imaginary parts of all frames of `now`. */
INLINE void transform(const Iteration *of, const Room *room) {
    const int64_t half = half_of(of), columns = whole_vectors(half), bins = whole_vectors(of->bins);
    for (int64_t frame = 0; frame < of->frames; frame++) {
        const float *right = room->now + frame * of->hop + of->taps / 2;
        const float *left = room->now + frame * of->hop + of->taps - 1 - of->taps / 2;
        float *even = room->halves + frame * 2 * columns, *odd = even + columns;
        for (int64_t j = 0; j < half; j++) {
            even[j] = right[j] + left[-j];
            odd[j] = right[j] - left[-j];
        }
    }
    multiply_all(of->frames, room->halves, 2 * columns, half, of->even, of->bins, room->spectrum, 2 * bins);
    multiply_all(of->frames, room->halves + columns, 2 * columns, half, of->odd, of->bins, room->spectrum + bins,
                 2 * bins);
}

/* The way back: `correction` is the sum of the overlapping frames. */
INLINE void transform_back(const Iteration *of, const Room *room) {
    const int64_t half = half_of(of), columns = whole_vectors(half), bins = whole_vectors(of->bins);
    multiply_all(of->frames, room->spectrum, 2 * bins, of->bins, of->even_back, half, room->halves, 2 * columns);
    multiply_all(of->frames, room->spectrum + bins, 2 * bins, of->bins, of->odd_back, half, room->halves + columns,
                 2 * columns);
    memset(room->correction, 0, of->samples * sizeof *room->correction);
    for (int64_t frame = 0; frame < of->frames; frame++) {
        float *right = room->correction + frame * of->hop + of->taps / 2;
        float *left = room->correction + frame * of->hop + of->taps - 1 - of->taps / 2;
        const float *even = room->halves + frame * 2 * columns, *odd = even + columns;
        for (int64_t j = 0; j < half; j++)
            right[j] += even[j] + odd[j];
        for (int64_t j = 0; j < half; j++)
            left[-j] += even[j] - odd[j];
    }
}

/* `scaled` is `now` with the magnitudes of all frames scaled to the mel; the difference is summed up by itself, since
   what it loses to rounding would grow from one iteration to the next. */
static void scale(const Iteration *of, const float *known, const Room *room) {
    const int64_t bins = of->bins, bands = of->bands;
    const int64_t level_columns = whole_vectors(bins), gain_columns = whole_vectors(bands);
    transform(of, room);
    for (int64_t frame = 0; frame < of->frames; frame++) {
        const float *re = room->spectrum + frame * 2 * level_columns, *im = re + level_columns;
        float *level = room->levels + frame * level_columns;
        for (int64_t k = 0; k < bins; k++) {
            const float energy = re[k] * re[k] + im[k] * im[k];
            level[k] = of->power == 1 ? sqrtf(energy > of->least ? energy : of->least) : energy;
        }
    }
    multiply_all(of->frames, room->levels, level_columns, bins, of->filters, bands, room->gains, gain_columns);
    for (int64_t frame = 0; frame < of->frames; frame++) {
        float *gain = room->gains + frame * gain_columns;
        const float *wanted = known + frame * (bands + 1);
        for (int64_t b = 0; b < bands; b++) {
            const float found = gain[b] + wanted[b] / of->largest_gain;
            gain[b] = wanted[b] * (1 + 1 / of->largest_gain) / (found > of->least ? found : of->least);
        }
    }
    multiply_all(of->frames, room->gains, gain_columns, bands, of->shares, bins, room->factors, level_columns);
    for (int64_t frame = 0; frame < of->frames; frame++) {
        float *re = room->spectrum + frame * 2 * level_columns, *im = re + level_columns;
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
    transform_back(of, room);
    for (int64_t n = 0; n < of->samples; n++)
        room->scaled[n] = room->now[n] + room->correction[n];
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
            scale(of, known, room);
            for (int64_t n = 0; n < of->samples; n++)
                room->now[n] = room->before[n] + momentum * (room->scaled[n] - room->before[n]);
        }
    }
    if (of->share == 1)
        return;
    for (int64_t n = 0; n < of->samples; n++)
        room->now[n] = start[n] + of->share * (room->scaled[n] - start[n]);
    scale(of, known, room);
}

/* Floats in a vector. */
const int low_band_wide = WIDE;

/* Write change[windows][samples], what the iterations make of `start` less `start`, on so many threads; returns 1, and
 * writes nothing, where there is no memory. */
int low_band_iterate(const Iteration *of, int threads) {
    const int64_t halves = of->frames * 2 * whole_vectors(half_of(of)), levels = of->frames * whole_vectors(of->bins);
    const int64_t gains = of->frames * whole_vectors(of->bands), wave = of->samples;
    const int64_t room_size = 4 * wave + halves + 4 * levels + gains;
    float *const rooms = calloc(threads * room_size, sizeof *rooms);
    if (!rooms)
        return 1;
#pragma omp parallel num_threads(threads)
    {
        float *const own = rooms + omp_get_thread_num() * room_size;
        float *const parts = own + 4 * wave + halves, *const behind = parts + 2 * levels;
        const Room room = {own, own + wave, own + 2 * wave, own + 3 * wave, own + 4 * wave, parts, behind,
                           behind + levels, behind + levels + gains};
#pragma omp for schedule(static)
        for (int64_t window = 0; window < of->windows; window++) {
            const float *start = of->start + window * of->samples;
            iterate(of, start, of->known + window * of->frames * (of->bands + 1), &room);
            for (int64_t n = 0; n < of->samples; n++)
                of->change[window * of->samples + n] = room.scaled[n] - start[n];
        }
    }
    free(rooms);
    return 0;
}
