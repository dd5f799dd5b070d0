/* Between the task that makes a weight's gradient and its products over all storage rows, of which there are two: by
 * vectors (weight_rows.c) and, where the library is built with them, by matrix tiles (weight_tiles.c).
 */
#ifndef UNROLLED_WEIGHTS_H
#define UNROLLED_WEIGHTS_H

#include "amx.h"
#include "backward.h"

#if defined(UNROLLED_AMX)
#define COLUMNS TILE /* columns that are summed together */
#else
#define COLUMNS TILE_ROWS
#endif

/* One of a cell's products: out of `slots` slots from `first` on, into a weight of `columns` columns. */
struct operand {
    int first, slots;
    const signed char *gate;
    ptrdiff_t columns;
    int tokens;                 /* it multiplied rows of the identity matrix, which need no product; else */
    const element *const *rows; /* [storage rows], or */
    const element *contiguous;  /* rows `padded` apart, for the factors r ⊙ h' */
    int starts_at_zero;         /* the first step's rows are zeros, which need no product */
    float *sums;                /* room(columns)·slots·LANES of them */
    float *weights, *bias;      /* the gradients, NULL where not wanted */
};

int operands_of(const struct backward *b, ptrdiff_t panel, struct operand list[3]);

/* Into how many tasks the columns of a panel are dealt. */
ptrdiff_t parts_of(const struct backward *b);

/* These are one way's or the other's. Columns that sums have room for; */
ptrdiff_t room(ptrdiff_t columns);
/* sums = 0 for the columns `from` to `to` - 1; */
void clear_sums(const struct operand *o, ptrdiff_t from, ptrdiff_t to);
/* sums += Σ over all storage rows, for the columns from[i] to to[i] - 1 of operand i; bias[SLOTS] too, where it is not NULL; */
void add_products(const struct backward *b, const struct operand *list, int count, ptrdiff_t task, const ptrdiff_t *from,
                  const ptrdiff_t *to, vf *bias);
/* weights[from..to - 1] = the sums of one lane, counted from the operand's first slot on. */
void put_sums(float *weights, const struct operand *o, ptrdiff_t lane, ptrdiff_t from, ptrdiff_t to);

/* The same two of sums that lie column by column, [columns, slots·LANES]. */
static inline void clear_columns(const struct operand *o, ptrdiff_t from, ptrdiff_t to) {
    ptrdiff_t stride = o->slots * LANES;
    memset(o->sums + from * stride, 0, (size_t)((to - from) * stride) * sizeof(float));
}
static inline void put_columns(float *weights, const struct operand *o, ptrdiff_t lane, ptrdiff_t from, ptrdiff_t to) {
    for (ptrdiff_t column = from; column < to; ++column) weights[column] = o->sums[column * o->slots * LANES + lane];
}

static inline const element *dgates_at(const struct backward *b, ptrdiff_t panel, ptrdiff_t row) {
    return b->dgates + (panel * b->plan.storage_rows + row) * PANEL;
}

static inline int vectors_of(const struct backward *b, const struct operand *o, ptrdiff_t panel) {
    return b->cell->wide ? vectors_in(b->shape.hidden, panel) : o->slots;
}

static inline void add_rows(vf total[SLOTS], const element *dgates, ptrdiff_t rows) {
    vf sum[SLOTS] = {{0}};
    for (ptrdiff_t r = 0; r < rows; ++r) {
        UNROLL for (int v = 0; v < SLOTS; ++v) sum[v] += load_elements(dgates + r * PANEL + v * LANES);
    }
    UNROLL for (int v = 0; v < SLOTS; ++v) total[v] += sum[v];
}

/* sums[token] += ∂L/∂gates of the row that read it */
static inline void scatter(const struct operand *o, const int64_t *tokens, const element *dgates, ptrdiff_t rows) {
    ptrdiff_t width = o->slots * LANES;
    for (ptrdiff_t r = 0; r < rows; ++r) {
        float *to = o->sums + tokens[r] * width;
        const element *from = dgates + r * PANEL + o->first * LANES;
        for (ptrdiff_t v = 0; v < width; v += LANES) store(to + v, load(to + v) + load_elements(from + v));
    }
}

#endif
