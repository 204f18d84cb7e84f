/* A 3 x 3 convolution over frames and places as Winograd's F(4 x 4, 3 x 3) (Lavin and Gray 2016, arXiv:1509.09308): tiles
   of 6 x 6 values are transformed, multiplied one by one with transformed weights, and transformed back to 4 x 4 values,
   which takes 36 products of channels where 144 would be. Four frames of all places are computed at a time: first the
   transform over their six frames; then, of each of its six rows, GROUP tiles at a time, the one over places, the
   products and the way back, all in the first cache; last the way back to four frames. */

#pragma once

#include <string.h>

#include "panels.h"

enum { OUT = 4, IN = 6 };

/* The network's shape and what it computes with. */
typedef struct {
    int64_t frames, places, inputs, channels, layers, outputs;
    const float *step, *first, *first_bias, *weights, *biases, *last, *last_bias;
    float *now, *next;
} Stack;

INLINE int64_t columns_of(const Stack *of) { return (of->places + OUT - 1) / OUT; }

/* Frames of [places][depth], of which the last `period` are kept. */
typedef struct {
    float *at;
    int64_t period, size;
} Frames;

INLINE float *frame_of(Frames frames, int64_t frame) { return frames.at + frame % frames.period * frames.size; }

/* A thread's own: zero[places][depth], half[IN][OUT·columns + 2][depth], partial[IN][OUT·columns][channels],
   tiles[IN][GROUP][depth] and products[IN][GROUP][channels]. */
typedef struct {
    float *zero, *half, *partial, *tiles, *products;
} Room;

INLINE wide rectified(wide x) { return (wide)((x > 0) & (bits)x); }

/* The transform in one dimension, of IN vectors. */
INLINE void transform(const wide *x, wide *y) {
    const wide a = x[0], b = x[1], c = x[2], d = x[3], e = x[4], f = x[5];
    const wide even = e - 4.0f * c, odd = d - 4.0f * b, far = 2.0f * (d - b), near = e - c;
    y[0] = 4.0f * a - 5.0f * c + e;
    y[1] = even + odd;
    y[2] = even - odd;
    y[3] = near + far;
    y[4] = near - far;
    y[5] = 4.0f * b - 5.0f * d + f;
}

/* The way back in one dimension, from IN vectors to OUT. */
INLINE void transform_back(const wide *x, wide *y) {
    const wide a = x[1] + x[2], b = x[1] - x[2], c = x[3] + x[4], d = x[3] - x[4];
    y[0] = x[0] + a + c;
    y[1] = b + 2.0f * d;
    y[2] = a + 4.0f * c;
    y[3] = b + 8.0f * d + x[5];
}

/* `half` of frames `top` - 1 to `top` + 4 of x with zeros around, negative values zero but for the `first` convolution. A
   place's last vector may begin within the one before it. */
INLINE void write_half(const Stack *of, Frames x, int64_t depth, int64_t top, int first, const Room *room) {
    const int64_t row = (OUT * columns_of(of) + 2) * depth, inner = of->places * depth;
    const float *frames[IN];
    for (int64_t r = 0; r < IN; r++) {
        const int64_t frame = top - 1 + r;
        frames[r] = frame < 0 || frame >= of->frames ? room->zero : frame_of(x, frame);
        float *const to = room->half + r * row;
        memset(to, 0, depth * sizeof *to);
        memset(to + depth + inner, 0, (row - depth - inner) * sizeof *to);
    }
    for (int64_t place = 0; place < inner; place += depth)
        for (int64_t c = 0; c < depth; c += WIDE) {
            const int64_t at = place + least(c, depth - WIDE);
            wide seen[IN], half[IN];
            for (int r = 0; r < IN; r++)
                seen[r] = first ? load(frames[r] + at) : rectified(load(frames[r] + at));
            transform(seen, half);
            for (int r = 0; r < IN; r++)
                store(half[r], room->half + r * row + depth + at);
        }
}

/* `tiles` from a row of `half`, whose first place is that of the first of `count` tiles. */
INLINE void write_tiles(const float *half, int64_t depth, int64_t count, float *tiles) {
    for (int64_t tile = 0; tile < count; tile++, half += OUT * depth, tiles += depth)
        for (int64_t k = 0; k < depth; k += WIDE) {
            const int64_t c = least(k, depth - WIDE);
            wide seen[IN], done[IN];
            for (int p = 0; p < IN; p++)
                seen[p] = load(half + p * depth + c);
            transform(seen, done);
            for (int p = 0; p < IN; p++)
                store(done[p], tiles + p * GROUP * depth + c);
        }
}

/* The way back over places: `count` tiles of `partial`, from `products`. */
INLINE void write_partial(const float *products, int64_t channels, int64_t count, float *partial) {
    for (int64_t tile = 0; tile < count; tile++, products += channels, partial += OUT * channels)
        for (int64_t c = 0; c < channels; c += WIDE) {
            wide seen[IN], done[OUT];
            for (int p = 0; p < IN; p++)
                seen[p] = load(products + p * GROUP * channels + c);
            transform_back(seen, done);
            for (int k = 0; k < OUT; k++)
                store(done[k], partial + k * channels + c);
        }
}

/* The way back over frames: four of `next`, the bias, and those of `now` or the `step` added. */
INLINE void write_frames(const Stack *of, const float *bias, const Frames *now, int64_t top, Frames next,
                         const Room *room) {
    const int64_t row = OUT * columns_of(of) * of->channels, inner = of->places * of->channels;
    const int64_t n_frames = least(OUT, of->frames - top);
    const float *from[OUT];
    float *to[OUT];
    for (int64_t r = 0; r < n_frames; r++) {
        from[r] = now ? frame_of(*now, top + r) : NULL;
        to[r] = frame_of(next, top + r);
    }
    for (int64_t at = 0; at < inner;)
        for (int64_t c = 0; c < of->channels; c += WIDE, at += WIDE) {
            const wide more = now ? load(bias + c) : load(bias + c) + load(of->step + c);
            wide seen[IN], done[OUT];
            for (int r = 0; r < IN; r++)
                seen[r] = load(room->partial + r * row + at);
            transform_back(seen, done);
            _Pragma("GCC unroll 4") for (int r = 0; r < OUT; r++) if (r < n_frames)
                store(now ? done[r] + more + load(from[r] + at) : done[r] + more, to[r] + at);
        }
}

/* Four frames of one convolution. */
INLINE void convolve(const Stack *of, Frames x, int64_t depth, const float *weights, const float *bias, int64_t top,
                     int first, Frames next, const Room *room) {
    const int64_t columns = columns_of(of), groups = (columns + GROUP - 1) / GROUP, channels = of->channels;
    write_half(of, x, depth, top, first, room);
    for (int r = 0; r < IN; r++, weights += IN * depth * channels)
        for (int64_t g = 0; g < groups; g++) {
            const int64_t tile = g * columns / groups, count = (g + 1) * columns / groups - tile;
            write_tiles(room->half + (r * (OUT * columns + 2) + OUT * tile) * depth, depth, count, room->tiles);
            for (int p = 0; p < IN; p++)
                for (int64_t c = 0; c < channels; c += WIDE)
                    multiply(count, room->tiles + p * GROUP * depth, depth, depth, weights + (p * channels + c) * depth,
                             ZEROS, 0, room->products + p * GROUP * channels + c, channels);
            write_partial(room->products, channels, count, room->partial + (r * columns + tile) * OUT * channels);
        }
    write_frames(of, bias, first ? NULL : &x, top, next, room);
}
