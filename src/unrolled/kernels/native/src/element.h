/* What a sequence is made of: float, or with UNROLLED_BF16 the upper half of one (bfloat16), summed up in float.
 *
 * Products read four bytes at a time, a word: one float, or a pair of neighbours along the axis that is summed over.
 * The sequences (x, out, their gradients), the state and ∂L/∂gates are elements; gates, memories, sums and weights are
 * floats.
 */
#ifndef UNROLLED_ELEMENT_H
#define UNROLLED_ELEMENT_H

#include "vec.h"

typedef uint32_t vu __attribute__((vector_size(LANES * 4)));

/* The word at p in every lane, whatever it holds. */
INLINE vf splat_word(const float *p) {
    uint32_t bits;
    memcpy(&bits, p, sizeof bits);
    return (vf)(bits - (vu){0});
}

#if defined(UNROLLED_BF16)
#define PAIR 2 /* elements in a word */
typedef uint16_t element;
typedef element halves __attribute__((vector_size(LANES * 2)));
typedef element halves_unaligned __attribute__((vector_size(LANES * 2), aligned(2), may_alias));

INLINE vf load_elements(const element *p) { return (vf)(__builtin_convertvector(*(const halves_unaligned *)p, vu) << 16); }

/* The bits of x, rounded to nearest in their upper half. */
INLINE vu rounded(vf x) {
    vu bits = (vu)x, nan = (vu)(x != x);
    return ((bits + 0x7fff + (bits >> 16 & 1)) & ~nan) | (nan & 0x7fc00000);
}

INLINE void store_elements(element *p, vf x) {
#if defined(__AVX512BF16__)
    _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh((__m512)x));
#else
    *(halves_unaligned *)p = __builtin_convertvector(rounded(x) >> 16, halves);
#endif
}

/* sum + Σ over the pair of x · w, lane by lane. */
INLINE vf multiply_add(vf sum, vf x, vf w) {
#if defined(__AVX512BF16__)
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)w);
#else
    sum += (vf)((vu)x << 16) * (vf)((vu)w << 16);
    return sum + (vf)((vu)x & 0xffff0000u) * (vf)((vu)w & 0xffff0000u);
#endif
}

/* Words of two floats each, lane by lane. */
INLINE vf make_words(vf first, vf second) {
    vu low = rounded(first) >> 16, high = rounded(second) & 0xffff0000u;
    return (vf)(low | high);
}
#else
#define PAIR 1
typedef float element;
INLINE vf load_elements(const element *p) { return load(p); }
INLINE void store_elements(element *p, vf x) { store(p, x); }
INLINE vf multiply_add(vf sum, vf x, vf w) { return sum + x * w; }
INLINE vf make_words(vf first, vf second) { return (void)second, first; }
#endif

/* As load_part and store_part. */
INLINE vf load_elements_part(const element *p, ptrdiff_t n) {
    if (n >= LANES) return load_elements(p);
    element lanes[LANES] = {0};
    memcpy(lanes, p, (size_t)n * sizeof(element));
    return load_elements(lanes);
}
INLINE void store_elements_part(element *p, vf x, ptrdiff_t n) {
    if (n >= LANES) {
        store_elements(p, x);
        return;
    }
    element lanes[LANES];
    store_elements(lanes, x);
    memcpy(p, lanes, (size_t)n * sizeof(element));
}

#if PAIR > 1
/* The words of two rows: first[i] and second[i], n of them, zeros behind; no row: zeros. */
INLINE vf pair_rows(const element *first, const element *second, ptrdiff_t n) {
    vu low = first ? (vu)load_elements_part(first, n) >> 16 : (vu){0};
    vu high = second ? (vu)load_elements_part(second, n) : (vu){0};
    return (vf)(low | high);
}
#endif

#endif
