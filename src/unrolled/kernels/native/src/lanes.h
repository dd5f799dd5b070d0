/* Moves between the lanes of a vector, and what goes with them: exponentials, bfloat16, parts of a vector. */
#ifndef UNROLLED_LANES_H
#define UNROLLED_LANES_H

#include "activations.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef uint32_t vu __attribute__((vector_size(LANES * 4)));
typedef uint32_t vu_unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint16_t vh __attribute__((vector_size(LANES * 2)));
typedef uint16_t vh_unaligned __attribute__((vector_size(LANES * 2), aligned(2), may_alias));

#define LOG_LANES (LANES == 16 ? 4 : LANES == 8 ? 3 : 2)

static const int32_t LANE_NUMBERS[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
INLINE vi lane_numbers(void) {
    vi numbers;
    memcpy(&numbers, LANE_NUMBERS, sizeof numbers);
    return numbers;
}

/* Lane l of the result is lane at[l] of x; at[l] in 0..LANES-1. */
INLINE vf permute(vf x, vi at) {
#if defined(__AVX512F__)
    return (vf)_mm512_permutexvar_ps((__m512i)at, (__m512)x);
#elif defined(__AVX2__)
    return (vf)_mm256_permutevar8x32_ps((__m256)x, (__m256i)at);
#else
    vf moved;
    UNROLL for (int l = 0; l < LANES; ++l) moved[l] = x[at[l]];
    return moved;
#endif
}

INLINE vf select_where(vi where, vf yes, vf no) { return (vf)((where & (vi)yes) | (~where & (vi)no)); }
INLINE vf greater_of(vf a, vf b) { return select_where(a > b, a, b); }
INLINE vf leaky(vf z, float slope) { return select_where(z > (vf){0}, z, z * slope); }
INLINE vf leaky_slope(vf z, float slope) { return select_where(z > (vf){0}, splat(1.0f), splat(slope)); }

/* e^y for y ≤ 87; below -87 it stays at e^-87. */
INLINE vf exponential(vf y) {
    vf power, p = reduced_exponential(clamp(y, 87.0f), &power);
    return power * p + power;
}

/* Every lane gets the sum of its 2^steps neighbours; `steps` is a constant. */
INLINE vf neighbours_sum(const int steps, vf x) {
    UNROLL for (int s = 0; s < steps; ++s) x += permute(x, lane_numbers() ^ (1 << s));
    return x;
}

/* Every lane gets the sum (the greatest) of the lanes whose number leaves the same rest by `period`, a power of two. */
INLINE vf period_sum(vf x, ptrdiff_t period) {
    for (int by = LANES / 2; by >= period; by /= 2) x += permute(x, lane_numbers() ^ by);
    return x;
}
INLINE vf period_greatest(vf x, ptrdiff_t period) {
    for (int by = LANES / 2; by >= period; by /= 2) x = greater_of(x, permute(x, lane_numbers() ^ by));
    return x;
}

/* The first n floats at p, the rest 0, and their way back; n in 1..LANES. As load_part, with masks where there are some. */
INLINE vf load_first(const float *p, ptrdiff_t n) {
#if defined(__AVX512F__)
    return (vf)_mm512_maskz_loadu_ps((__mmask16)(0xffffu >> (LANES - n)), p);
#else
    return load_part(p, n);
#endif
}
INLINE void store_first(float *p, vf x, ptrdiff_t n) {
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)(0xffffu >> (LANES - n)), (__m512)x);
#else
    store_part(p, x, n);
#endif
}

/* bfloat16: the upper half of a float, rounded to even on the way back; NaN stays NaN. */
INLINE vf widen(vh x) { return (vf)(__builtin_convertvector(x, vu) << 16); }
INLINE vh narrow(vf x) {
    vu bits = (vu)x;
    vu rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    vu quiet = (vu)(x != x);
    return __builtin_convertvector((rounded & ~quiet) | (0x7fc0 & quiet), vh);
}
INLINE vf load_half(const uint16_t *p) { return widen(*(const vh_unaligned *)p); }
INLINE vf load_half_first(const uint16_t *p, ptrdiff_t n) {
    vh lanes = {0};
    memcpy(&lanes, p, (size_t)n * sizeof(uint16_t));
    return widen(lanes);
}
INLINE void store_half_first(uint16_t *p, vf x, ptrdiff_t n) {
    vh lanes = narrow(x);
    memcpy(p, &lanes, (size_t)n * sizeof(uint16_t));
}

#endif
