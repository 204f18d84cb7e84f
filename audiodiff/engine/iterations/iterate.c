/* Fast Griffin-Lim below a kilohertz (`LowBand`), by vectors of the processor that it is compiled for: all iterations of
   one window before the next window, so that it stays in the first cache. Transforms, filterbank and its inverse are
   matrices. */

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "panels.h"

/* Windows of `samples`, in which lie `frames`, one every `hop` samples, each of `taps` samples. `known` is the mel's
   bands of each frame, and whether there is such a frame. Matrices are [columns / WIDE][rows][WIDE]: `transform` from
   taps to the real parts of all bins and then the imaginary ones, `inverse` back, `filters` from bins to bands, `shares`
   back. `power` is 1 for a mel of magnitudes, 2 for one of powers. */
typedef struct {
    int64_t windows, samples, frames, hop, taps, bins, bands, first_iterations, last_iterations, power;
    const float *start, *known, *transform, *inverse, *filters, *shares, *uncovered, *fraction;
    float *change;
    float share, largest_gain, least;
} Iteration;

/* A thread's own. */
typedef struct {
    float *now, *before, *scaled, *correction, *spectrum, *levels, *gains, *factors;
} Room;

/* y[rows][columns] = x[rows][inputs] · panels, or that added to y. */
INLINE void multiply_all(int64_t rows, const float *x, int64_t along, int64_t inputs, const float *panels,
                         int64_t columns, float *y, int64_t apart, int added) {
    for (int64_t c = 0; c < columns; c += WIDE, panels += inputs * WIDE)
        multiply(rows, x, along, inputs, panels, added ? y + c : ZEROS, added ? apart : 0, y + c, apart);
}

/* `scaled` is `now` with the magnitudes of all frames scaled to the mel; the difference is summed up by itself, since
   what it loses to rounding would grow from one iteration to the next. */
static void scale(const Iteration *of, const float *known, const Room *room) {
    const int64_t bins = of->bins, bands = of->bands, parts = whole_vectors(2 * bins);
    const int64_t level_columns = whole_vectors(bins), gain_columns = whole_vectors(bands);
    multiply_all(of->frames, room->now, of->hop, of->taps, of->transform, 2 * bins, room->spectrum, parts, 0);
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
    memset(room->correction, 0, of->samples * sizeof *room->correction);
    multiply_all(of->frames, room->spectrum, parts, 2 * bins, of->inverse, of->taps, room->correction, of->hop, 1);
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
    const int64_t wave = of->samples + WIDE, spectrum = of->frames * whole_vectors(2 * of->bins);
    const int64_t levels = of->frames * whole_vectors(of->bins), gains = of->frames * whole_vectors(of->bands);
    const int64_t room_size = 4 * wave + spectrum + 2 * levels + gains;
    float *const rooms = calloc(threads * room_size, sizeof *rooms);
    if (!rooms)
        return 1;
#pragma omp parallel num_threads(threads)
    {
        float *const own = rooms + omp_get_thread_num() * room_size;
        float *const behind = own + 4 * wave + spectrum;
        const Room room = {own,
                           own + wave,
                           own + 2 * wave,
                           own + 3 * wave,
                           own + 4 * wave,
                           behind,
                           behind + levels,
                           behind + levels + gains};
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
