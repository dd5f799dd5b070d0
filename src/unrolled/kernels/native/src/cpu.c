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

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

/* The system lends a process the tiles' registers only when asked. */
static int tiles_permitted(void) {
    const int request_permission = 0x1023, tile_data = 18;
    return !syscall(SYS_arch_prctl, request_permission, tile_data);
}
#else
static int tiles_permitted(void) { return 0; }
#endif

/* Bit 0: AVX512-BF16; bit 1: AMX with bfloat16, too, and the system's leave to use it. */
EXPORT int64_t unrolled_cpu_half(void) {
    uint32_t a, b, c, d;
    if (unrolled_cpu_level() < 4 || !__get_cpuid_count(7, 1, &a, &b, &c, &d) || !has(a, 1u << 5)) return 0;
    __get_cpuid_count(7, 0, &a, &b, &c, &d);
    int tiles = has(d, 1u << 22 | 1u << 24) && has(saved_registers(), 1u << 17 | 1u << 18) && tiles_permitted();
    return tiles ? 3 : 1;
}
#else
EXPORT int64_t unrolled_cpu_level(void) { return 0; }
EXPORT int64_t unrolled_cpu_half(void) { return 0; }
#endif
