/* One vector of floats, as wide as the target has them; the only file that knows the instruction set.
 *
 *   target            LANES  TILE_ROWS   registers
 *   x86-64-v4           16       6       32 × 512 bit
 *   x86-64-v3            8       3       16 × 256 bit
 *   arm64                4       6       32 × 128 bit
 *   anything else        4       2       16 × 128 bit
 *
 * A tile of TILE_ROWS × 4 vectors of accumulators, four vectors of weights and one broadcast fill the registers.
 */
#ifndef UNROLLED_VEC_H
#define UNROLLED_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES 16
#define TILE_ROWS 6
#elif defined(__AVX2__)
#define LANES 8
#define TILE_ROWS 3
#elif defined(__aarch64__)
#define LANES 4
#define TILE_ROWS 6
#else
#define LANES 4
#define TILE_ROWS 2
#endif

#define SLOTS 4                 /* vectors in one row of a tile: the gates of a cell, or four neighbours */
#define PANEL (SLOTS * LANES)   /* floats in one row of a tile */

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef float vf_unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

INLINE vf load(const float *p) { return *(const vf_unaligned *)p; }
INLINE void store(float *p, vf x) { *(vf_unaligned *)p = x; }

/* A store past the caches, for what is not read again soon: it spares reading the line first. p is aligned. */
INLINE void store_past(float *p, vf x) {
#if defined(__clang__)
    __builtin_nontemporal_store(x, (vf *)p);
#elif defined(__AVX512F__)
    _mm512_stream_ps(p, (__m512)x);
#else
    store(p, x);
#endif
}
INLINE void finish_stores(void) {
#if defined(__x86_64__)
    __builtin_ia32_sfence();
#endif
}

INLINE vf splat(float x) { return x - (vf){0}; }

/* The first n floats at p, the rest 0; and their way back. n in 1..LANES. */
INLINE vf load_part(const float *p, ptrdiff_t n) {
    if (n >= LANES) return load(p);
    float lanes[LANES] = {0};
    memcpy(lanes, p, (size_t)n * sizeof(float));
    return load(lanes);
}
INLINE void store_part(float *p, vf x, ptrdiff_t n) {
    if (n >= LANES) {
        store(p, x);
        return;
    }
    float lanes[LANES];
    store(lanes, x);
    memcpy(p, lanes, (size_t)n * sizeof(float));
}

/* x held to ±bound; NaN stays NaN. */
INLINE vf clamp(vf x, float bound) {
#if defined(__AVX512F__)
    __m512 below = _mm512_min_ps((__m512)splat(bound), (__m512)x); /* the second operand wins where one is NaN */
    return (vf)_mm512_max_ps((__m512)splat(-bound), below);
#else
    typedef int32_t vi __attribute__((vector_size(LANES * 4)));
    vi over = x > splat(bound), under = x < splat(-bound);
    return (vf)(((vi)x & ~over & ~under) | ((vi)splat(bound) & over) | ((vi)splat(-bound) & under));
#endif
}

/* 1/x to one rounding or two: x is finite, positive and far from the ends of the range here. */
INLINE vf reciprocal(vf x) {
#if defined(__AVX512F__)
    vf r = (vf)_mm512_rcp14_ps((__m512)x);
    return r * (2.0f - x * r);
#else
    return 1.0f / x;
#endif
}

#endif
