/* What a SpectralGainNetwork does around its convolutions, in one pass over each frame's bins: the planes that they see
   (`RelativePlanes`), and the spectrum that their gains say. */

#pragma once

#include <math.h>
#include <string.h>

#include "vectors.h"

#define FOR_BINS _Pragma("GCC ivdep") for (int64_t k = 0; k < bins; k++)

enum { TURNED = 5, LEVELS = 4, PLANES = 2 * TURNED + LEVELS, GAINS = 3 };

/* Spectra are [frames][bins][2], `envelope` and `scale` [frames][bins], `place` [bins][own], `advance` [bins][2]; planes
   and gains have `filled` bins. */
typedef struct {
    int64_t frames, bins, filled, own;
    const float *mean, *residual, *envelope, *scale, *advance, *place;
    float *found;
    float faint, least_energy, kept;
} Spectra;

/* Whitened and compressed, a frame of mean + residual: a row each of its real and its imaginary parts, between zeros. */
typedef struct {
    float *re, *im;
} Compressed;

/* ln(x) of a positive normal float, to 1e-7 of 1: x = 2^n · m with m from sqrt(1/2) to sqrt(2), and the series of
   2·atanh((m - 1) / (m + 1)). */
INLINE float logarithm(float x) {
    int32_t kind;
    memcpy(&kind, &x, sizeof kind);
    const int32_t n = (kind - 0x3f3504f3) >> 23;
    kind -= n * (1 << 23);
    float m;
    memcpy(&m, &kind, sizeof m);
    const float s = (m - 1) / (m + 1), q = s * s;
    return n * 0.693147181f + s * (2 + q * (0.666666667f + q * (0.4f + q * (0.285714286f + q * 0.222222222f))));
}

INLINE float level(float magnitude, float faint) { return logarithm(magnitude + faint) / 3; }

/* `to` of a frame; of one that is not there zeros. */
static void compress(const Spectra *of, int64_t frame, Compressed to) {
    if (frame < 0 || frame >= of->frames) {
        memset(to.re, 0, of->bins * sizeof *to.re);
        memset(to.im, 0, of->bins * sizeof *to.im);
        return;
    }
    const int64_t bins = of->bins;
    const float *mean = of->mean + frame * bins * 2, *residual = of->residual + frame * bins * 2;
    const float *envelope = of->envelope + frame * bins, faint = of->faint;
    FOR_BINS {
        const float re = (mean[2 * k] + residual[2 * k]) / envelope[k];
        const float im = (mean[2 * k + 1] + residual[2 * k + 1]) / envelope[k];
        const float root = 1 / sqrtf(sqrtf(re * re + im * im + faint * faint));
        to.re[k] = re * root;
        to.im[k] = im * root;
    }
}

/* The planes [filled][PLANES + own] of a frame, whose compressed neighbours are `earlier` and `later`; `rows` is
   [PLANES][bins]. */
static void write_planes(const Spectra *of, int64_t frame, Compressed earlier, Compressed now, Compressed later,
                         float *rows, float *planes) {
    const int64_t bins = of->bins, width = PLANES + of->own;
    const float *mean = of->mean + frame * bins * 2, *residual = of->residual + frame * bins * 2;
    const float *envelope = of->envelope + frame * bins, *scale = of->scale + frame * bins;
    const float *advance = of->advance, faint = of->faint, least_energy = of->least_energy;
    FOR_BINS {
        const float re = (mean[2 * k] + residual[2 * k]) / envelope[k];
        const float im = (mean[2 * k + 1] + residual[2 * k + 1]) / envelope[k];
        const float energy = re * re + im * im, size = sqrtf(energy > least_energy ? energy : least_energy);
        const float mean_re = mean[2 * k] / envelope[k], mean_im = mean[2 * k + 1] / envelope[k];
        const float mean_energy = mean_re * mean_re + mean_im * mean_im;
        const float root = 1 / sqrtf(sqrtf(mean_energy + faint * faint));
        const float a = re / (size + faint), b = im / (size + faint);
        const float forth_re = advance[2 * k], forth_im = advance[2 * k + 1];
        const float early_re = earlier.re[k] * forth_re - earlier.im[k] * forth_im;
        const float early_im = earlier.re[k] * forth_im + earlier.im[k] * forth_re;
        const float late_re = later.re[k] * forth_re + later.im[k] * forth_im;
        const float late_im = later.im[k] * forth_re - later.re[k] * forth_im;
        rows[0 * bins + k] = early_re * a + early_im * b;
        rows[1 * bins + k] = early_im * a - early_re * b;
        rows[2 * bins + k] = late_re * a + late_im * b;
        rows[3 * bins + k] = late_im * a - late_re * b;
        rows[4 * bins + k] = -now.re[k - 1] * a - now.im[k - 1] * b;
        rows[5 * bins + k] = -now.im[k - 1] * a + now.re[k - 1] * b;
        rows[6 * bins + k] = -now.re[k + 1] * a - now.im[k + 1] * b;
        rows[7 * bins + k] = -now.im[k + 1] * a + now.re[k + 1] * b;
        rows[8 * bins + k] = (mean_re * a + mean_im * b) * root;
        rows[9 * bins + k] = (mean_im * a - mean_re * b) * root;
        rows[10 * bins + k] = level(size, faint);
        rows[11 * bins + k] = level(sqrtf(mean_energy), faint);
        rows[12 * bins + k] = (logarithm(envelope[k]) + 2) / 3;
        rows[13 * bins + k] = level(scale[k] / envelope[k], faint);
    }
    for (int64_t k = 0; k < bins; k++, planes += width) {
        for (int j = 0; j < PLANES; j++)
            planes[j] = rows[j * bins + k];
        memcpy(planes + PLANES, of->place + k * of->own, of->own * sizeof *planes);
    }
    memset(planes, 0, (of->filled - bins) * width * sizeof *planes);
}

