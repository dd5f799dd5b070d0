/* gemm_rows and gemm_columns: one body each, written out for every tile size by the compiler.
 *
 * The bodies are inlined with constant `rows` and `vectors` and unrolled completely, so that the accumulators
 * live in registers; without that this file runs ten times slower.
 */
#include "gemm.h"

/* A single chain of sums loses digits in proportion to its length: after CHAIN products the registers start again from
 * zero, and the tile takes their sum. */
#define CHAIN 64

INLINE void add_sums(const int rows, const int vectors, vf sum[TILE_ROWS][SLOTS], float *tile, ptrdiff_t tile_stride,
                     const float *const *start, ptrdiff_t start_offset) {
    UNROLL for (int r = 0; r < rows; ++r) {
        const float *from = start ? start[r] + start_offset : tile + r * tile_stride;
        UNROLL for (int v = 0; v < vectors; ++v) {
            store(tile + r * tile_stride + v * LANES, load(from + v * LANES) + sum[r][v]);
            sum[r][v] = (vf){0};
        }
    }
}

/* sum[r, v] += x[r] · b[v]. The fewer of x and b stay in registers, so that 3 x 4 sums leave enough of sixteen. */
INLINE void add_products(const int rows, const int vectors, vf sum[TILE_ROWS][SLOTS], const float *const x[TILE_ROWS],
                         const float *b) {
    if (rows < vectors) {
        vf factor[TILE_ROWS];
        UNROLL for (int r = 0; r < rows; ++r) factor[r] = splat_word(x[r]);
        UNROLL for (int v = 0; v < vectors; ++v) {
            vf weight = load(b + v * LANES);
            UNROLL for (int r = 0; r < rows; ++r) sum[r][v] = multiply_add(sum[r][v], factor[r], weight);
        }
    } else {
        vf weight[SLOTS];
        UNROLL for (int v = 0; v < vectors; ++v) weight[v] = load(b + v * LANES);
        UNROLL for (int r = 0; r < rows; ++r) {
            vf factor = splat_word(x[r]);
            UNROLL for (int v = 0; v < vectors; ++v) sum[r][v] = multiply_add(sum[r][v], factor, weight[v]);
        }
    }
}

INLINE void rows_body(const int rows, const int vectors, float *tile, ptrdiff_t tile_stride, const float *const *start,
                      ptrdiff_t start_offset, const struct gemm_run *run, int count, ptrdiff_t b_stride, const float *ahead) {
    vf sum[TILE_ROWS][SLOTS] = {{{0}}};
    ptrdiff_t left = CHAIN;
    for (; count > 0; --count, ++run) {
        const float *row[TILE_ROWS], *b = run->b;
        UNROLL for (int r = 0; r < rows; ++r) row[r] = run->a[r] + run->offset;
        for (ptrdiff_t s = 0; s < run->segments; ++s) {
            for (ptrdiff_t k = 0; k < run->depth;) {
                if (left == 0) {
                    add_sums(rows, vectors, sum, tile, tile_stride, start, start_offset);
                    start = NULL;
                    left = CHAIN;
                }
                ptrdiff_t end = run->depth - k < left ? run->depth : k + left;
                left -= end - k;
                for (; k < end; ++k) {
                    const float *x[TILE_ROWS];
                    UNROLL for (int r = 0; r < rows; ++r) x[r] = row[r] + k;
                    __builtin_prefetch(ahead, 0, 2);
                    add_products(rows, vectors, sum, x, b);
                    b += b_stride;
                    ahead += 64 / sizeof(float);
                }
            }
            UNROLL for (int r = 0; r < rows; ++r) row[r] += run->a_step;
        }
    }
    add_sums(rows, vectors, sum, tile, tile_stride, start, start_offset);
}

INLINE void columns_body(const int rows, const int vectors, float *tile, ptrdiff_t tile_stride, const float *const *x,
                         ptrdiff_t column, ptrdiff_t depth, const float *b, ptrdiff_t b_stride) {
    vf sum[TILE_ROWS][SLOTS] = {{{0}}};
    for (ptrdiff_t k = 0; k < depth; ++k) {
        const float *row = x[k] + column;
        __builtin_prefetch(row + 2 * TILE_ROWS, 0, 2);
        const float *factors[TILE_ROWS];
        UNROLL for (int r = 0; r < rows; ++r) factors[r] = row + r;
        add_products(rows, vectors, sum, factors, b);
        b += b_stride;
    }
    add_sums(rows, vectors, sum, tile, tile_stride, NULL, 0);
}

#define DEFINE(R, V)                                                                                                         \
    static void rows_##R##_##V(float *tile, ptrdiff_t tile_stride, const float *const *start, ptrdiff_t start_offset,       \
                               const struct gemm_run *runs, int count, ptrdiff_t b_stride, const float *ahead) {            \
        rows_body(R, V, tile, tile_stride, start, start_offset, runs, count, b_stride, ahead);                              \
    }                                                                                                                        \
    static void columns_##R##_##V(float *tile, ptrdiff_t tile_stride, const float *const *x, ptrdiff_t column,              \
                                  ptrdiff_t depth, const float *b, ptrdiff_t b_stride) {                                    \
        columns_body(R, V, tile, tile_stride, x, column, depth, b, b_stride);                                               \
    }
#define DEFINE_ROW(R) DEFINE(R, 1) DEFINE(R, 2) DEFINE(R, 3) DEFINE(R, 4)
#define LIST(F, R) {F##_##R##_1, F##_##R##_2, F##_##R##_3, F##_##R##_4}

DEFINE_ROW(1)
DEFINE_ROW(2)
#if TILE_ROWS >= 3
DEFINE_ROW(3)
#endif
#if TILE_ROWS >= 6
DEFINE_ROW(4)
DEFINE_ROW(5)
DEFINE_ROW(6)
#endif

#if TILE_ROWS == 2
#define TABLE(F) {LIST(F, 1), LIST(F, 2)}
#elif TILE_ROWS == 3
#define TABLE(F) {LIST(F, 1), LIST(F, 2), LIST(F, 3)}
#else
#define TABLE(F) {LIST(F, 1), LIST(F, 2), LIST(F, 3), LIST(F, 4), LIST(F, 5), LIST(F, 6)}
#endif

gemm_rows_fn *const gemm_rows[TILE_ROWS][SLOTS] = TABLE(rows);
gemm_columns_fn *const gemm_columns[TILE_ROWS][SLOTS] = TABLE(columns);
