/* Products of a few rows with packed weights in one of three precisions, all on 32-bit words.
 *
 *   word        k's in it                       sum
 *   FLOAT32     one float                       float
 *   BFLOAT16    two bfloat16                    float
 *   INT8        four signed bytes               int32, exact; each row and each output has a scale
 *
 * Weights lie [groups, slots, LANES] words, one word of each output after the other; a row is `groups` words. So one
 * body, words_tiles.h, serves the three, and a smaller word is so much less to read from the cache, which is what a
 * product with one row waits for.
 */
#ifndef UNROLLED_WORDS_H
#define UNROLLED_WORDS_H

#include "vec.h"

enum precision { FLOAT32, BFLOAT16, INT8, PRECISIONS };

typedef int32_t vi __attribute__((vector_size(LANES * 4)));

/* out[r·PANEL + lane] += Σ_k row[r·row_stride + k] · weights[k, lane] for as many rows and slots as its place says. */
typedef void words_tile_fn(float *out, const uint32_t *row, ptrdiff_t row_stride, ptrdiff_t groups, const uint32_t *weights,
                           const float *row_scale, const float *scale, const int32_t *start);

#define TILE_HEIGHTS 3 /* 1, 2 and 4 rows */

struct words_kernel {
    words_tile_fn *tile[TILE_HEIGHTS][SLOTS]; /* [log₂ rows][slots - 1] */
    int depth;                                /* k's in a word */
    int offset;                               /* bytes of rows are k + 128, which `start` takes off again */
};

/* The fastest kernel that this processor has; `portable`: the one that every processor of the variant has. */
const struct words_kernel *words_kernel(int64_t precision, int64_t portable);

/* What follows `out` in the tile's arguments is of one panel: weights [groups, slots, LANES], scale and start [slots, LANES]
 * (INT8 only). `rows` rows PANEL floats apart. */
static inline void words_product(const struct words_kernel *kernel, float *out, ptrdiff_t rows, int slots, const uint32_t *row,
                                 ptrdiff_t row_stride, ptrdiff_t groups, const uint32_t *weights, const float *row_scale,
                                 const float *scale, const int32_t *start) {
    for (ptrdiff_t r = 0; r < rows;) {
        int height = rows - r >= 4 ? 2 : rows - r >= 2 ? 1 : 0;
        kernel->tile[height][slots - 1](out + r * PANEL, row + r * row_stride, row_stride, groups, weights, row_scale + r, scale,
                                        start);
        r += (ptrdiff_t)1 << height;
    }
}

/* words = x [width] in the kernel's precision, zero behind it up to a whole word; at least LANES words behind the last are
 * written over. Returns how many words. For INT8, 1/scale must be given; see words_scale. */
ptrdiff_t words_of_row(uint32_t *words, const float *x, ptrdiff_t width, int64_t precision, const struct words_kernel *kernel,
                       float inverse_scale);

/* The largest magnitude of x [width]. */
float largest_magnitude(const float *x, ptrdiff_t width);

uint16_t bfloat16_of(float x); /* to the nearest, ties to even; x is a number */

#endif
