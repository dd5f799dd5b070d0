/* The two inner products everything is made of, on tiles of at most TILE_ROWS × SLOTS vectors kept in registers.
 *
 *   gemm_rows:     tile[r, :]  = start[r][:] + Σ_runs Σ_k a[r][offset + k] · b[k, :]     a: a pointer per row
 *   gemm_columns:  tile[r, :] += Σ_k x[k][column + r] · b[k, :]                          x: a pointer per k
 *
 * tile[r, :] starts at tile + r·tile_stride, b[k, :] at b + k·b_stride, and both are `vectors` vectors wide. Row pointers
 * make any order of rows (ragged, reversed) cost nothing.
 */
#ifndef UNROLLED_GEMM_H
#define UNROLLED_GEMM_H

#include "element.h"

/* Everything here but tiles counts words: see element.h. One sum over k: `segments` runs of `depth` floats of each row of a, the next a_step floats after the last one; b goes
 * straight on. */
struct gemm_run {
    const float *const *a;
    ptrdiff_t offset, segments, a_step, depth;
    const float *b;
};

/* start NULL: the tile itself. One cache line a k is fetched from `ahead` on into L2: what the caller needs after this
 * (any address will do). */
typedef void gemm_rows_fn(float *tile, ptrdiff_t tile_stride, const float *const *start, ptrdiff_t start_offset,
                          const struct gemm_run *runs, int count, ptrdiff_t b_stride, const float *ahead);
typedef void gemm_columns_fn(float *tile, ptrdiff_t tile_stride, const float *const *x, ptrdiff_t column, ptrdiff_t depth,
                             const float *b, ptrdiff_t b_stride);

extern gemm_rows_fn *const gemm_rows[TILE_ROWS][SLOTS];       /* [rows - 1][vectors - 1] */
extern gemm_columns_fn *const gemm_columns[TILE_ROWS][SLOTS];

#endif
