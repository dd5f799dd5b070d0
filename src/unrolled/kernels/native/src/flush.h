/* Denormals to zero while kernels run: a vanishing gradient must not cost 50 times as much as a healthy one. */
#ifndef UNROLLED_FLUSH_H
#define UNROLLED_FLUSH_H

#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
typedef unsigned int float_mode;
static inline float_mode flush_denormals(void) {
    float_mode before = _mm_getcsr();
    _mm_setcsr(before | 0x8040); /* FTZ and DAZ */
    return before;
}
static inline void restore_float_mode(float_mode mode) { _mm_setcsr(mode); }
#elif defined(__aarch64__)
typedef uint64_t float_mode;
static inline float_mode flush_denormals(void) {
    float_mode before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" ::"r"(before | (UINT64_C(1) << 24)));
    return before;
}
static inline void restore_float_mode(float_mode mode) { __asm__ volatile("msr fpcr, %0" ::"r"(mode)); }
#else
typedef int float_mode;
static inline float_mode flush_denormals(void) { return 0; }
static inline void restore_float_mode(float_mode mode) { (void)mode; }
#endif

#endif
