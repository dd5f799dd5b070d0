/* The kinds of words, and which of them this processor multiplies best. */
#include "words.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#define KIND float32
#define TARGET
#define SUM vf
#define MULTIPLY(sum, x, w) ((sum) + (vf)(x) * (vf)(w))
#define STARTS 0
#define SCALED 0
#define DEPTH 1
#include "words_tiles.h"

/* A bfloat16 is the upper half of a float. */
INLINE vf multiply_halves(vf sum, vi x, vi w) {
    vi upper = (vi){0} + (int32_t)0xffff0000;
    sum += (vf)(x << 16) * (vf)(w << 16);
    return sum + (vf)(x & upper) * (vf)(w & upper);
}

#define KIND bfloat16
#define TARGET
#define SUM vf
#define MULTIPLY(sum, x, w) multiply_halves(sum, x, w)
#define STARTS 0
#define SCALED 0
#define DEPTH 2
#include "words_tiles.h"

/* Products of signed bytes: the even and the odd ones as 16-bit numbers, where there is an instruction for their sums. */
INLINE vi multiply_bytes(vi sum, vi x, vi w) {
#if defined(__AVX512F__)
    __m512i xs = (__m512i)x, ws = (__m512i)w;
    __m512i even = _mm512_madd_epi16(_mm512_srai_epi16(_mm512_slli_epi16(xs, 8), 8), _mm512_srai_epi16(_mm512_slli_epi16(ws, 8), 8));
    return sum + (vi)even + (vi)_mm512_madd_epi16(_mm512_srai_epi16(xs, 8), _mm512_srai_epi16(ws, 8));
#elif defined(__AVX2__)
    __m256i xs = (__m256i)x, ws = (__m256i)w;
    __m256i even = _mm256_madd_epi16(_mm256_srai_epi16(_mm256_slli_epi16(xs, 8), 8), _mm256_srai_epi16(_mm256_slli_epi16(ws, 8), 8));
    return sum + (vi)even + (vi)_mm256_madd_epi16(_mm256_srai_epi16(xs, 8), _mm256_srai_epi16(ws, 8));
#elif defined(__x86_64__)
    __m128i xs = (__m128i)x, ws = (__m128i)w;
    __m128i even = _mm_madd_epi16(_mm_srai_epi16(_mm_slli_epi16(xs, 8), 8), _mm_srai_epi16(_mm_slli_epi16(ws, 8), 8));
    return sum + (vi)even + (vi)_mm_madd_epi16(_mm_srai_epi16(xs, 8), _mm_srai_epi16(ws, 8));
#else
    UNROLL for (int place = 24; place >= 0; place -= 8) sum += ((x << place) >> 24) * ((w << place) >> 24);
    return sum;
#endif
}

#define KIND int8
#define TARGET
#define SUM vi
#define MULTIPLY(sum, x, w) multiply_bytes(sum, x, w)
#define STARTS 0
#define SCALED 1
#define DEPTH 4
#include "words_tiles.h"

#if defined(__AVX512F__)
#define HAS_VNNI __attribute__((target("avx512f,avx512vnni")))
#define HAS_BF16 __attribute__((target("avx512f,avx512bf16")))

#define KIND bfloat16_dot
#define TARGET HAS_BF16
#define SUM vf
#define MULTIPLY(sum, x, w) (vf)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(x), (__m512bh)(w))
#define STARTS 0
#define SCALED 0
#define DEPTH 2
#include "words_tiles.h"

#define KIND int8_dot /* unsigned bytes times signed bytes */
#define TARGET HAS_VNNI
#define SUM vi
#define MULTIPLY(sum, x, w) (vi)_mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(x), (__m512i)(w))
#define STARTS 1
#define SCALED 1
#define DEPTH 4
#include "words_tiles.h"

static int has_vnni(void) {
    uint32_t a, b, c = 0, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 11 & 1);
}
static int has_bf16(void) {
    uint32_t a = 0, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}
#endif

const struct words_kernel *words_kernel(int64_t precision, int64_t portable) {
    static const struct words_kernel *const kernels[PRECISIONS] = {&float32_kernel, &bfloat16_kernel, &int8_kernel};
    if (precision < 0 || precision >= PRECISIONS) return NULL;
#if defined(__AVX512F__)
    if (precision == INT8 && !portable && has_vnni()) return &int8_dot_kernel;
    if (precision == BFLOAT16 && !portable && has_bf16()) return &bfloat16_dot_kernel;
#else
    (void)portable;
#endif
    return kernels[precision];
}

uint16_t bfloat16_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float largest_magnitude(const float *x, ptrdiff_t width) {
    vf largest = {0};
    for (ptrdiff_t k = 0; k < width; k += LANES) {
        vf magnitude = (vf)((vi)load_part(x + k, width - k) & 0x7fffffff);
        vi more = magnitude > largest;
        largest = (vf)(((vi)magnitude & more) | ((vi)largest & ~more));
    }
    float most = 0;
    for (int lane = 0; lane < LANES; ++lane) most = largest[lane] > most ? largest[lane] : most;
    return most;
}

ptrdiff_t words_of_row(uint32_t *words, const float *x, ptrdiff_t width, int64_t precision, const struct words_kernel *kernel,
                       float inverse_scale) {
    typedef uint16_t halves __attribute__((vector_size(LANES * 2)));
    typedef uint8_t bytes __attribute__((vector_size(LANES)));
    if (precision == FLOAT32) {
        memcpy(words, x, (size_t)width * sizeof(float));
        return width;
    }
    for (ptrdiff_t k = 0; k < width; k += LANES) {
        vf part = load_part(x + k, width - k);
        if (precision == BFLOAT16) {
            vi bits = (vi)part;
            halves upper = __builtin_convertvector((bits + 0x7fff + (bits >> 16 & 1)) >> 16, halves);
            memcpy((uint16_t *)words + k, &upper, sizeof upper);
        } else {
            vi whole = (vi)(part * inverse_scale + 12582912.0f); /* 1.5·2²³: the rounded number is in the lowest bits */
            if (kernel->offset) whole += 128;
            bytes lowest = __builtin_convertvector(whole & 0xff, bytes);
            memcpy((uint8_t *)words + k, &lowest, sizeof lowest);
        }
    }
    return (width + kernel->depth - 1) / kernel->depth;
}
