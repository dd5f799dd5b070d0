/* The two inner products by matrix tiles: four tiles of sums (0-3), one of what they share (4), two of
 * the others in turns (5, 6). */
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

/* The distance in bytes between TILE rows that stand equally far apart, or 0. */
static size_t distance(const float *const *a, ptrdiff_t rows) {
    if (rows < TILE || a[1] < a[0]) return 0;
    ptrdiff_t first = (const char *)a[1] - (const char *)a[0];
    for (int r = 2; r < TILE; ++r) {
        if ((const char *)a[r] - (const char *)a[r - 1] != first) return 0;
    }
    return (size_t)first;
}

#define DOT(v, t)                                                                               \
    if (vectors > v) {                                                                          \
        tile_load(t, weights + v * LANES, (size_t)stride * sizeof(float));                      \
        tile_dot(v, 4, t);                                                                      \
    }

/* `apart`: their distance, where they have one. */
static void multiply(const float *const *a, ptrdiff_t rows, size_t apart, ptrdiff_t from, ptrdiff_t words, const float *b,
                     ptrdiff_t b_stride, int vectors) {
    struct tile left;
    float tail[TILE * PANEL] __attribute__((aligned(64)));
    const float *weights = b;
    ptrdiff_t stride = b_stride;
    if (words < TILE) { /* what lies behind a panel's last words is not its own */
        memset(tail, 0, sizeof tail);
        for (ptrdiff_t k = 0; k < words; ++k) memcpy(tail + k * PANEL, b + k * b_stride, (size_t)(vectors * LANES) * sizeof(float));
        weights = tail;
        stride = PANEL;
    }
    if (apart && words == TILE) {
        tile_load(4, a[0] + from, apart);
    } else {
        gather(left.word, a, rows, from, words);
        tile_load(4, left.word, sizeof left.word[0]);
    }
    DOT(0, 5) DOT(1, 6) DOT(2, 5) DOT(3, 6)
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
        size_t apart = distance(runs->a, rows);
        for (ptrdiff_t s = 0; s < runs->segments; ++s) {
            for (ptrdiff_t k = 0; k < runs->depth; k += TILE) {
                ptrdiff_t words = least(TILE, runs->depth - k);
                multiply(runs->a, rows, apart, runs->offset + s * runs->a_step + k, words, b, b_stride, vectors);
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

void amx_pair_up(struct tile *tile, const element *const *rows, ptrdiff_t count, ptrdiff_t from, ptrdiff_t width) {
    for (ptrdiff_t k = 0; k < TILE; ++k) {
        ptrdiff_t r = k * PAIR;
        const element *first = r < count ? rows[r] + from : NULL, *second = r + 1 < count ? rows[r + 1] + from : NULL;
        store((float *)tile->word[k], pair_rows(first, second, width));
    }
}

/* First inside each quarter of four rows and four words, then the quarters change places. */
void amx_transpose(struct tile *tile) {
    __m512i a[TILE], b[TILE];
    for (int i = 0; i < TILE; ++i) a[i] = _mm512_load_si512(tile->word[i]);
    UNROLL for (int i = 0; i < TILE; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    UNROLL for (int i = 0; i < TILE; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    UNROLL for (int i = 0; i < TILE; i += 8) {
        UNROLL for (int j = 0; j < 4; ++j) {
            b[i + j] = _mm512_shuffle_i32x4(a[i + j], a[i + j + 4], 0x88);
            b[i + j + 4] = _mm512_shuffle_i32x4(a[i + j], a[i + j + 4], 0xdd);
        }
    }
    UNROLL for (int j = 0; j < 8; ++j) {
        _mm512_store_si512(tile->word[j], _mm512_shuffle_i32x4(b[j], b[j + 8], 0x88));
        _mm512_store_si512(tile->word[j + 8], _mm512_shuffle_i32x4(b[j], b[j + 8], 0xdd));
    }
}

#define SUM(v, load_or_store) \
    if (vectors > v) load_or_store(v, sums + v * TILE * sums_stride, (size_t)sums_stride * sizeof(float));
#define OUTER(v, t)                                                                             \
    if (vectors > v) {                                                                          \
        tile_load(t, left[v * most + k].word, sizeof left->word[0]);                            \
        tile_dot(v, t, 4);                                                                      \
    }

void amx_outer(float *sums, ptrdiff_t sums_stride, int vectors, ptrdiff_t columns, ptrdiff_t depth, const struct tile *left,
               const struct tile *right, ptrdiff_t most) {
    for (; columns > 0; --columns, sums += TILE, right += most) {
        SUM(0, tile_load) SUM(1, tile_load) SUM(2, tile_load) SUM(3, tile_load)
        for (ptrdiff_t k = 0; k < depth; ++k) {
            tile_load(4, right[k].word, sizeof right->word[0]);
            OUTER(0, 5) OUTER(1, 6) OUTER(2, 5) OUTER(3, 6)
        }
        SUM(0, tile_store) SUM(1, tile_store) SUM(2, tile_store) SUM(3, tile_store)
    }
}
#endif
