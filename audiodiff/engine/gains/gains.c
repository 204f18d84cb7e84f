/* The spectrum that a SpectralGainNetwork finds: the planes that it sees, its convolutions, and what their gains say.

   A thread computes two convolutions in one pass over its frames, the second four frames behind the first. What lies
   between them, the planes before the first and the gains behind the last never leave the second cache: every other
   convolution's result is all that goes through memory. */

#include <omp.h>
#include <stdlib.h>

#include "planes.h"
#include "winograd.h"

enum { KEPT = 3 * OUT };

/* A thread's work: KEPT frames of planes, of what lies between two convolutions and behind the last one, and the gains
   said of a frame, [places][outputs]. */
typedef struct {
    const Spectra *spectra;
    const Stack *stack;
    Room room;
    Planes planes;
    Frames seen, between, behind;
    float *said;
} Work;

/* Four frames of convolution number `layer`. */
static void compute(const Work *work, int64_t layer, Frames x, int64_t top, Frames next) {
    const Stack *of = work->stack;
    const int64_t channels = of->channels, size = IN * IN * channels * channels;
    if (layer)
        convolve(of, x, channels, of->weights + (layer - 1) * size, of->biases + (layer - 1) * channels, top, 0, next,
                 &work->room);
    else
        convolve(of, x, of->inputs, of->first, of->first_bias, top, 1, next, &work->room);
}

/* A frame of the spectrum, from the last convolution's x[places][channels]; `last` is [outputs / WIDE][channels][WIDE],
   its last outputs none. */
static void finish(const Work *work, const float *x, int64_t frame) {
    const Stack *of = work->stack;
    const int64_t channels = of->channels, outputs = whole_vectors(of->outputs);
    float *seen = work->room.tiles, *said = work->room.products;
    for (int64_t place = 0; place < of->places; place += GROUP) {
        const int64_t count = least(GROUP, of->places - place);
        for (int64_t i = 0; i < count * channels; i += WIDE)
            store(rectified(load(x + place * channels + i)), seen + i);
        for (int64_t o = 0; o < outputs; o += WIDE)
            multiply(count, seen, channels, channels, of->last + o * channels, of->last_bias + o, 0, said + o, outputs);
        for (int64_t i = 0; i < count; i++)
            memcpy(work->said + (place + i) * of->outputs, said + i * outputs, of->outputs * sizeof *said);
    }
    write_found(work->spectra, frame, work->said);
}

/* Frames `begin` to `end` of `next`, or of the spectrum where it is the last of all convolutions, from x, or the planes
   where it is the first: of number `layer` and the one behind it, if there is one. */
static void pass(Work *work, int64_t layer, Frames x, int64_t begin, int64_t end, Frames next) {
    const int64_t frames = work->stack->frames, layers = work->stack->layers;
    const int two = layer < layers, last = layer + 2 > layers;
    const int64_t lead = two ? OUT : 0, start = begin < lead ? 0 : begin - lead;
    const Frames to = last ? work->behind : next;
    if (begin == end)
        return;
    for (int64_t ahead = start; ahead < end + lead; ahead += OUT) {
        const int64_t top = ahead - lead;
        for (; !layer && work->planes.next < least(ahead + IN - 1, frames);)
            write_next(work->spectra, &work->planes, frame_of(work->seen, work->planes.next));
        if (ahead < frames)
            compute(work, layer, layer ? x : work->seen, ahead, two ? work->between : to);
        if (two && top >= begin)
            compute(work, layer + 1, work->between, top, to);
        for (int64_t frame = top; last && frame >= begin && frame < least(top + OUT, frames); frame++)
            finish(work, frame_of(to, frame), frame);
    }
}

/* Floats in a vector. */
const int gains_wide = WIDE;

/* Write `found` of all frames, on so many threads; returns 1, and writes nothing, where there is no memory. */
int gains_found(const Spectra *spectra, const Stack *of, int threads) {
    const int64_t channels = of->channels, inner = of->places * channels, groups = (of->frames + OUT - 1) / OUT;
    const int64_t deepest = of->inputs > channels ? of->inputs : channels, widest = whole_vectors(of->outputs);
    const int64_t zeros = of->places * deepest, half = IN * (OUT * columns_of(of) + 2) * deepest;
    const int64_t partial = IN * OUT * columns_of(of) * channels, tiles = IN * GROUP * deepest;
    const int64_t products = IN * GROUP * (channels > widest ? channels : widest);
    const int64_t seen = KEPT * of->places * of->inputs, kept = KEPT * inner, said = of->places * of->outputs;
    const int64_t sizes[] = {zeros, half, partial, tiles, products, planes_room(spectra), seen, kept, kept, said};
    enum { PARTS = sizeof sizes / sizeof *sizes };
    int64_t size = 0;
    for (int i = 0; i < PARTS; i++)
        size += sizes[i];
    float *const rooms = calloc(threads * size, sizeof *rooms);
    if (!rooms)
        return 1;
#pragma omp parallel num_threads(threads)
    {
        const int64_t own = omp_get_thread_num(), count = omp_get_num_threads();
        const int64_t begin = own * groups / count * OUT, end = (own + 1) * groups / count * OUT;
        const int64_t start = begin - OUT - 1; /* the first frame whose planes are seen, if there is one */
        float *parts[PARTS];
        for (int64_t i = 0, at = own * size; i < PARTS; at += sizes[i++])
            parts[i] = rooms + at;
        Work work = {
            .spectra = spectra,
            .stack = of,
            .room = {parts[0], parts[1], parts[2], parts[3], parts[4]},
            .planes = begin_planes(spectra, start < 0 ? 0 : start, parts[5]),
            .seen = {parts[6], KEPT, of->places * of->inputs},
            .between = {parts[7], KEPT, inner},
            .behind = {parts[8], KEPT, inner},
            .said = parts[9],
        };
        Frames now = {NULL, of->frames, inner}, next = {of->now, of->frames, inner};
        for (int64_t layer = 0; layer <= of->layers; layer += 2) {
            pass(&work, layer, now, begin, end, next);
#pragma omp barrier
            now = next, next.at = next.at == of->now ? of->next : of->now;
        }
    }
    free(rooms);
    return 0;
}
