/* gemm_rows by matrix tiles: four tiles of sums (0-3), one of rows (4), one of weights (5). */
#include "amx.h"

#if defined(UNROLLED_AMX)
#include "shape.h"

#if defined(UNROLLED_AMX_EMULATED)
static _Thread_local uint32_t tiles[8][TILE][TILE];

static void tile_load(int t, const void *p, size_t stride) {
    for (int r = 0; r < TILE; ++r) memcpy(tiles[t][r], (const char *)p + (size_t)r * stride, sizeof tiles[t][r]);
}

static void tile_store(int t, void *p, size_t stride) {
    for (int r = 0; r < TILE; ++r) memcpy((char *)p + (size_t)r * stride, tiles[t][r], sizeof tiles[t][r]);
}

static float half(uint32_t word, int which) {
    uint32_t bits = which ? word & 0xffff0000u : word << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void tile_dot(int c, int a, int b) {
    for (int m = 0; m < TILE; ++m) {
        for (int n = 0; n < TILE; ++n) {
            float sum;
            memcpy(&sum, &tiles[c][m][n], sizeof sum);
            for (int k = 0; k < TILE; ++k) {
                for (int i = 0; i < PAIR; ++i) sum += half(tiles[a][m][k], i) * half(tiles[b][k][n], i);
            }
            memcpy(&tiles[c][m][n], &sum, sizeof sum);
        }
    }
}
#endif

_Static_assert(LANES == TILE && PAIR == 2, "a vector is a tile's row, of pairs");

/* The tile of `words` words of each row from `from` on, zeros behind them. */
static void gather(uint32_t to[TILE][TILE], const float *const *a, ptrdiff_t rows, ptrdiff_t from, ptrdiff_t words) {
    for (ptrdiff_t r = 0; r < TILE; ++r) {
        ptrdiff_t there = r < rows ? words : 0;
        if (there) memcpy(to[r], a[r] + from, (size_t)there * sizeof(uint32_t));
        if (there < TILE) memset(to[r] + there, 0, (size_t)(TILE - there) * sizeof(uint32_t));
    }
}

#define DOT(v)                                                                                  \
    if (vectors > v) {                                                                          \
        tile_load(5, weights + v * LANES, (size_t)stride * sizeof(float));                      \
        tile_dot(v, 4, 5);                                                                      \
    }

static void multiply(const float *const *a, ptrdiff_t rows, ptrdiff_t from, ptrdiff_t words, const float *b, ptrdiff_t b_stride,
                     int vectors) {
    uint32_t left[TILE][TILE] __attribute__((aligned(64)));
    float tail[TILE * PANEL] __attribute__((aligned(64)));
    const float *weights = b;
    ptrdiff_t stride = b_stride;
    gather(left, a, rows, from, words);
    if (words < TILE) { /* what lies behind a panel's last words is not its own */
        memset(tail, 0, sizeof tail);
        for (ptrdiff_t k = 0; k < words; ++k) memcpy(tail + k * PANEL, b + k * b_stride, (size_t)(vectors * LANES) * sizeof(float));
        weights = tail;
        stride = PANEL;
    }
    tile_load(4, left, sizeof left[0]);
    DOT(0) DOT(1) DOT(2) DOT(3)
}

void amx_rows(float *tile, ptrdiff_t rows, int vectors, const float *const *start, ptrdiff_t start_offset,
              const struct gemm_run *runs, int count, ptrdiff_t b_stride) {
    float sums[TILE * PANEL] __attribute__((aligned(64))) = {0};
    size_t bytes = (size_t)(vectors * LANES) * sizeof(float), row_bytes = PANEL * sizeof(float);
    for (ptrdiff_t r = 0; r < rows; ++r) memcpy(sums + r * PANEL, start ? start[r] + start_offset : tile + r * PANEL, bytes);
    tile_load(0, sums, row_bytes);
    tile_load(1, sums + LANES, row_bytes);
    tile_load(2, sums + 2 * LANES, row_bytes);
    tile_load(3, sums + 3 * LANES, row_bytes);
    for (; count > 0; --count, ++runs) {
        const float *b = runs->b;
        for (ptrdiff_t s = 0; s < runs->segments; ++s) {
            for (ptrdiff_t k = 0; k < runs->depth; k += TILE) {
                ptrdiff_t words = least(TILE, runs->depth - k);
                multiply(runs->a, rows, runs->offset + s * runs->a_step + k, words, b, b_stride, vectors);
                b += words * b_stride;
            }
        }
    }
    tile_store(0, sums, row_bytes);
    tile_store(1, sums + LANES, row_bytes);
    tile_store(2, sums + 2 * LANES, row_bytes);
    tile_store(3, sums + 3 * LANES, row_bytes);
    for (ptrdiff_t r = 0; r < rows; ++r) memcpy(tile + r * PANEL, sums + r * PANEL, bytes);
}
#endif
