/* Matrix tiles (AMX): sixteen rows of sixteen words, and their products; nothing where the library is built without.
 *
 * A tile is 16 × 64 bytes. tile_dot(c, a, b): c[m, n] += Σ_k pair a[m, k] · pair b[k, n]. With UNROLLED_AMX_EMULATED plain C
 * does what the instructions do, so that the layout of the data can be tested where there are none.
 */
#ifndef UNROLLED_AMX_H
#define UNROLLED_AMX_H

#include "gemm.h"

#if defined(UNROLLED_AMX)
#define TILE 16

/* One tile of rows times a panel: gemm_rows for any number of rows up to TILE. */
void amx_rows(float *tile, ptrdiff_t rows, int vectors, const float *const *start, ptrdiff_t start_offset,
              const struct gemm_run *runs, int count, ptrdiff_t b_stride);

/* The words of one tile. */
struct tile {
    uint32_t word[TILE][TILE];
} __attribute__((aligned(64)));

/* tile[k, i] = the word of rows[2k][from + i] and rows[2k + 1][from + i]: `count` rows, `width` elements of each, zeros behind. */
void amx_pair_up(struct tile *tile, const element *const *rows, ptrdiff_t count, ptrdiff_t from, ptrdiff_t width);
void amx_transpose(struct tile *tile);

/* sums[v·TILE + m, c·TILE + n] += Σ_k Σ_pair left[v, k][m, ·] · right[c, k][·, n], over `depth` tiles k; left[v, k] and
 * right[c, k] stand `most` tiles apart by v and by c. */
void amx_outer(float *sums, ptrdiff_t sums_stride, int vectors, ptrdiff_t columns, ptrdiff_t depth, const struct tile *left,
               const struct tile *right, ptrdiff_t most);
#endif

#if defined(UNROLLED_AMX) && !defined(UNROLLED_AMX_EMULATED)
INLINE void tiles_begin(void) {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shape __attribute__((aligned(64))) = {.palette = 1};
    for (int i = 0; i < 8; ++i) {
        shape.row_bytes[i] = 64;
        shape.rows[i] = TILE;
    }
    _tile_loadconfig(&shape);
}
INLINE void tiles_end(void) { _tile_release(); }
#define tile_load(t, p, stride) _tile_loadd(t, p, stride)
#define tile_store(t, p, stride) _tile_stored(t, p, stride)
#define tile_dot(c, a, b) _tile_dpbf16ps(c, a, b)
#else
INLINE void tiles_begin(void) {}
INLINE void tiles_end(void) {}
#endif

#endif