/* The planes of one frame after the other: `near` is the compressed one before `next`, `next` itself and one behind. */
typedef struct {
    Compressed near[3];
    float *rows;
    int64_t next;
} Planes;

INLINE int64_t planes_room(const Spectra *of) { return 6 * (of->bins + 2) + PLANES * of->bins; }

/* Begin with a frame; `room` is planes_room zeros. */
static Planes begin_planes(const Spectra *of, int64_t frame, float *room) {
    Planes planes = {.rows = room + 6 * (of->bins + 2), .next = frame};
    for (int i = 0; i < 3; i++)
        planes.near[i] = (Compressed){room + 2 * i * (of->bins + 2) + 1, room + (2 * i + 1) * (of->bins + 2) + 1};
    compress(of, frame - 1, planes.near[0]);
    compress(of, frame, planes.near[1]);
    return planes;
}

static void write_next(const Spectra *of, Planes *planes, float *to) {
    Compressed *near = planes->near;
    compress(of, planes->next + 1, near[2]);
    write_planes(of, planes->next, near[0], near[1], near[2], planes->rows, to);
    const Compressed oldest = near[0];
    near[0] = near[1], near[1] = near[2], near[2] = oldest;
    planes->next++;
}

/* (kept + gain) · residual + gain · mean + gain · phase · scale of a frame, with the three gains said of each bin. */
static void write_found(const Spectra *of, int64_t frame, const float *said) {
    const int64_t bins = of->bins;
    const float *mean = of->mean + frame * bins * 2, *residual = of->residual + frame * bins * 2;
    const float *envelope = of->envelope + frame * bins, *scale = of->scale + frame * bins;
    const float kept = of->kept, faint = of->faint, least_energy = of->least_energy;
    float *found = of->found + frame * bins * 2;
    FOR_BINS { /* the phase times the scale: what divides and takes roots is done by vectors */
        const float re = (mean[2 * k] + residual[2 * k]) / envelope[k];
        const float im = (mean[2 * k + 1] + residual[2 * k + 1]) / envelope[k];
        const float energy = re * re + im * im;
        const float unit = scale[k] / (sqrtf(energy > least_energy ? energy : least_energy) + faint);
        found[2 * k] = re * unit;
        found[2 * k + 1] = im * unit;
    }
    for (int64_t k = 0; k < bins; k++, said += 2 * GAINS) {
        const float g = kept + said[0], re = found[2 * k], im = found[2 * k + 1];
        found[2 * k] = g * residual[2 * k] - said[1] * residual[2 * k + 1] + said[2] * mean[2 * k] -
                       said[3] * mean[2 * k + 1] + said[4] * re - said[5] * im;
        found[2 * k + 1] = g * residual[2 * k + 1] + said[1] * residual[2 * k] + said[2] * mean[2 * k + 1] +
                           said[3] * mean[2 * k] + said[4] * im + said[5] * re;
    }
}
