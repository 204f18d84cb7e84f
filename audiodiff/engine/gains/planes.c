/* What a SpectralGainNetwork does around its convolutions, in one pass over each frame's bins: the planes that they see
   (`RelativePlanes`), and the spectrum that their gains say. */

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "panels.h"

#define FOR_BINS _Pragma("GCC ivdep") for (int64_t k = 0; k < bins; k++)

enum { TURNED = 5, LEVELS = 4, PLANES = 2 * TURNED + LEVELS, GAINS = 3 };

/* Spectra are [frames][bins][2], `envelope` and `scale` [frames][bins], `place` [bins][own], `advance` [bins][2],
   `planes` [frames][filled][PLANES + own] and `said` [frames][filled][GAINS][2]. */
typedef struct {
    int64_t frames, bins, filled, own;
    const float *mean, *residual, *envelope, *scale, *advance, *place, *said;
    float *planes, *found;
    float faint, least_energy, kept;
} Spectra;

/* Whitened and compressed, a frame of mean + residual: a row each of its real and its imaginary parts, between zeros. */
typedef struct {
    float *re, *im;
} Frame;

/* ln(x) of a positive normal float, to 1e-7 of 1: x = 2^n · m with m from sqrt(1/2) to sqrt(2), and the series of
   2·atanh((m - 1) / (m + 1)). */
INLINE float logarithm(float x) {
    int32_t kind;
    memcpy(&kind, &x, sizeof kind);
    const int32_t n = (kind - 0x3f3504f3) >> 23;
    kind -= n << 23;
    float m;
    memcpy(&m, &kind, sizeof m);
    const float s = (m - 1) / (m + 1), q = s * s;
    return n * 0.693147181f + s * (2 + q * (0.666666667f + q * (0.4f + q * (0.285714286f + q * 0.222222222f))));
}

INLINE float level(float magnitude, float faint) { return logarithm(magnitude + faint) / 3; }

/* `to` of a frame; of one that is not there zeros. */
static void compress(const Spectra *of, int64_t frame, Frame to) {
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

/* The planes of a frame, whose compressed neighbours are `earlier` and `later`; `rows` is [PLANES][bins]. */
static void write_planes(const Spectra *of, int64_t frame, Frame earlier, Frame now, Frame later, float *rows) {
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
    float *planes = of->planes + frame * of->filled * width;
    for (int64_t k = 0; k < bins; k++, planes += width) {
        for (int j = 0; j < PLANES; j++)
            planes[j] = rows[j * bins + k];
        memcpy(planes + PLANES, of->place + k * of->own, of->own * sizeof *planes);
    }
    memset(planes, 0, (of->filled - bins) * width * sizeof *planes);
}

/* Write the planes of all frames, on so many threads; returns 1, and writes nothing, where there is no memory. */
int gains_planes(const Spectra *of, int threads) {
    const int64_t size = 6 * (of->bins + 2) + PLANES * of->bins;
    float *const rooms = calloc(threads * size, sizeof *rooms);
    if (!rooms)
        return 1;
#pragma omp parallel num_threads(threads)
    {
        const int64_t bins = of->bins, count = omp_get_num_threads(), own = omp_get_thread_num();
        const int64_t first = own * of->frames / count, end = (own + 1) * of->frames / count;
        float *const room = rooms + own * size;
        Frame near[3];
        for (int i = 0; i < 3; i++)
            near[i] = (Frame){room + 2 * i * (bins + 2) + 1, room + (2 * i + 1) * (bins + 2) + 1};
        compress(of, first - 1, near[0]);
        compress(of, first, near[1]);
        for (int64_t frame = first; frame < end; frame++) {
            compress(of, frame + 1, near[2]);
            write_planes(of, frame, near[0], near[1], near[2], room + 6 * (bins + 2));
            const Frame oldest = near[0];
            near[0] = near[1], near[1] = near[2], near[2] = oldest;
        }
    }
    free(rooms);
    return 0;
}

/* Write (kept + gain) · residual + gain · mean + gain · phase · scale, with the three gains said, on so many threads. */
void gains_found(const Spectra *of, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t frame = 0; frame < of->frames; frame++)
        for (int64_t k = 0; k < of->bins; k++) {
            const int64_t at = frame * of->bins + k;
            const float *said = of->said + (frame * of->filled + k) * 2 * GAINS;
            const float mean_re = of->mean[2 * at], mean_im = of->mean[2 * at + 1];
            const float kept_re = of->residual[2 * at], kept_im = of->residual[2 * at + 1];
            const float re = (mean_re + kept_re) / of->envelope[at], im = (mean_im + kept_im) / of->envelope[at];
            const float energy = re * re + im * im;
            const float size = sqrtf(energy > of->least_energy ? energy : of->least_energy) + of->faint;
            const float phase_re = re / size * of->scale[at], phase_im = im / size * of->scale[at];
            const float g = of->kept + said[0], h = said[1];
            of->found[2 * at] = g * kept_re - h * kept_im + said[2] * mean_re - said[3] * mean_im +
                                said[4] * phase_re - said[5] * phase_im;
            of->found[2 * at + 1] = g * kept_im + h * kept_re + said[2] * mean_im + said[3] * mean_re +
                                    said[4] * phase_im + said[5] * phase_re;
        }
}
