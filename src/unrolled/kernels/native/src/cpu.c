/* Which x86-64 level this processor and its system have; asked of the lowest variant before any other is touched. */
#include <stdint.h>

#include "export.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Registers that the system saves for us: bits 1, 2 (SSE, AVX) and 5-7 (AVX-512). */
static uint32_t saved_registers(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static int has(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

/* 4, 3 or 2 for x86-64-v4, -v3, -v2; 1 for less. */
EXPORT int64_t unrolled_cpu_level(void) {
    uint32_t a, b, c, d, b7 = 0, c7, d7;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 1;
    if (!has(c, bit_SSE3 | bit_SSSE3 | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT)) return 1;
    if (!has(c, bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C | bit_MOVBE) || !has(saved_registers(), 0x6)) return 2;
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7) || !has(b7, bit_AVX2 | bit_BMI | bit_BMI2)) return 2;
    if (!has(b7, bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL)) return 3;
    return has(saved_registers(), 0xe6) ? 4 : 3;
}
#else
EXPORT int64_t unrolled_cpu_level(void) { return 0; }
#endif
