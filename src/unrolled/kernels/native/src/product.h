/* A product of one panel over all rows of a slab: tile after tile of gemm_rows. */
#ifndef UNROLLED_PRODUCT_H
#define UNROLLED_PRODUCT_H

#include "amx.h"
#include "gemm.h"
#include "shape.h"

/* A run of k's short enough for its weights to stay near while all rows pass over them: 16 KB in the first cache, or, where a
 * vector is a whole line of it, 64 KB in the second. */
#define DEPTH_TOGETHER (LANES == 16 ? 256 : 4096 / PANEL)

/* Which of `count` panels or blocks comes at place `index` of a step. By tiles a step waits for its weights; steps go to and
 * fro, so that each begins with those that the last one has left in the cache. By vectors they are fetched ahead as they lie. */
static inline ptrdiff_t at_place(ptrdiff_t index, ptrdiff_t count, ptrdiff_t step) {
#if defined(UNROLLED_AMX)
    return step & 1 ? count - 1 - index : index;
#else
    return (void)count, (void)step, index;
#endif
}

static inline ptrdiff_t run_depth(const struct gemm_run *run) { return run->segments * run->depth; }

/* Up to DEPTH_TOGETHER k's of a run, or one segment: `at` counts k's, or segments where there are several. */
static inline struct gemm_run part_of(const struct gemm_run *run, ptrdiff_t at, ptrdiff_t count, ptrdiff_t stride) {
    struct gemm_run part = *run;
    if (run->segments == 1) {
        part.offset += at;
        part.depth = count;
        part.b += at * stride;
    } else {
        part.offset += at * run->a_step;
        part.segments = count;
        part.b += at * run->depth * stride;
    }
    return part;
}

/* tiles[r, :] = start[r] + Σ_runs a[r] · panel over all rows, PANEL floats apart, by tiles. `stride`: floats per k of the packed
 * weights, of which `vectors` vectors count. Meanwhile the weights that follow in memory are fetched into L2. */
static inline void product_together(float *tiles, ptrdiff_t rows, const float *const *start, ptrdiff_t start_offset,
                                    const struct gemm_run *runs, int count, ptrdiff_t stride, int vectors) {
#if defined(UNROLLED_AMX)
    for (ptrdiff_t r = 0; r < rows; r += TILE) {
        struct gemm_run here[2];
        for (int i = 0; i < count; ++i) {
            here[i] = runs[i];
            here[i].a += r;
        }
        amx_rows(tiles + r * PANEL, least(TILE, rows - r), vectors, start ? start + r : NULL, start_offset, here, count, stride);
    }
#else
    const ptrdiff_t line = 64 / (ptrdiff_t)sizeof(float);
    ptrdiff_t depth = 0;
    for (int i = 0; i < count; ++i) depth += run_depth(&runs[i]);
    const float *ahead = count ? runs[count - 1].b + run_depth(&runs[count - 1]) * stride : tiles;
    const ptrdiff_t count_of_tiles = ceil_div(rows, TILE_ROWS);
    for (ptrdiff_t r = 0, tile = 0, height; r < rows; r += height, ++tile) {
        height = ceil_div(rows - r, count_of_tiles - tile); /* a last tile of one row would wait for its own sums */
        struct gemm_run here[2];
        for (int i = 0; i < count; ++i) {
            here[i] = runs[i];
            here[i].a += r;
        }
        gemm_rows[height - 1][vectors - 1](tiles + r * PANEL, PANEL, start ? start + r : NULL, start_offset, here, count, stride,
                                           ahead + tile % SLOTS * depth * line);
    }
#endif
}

/* The same for any depth: at most two short runs at once, a long one part by part. */
static inline void product(float *tiles, ptrdiff_t rows, const float *const *start, ptrdiff_t start_offset,
                           const struct gemm_run *runs, int count, ptrdiff_t stride, int vectors) {
    ptrdiff_t depth = 0;
    for (int i = 0; i < count; ++i) depth += run_depth(&runs[i]);
    if (depth <= DEPTH_TOGETHER) {
        product_together(tiles, rows, start, start_offset, runs, count, stride, vectors);
        return;
    }
    for (int i = 0; i < count; ++i) {
        ptrdiff_t whole = runs[i].segments == 1 ? runs[i].depth : runs[i].segments;
        ptrdiff_t parts = least(whole, ceil_div(run_depth(&runs[i]), DEPTH_TOGETHER)), at_once = ceil_div(whole, parts);
        for (ptrdiff_t at = 0; at < whole; at += at_once) {
            struct gemm_run part = part_of(&runs[i], at, least(at_once, whole - at), stride);
            product_together(tiles, rows, start, start_offset, &part, 1, stride, vectors);
            start = NULL;
        }
    }
}

#endif
