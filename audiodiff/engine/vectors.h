/* Vectors of the processor that a file is compiled for. */

#pragma once

#include <stdint.h>

#if defined(__AVX512F__)
enum { WIDE = 16 };
#elif defined(__AVX__)
enum { WIDE = 8 };
#else
enum { WIDE = 4 };
#endif

typedef float wide __attribute__((vector_size(4 * WIDE)));
typedef int32_t bits __attribute__((vector_size(4 * WIDE)));
typedef float anywhere __attribute__((vector_size(4 * WIDE), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE wide load(const float *from) { return *(const anywhere *)from; }
INLINE void store(wide values, float *to) { *(anywhere *)to = values; }
