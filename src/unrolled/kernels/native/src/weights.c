/* The gradients of weights and biases: ∂L/∂W = Σ over all rows of ∂L/∂gates ⊗ what the weight multiplied.
 *
 * A task sums some columns of one panel of gates over all storage rows, in chunks that stay in the nearest cache, in
 * one order: the result depends neither on the number of threads at work nor on who took the task.
 */
#include "backward.h"
#include "gemm.h"
#include "storage.h"

#define CHUNK 128

/* One of a cell's products: out of `slots` slots from `first` on, into a weight of `columns` columns. */
struct operand {
    int first, slots;
    const signed char *gate;
    ptrdiff_t columns;
    const element *const *rows; /* [storage rows]; NULL: tokens */
    const element *contiguous; /* or rows `padded` apart, for the factors r ⊙ h' */
    int starts_at_zero;       /* the first step's rows are zeros, which need no product */
    float *sums;              /* [columns, slots·LANES] */
    float *weights, *bias;    /* the gradients, NULL where not wanted */
};

ptrdiff_t weight_sum_floats(const struct shape *shape, const struct cell *cell) {
    return (shape->input * cell->x_slots + shape->hidden * (cell->h_slots + (cell->activate_reset ? 1 : 0))) * LANES;
}

static int operands_of(const struct backward *b, ptrdiff_t panel, struct operand list[3]) {
    const struct layer *layer = b->layer;
    const struct cell *cell = b->cell;
    float *sums = b->weight_sums + panel * weight_sum_floats(&b->shape, cell);
    int no_state = cell->recurs_on_memory ? !layer->c0 : !layer->h0;
    list[0] = (struct operand){cell->x_first, cell->x_slots, cell->x_gate, layer->input, layer->tokens ? NULL : b->x_rows, NULL, 0,
                               sums, layer->grad_w_ih, layer->grad_b_ih};
    sums += layer->input * cell->x_slots * LANES;
    list[1] = (struct operand){cell->h_first, cell->h_slots, cell->h_gate, layer->hidden, b->state_rows, NULL, no_state,
                               sums, layer->grad_w_hh, layer->grad_b_hh};
    sums += layer->hidden * cell->h_slots * LANES;
    list[2] = (struct operand){0, 1, cell->x_gate, layer->hidden, NULL, b->factors, no_state,
                               sums, layer->grad_w_hh, layer->grad_b_hh};
    return cell->activate_reset ? 3 : 2;
}

static ptrdiff_t parts(const struct backward *b) { return b->layer->threads > 1 ? ceil_div(4 * b->layer->threads, b->shape.panels) : 1; }

ptrdiff_t weight_tasks(const struct backward *b) { return b->shape.panels * parts(b); }

/* sums[token] += ∂L/∂gates of the row that read it */
static void scatter(const struct operand *o, const int64_t *tokens, const element *dgates, ptrdiff_t rows) {
    ptrdiff_t width = o->slots * LANES;
    for (ptrdiff_t r = 0; r < rows; ++r) {
        float *to = o->sums + tokens[r] * width;
        const element *from = dgates + r * PANEL + o->first * LANES;
        for (ptrdiff_t v = 0; v < width; v += LANES) store(to + v, load(to + v) + load_elements(from + v));
    }
}

#if PAIR > 1
ptrdiff_t pair_floats(const struct shape *shape) { return CHUNK / PAIR * (most(shape->input, shape->hidden) + PANEL); }

/* to[row / 2, i] = the word of rows[row][i] and rows[row + 1][i], for `count` rows, a zero behind an odd last one. */
static void pair_up(float *to, ptrdiff_t stride, const element *const *rows, ptrdiff_t count, ptrdiff_t from, ptrdiff_t end) {
    static const element zeros[LANES] = {0};
    for (ptrdiff_t r = 0; r < count; r += PAIR, to += stride) {
        const element *first = rows[r], *second = r + 1 < count ? rows[r + 1] : NULL;
        for (ptrdiff_t i = from; i < end; i += LANES) {
            ptrdiff_t n = least(LANES, end - i);
            vu low = (vu)load_elements_part(first + i, n) >> 16, high = (vu)load_elements_part(second ? second + i : zeros, n);
            store_part(to + i, (vf)(low | high), n);
        }
    }
}
#else
ptrdiff_t pair_floats(const struct shape *shape) { return (void)shape, 0; }
#endif

/* sums[columns] += Σ of `rows` storage rows; `pairs`: a task's own scratch. */
static void add_chunk(const struct backward *b, const struct operand *o, ptrdiff_t panel, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t from,
                      ptrdiff_t to, int vectors, float *pairs) {
    const element *dgates = b->dgates + (panel * b->plan.storage_rows + row) * PANEL;
    const element *pointers[CHUNK];
    const element *const *a = pointers;
    if (o->contiguous) {
        for (ptrdiff_t r = 0; r < rows; ++r) pointers[r] = o->contiguous + (row + r) * b->shape.padded;
    } else {
        a = o->rows + row;
    }
    ptrdiff_t stride = o->slots * LANES;
#if PAIR > 1
    ptrdiff_t width = most(b->shape.input, b->shape.hidden);
    float *columns = pairs, *gates = pairs + CHUNK / PAIR * width;
    const element *gate_rows[CHUNK];
    for (ptrdiff_t r = 0; r < rows; ++r) gate_rows[r] = dgates + r * PANEL;
    pair_up(columns, width, a, rows, from, to);
    pair_up(gates, PANEL, gate_rows, rows, 0, PANEL);
    const float *words[CHUNK / PAIR];
    rows = ceil_div(rows, PAIR);
    for (ptrdiff_t r = 0; r < rows; ++r) words[r] = columns + r * width;
#else
    (void)pairs;
    const float *const *words = a, *gates = dgates;
#endif
    for (ptrdiff_t column = from; column < to; column += TILE_ROWS) {
        ptrdiff_t count = least(TILE_ROWS, to - column);
        gemm_columns[count - 1][vectors - 1](o->sums + column * stride, stride, words, column, rows, gates + o->first * LANES, PANEL);
    }
}

/* The sums of a panel lie column by column; a weight lies row by row. */
static void put_weights(const struct backward *b, const struct operand *o, ptrdiff_t panel, ptrdiff_t from, ptrdiff_t to) {
    ptrdiff_t stride = o->slots * LANES;
    for (int slot = 0; slot < o->slots; ++slot) {
        for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
            ptrdiff_t row = weight_row(&b->shape, b->cell, o->gate[o->first + slot], panel, o->first + slot, lane);
            if (row < 0) continue;
            const float *sum = o->sums + slot * LANES + lane;
            for (ptrdiff_t column = from; column < to; ++column) o->weights[row * o->columns + column] = sum[column * stride];
        }
    }
}

static void put_biases(const struct backward *b, const struct operand *o, ptrdiff_t panel, const float *sum) {
    for (int slot = o->first; o->bias && slot < o->first + o->slots; ++slot) {
        for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
            ptrdiff_t row = weight_row(&b->shape, b->cell, o->gate[slot], panel, slot, lane);
            if (row >= 0) o->bias[row] = sum[slot * LANES + lane];
        }
    }
}

static void add_rows(vf total[SLOTS], const element *dgates, ptrdiff_t rows) {
    vf sum[SLOTS] = {{0}};
    for (ptrdiff_t r = 0; r < rows; ++r) {
        UNROLL for (int v = 0; v < SLOTS; ++v) sum[v] += load_elements(dgates + r * PANEL + v * LANES);
    }
    UNROLL for (int v = 0; v < SLOTS; ++v) total[v] += sum[v];
}

void weight_task(void *context, ptrdiff_t task) {
    const struct backward *b = context;
    ptrdiff_t panel = task / parts(b), part = task % parts(b), total = b->plan.storage_rows;
    struct operand list[3];
    int count = operands_of(b, panel, list);
    ptrdiff_t from[3], to[3];
    for (int i = 0; i < count; ++i) {
        ptrdiff_t tiles = ceil_div(list[i].columns, TILE_ROWS);
        from[i] = least(list[i].columns, tiles * part / parts(b) * TILE_ROWS);
        to[i] = least(list[i].columns, tiles * (part + 1) / parts(b) * TILE_ROWS);
        if (i == 0 && b->layer->tokens) { /* a table has no columns to share out */
            from[0] = 0;
            to[0] = part == 0 ? list[0].columns : 0;
        }
        if (!list[i].weights) to[i] = from[i];
        ptrdiff_t stride = list[i].slots * LANES;
        memset(list[i].sums + from[i] * stride, 0, (size_t)((to[i] - from[i]) * stride) * sizeof(float));
    }
    int biases = part == parts(b) - 1 && (b->layer->grad_b_ih || b->layer->grad_b_hh);
    vf bias[SLOTS] = {{0}};
    for (ptrdiff_t w = 0; w < b->plan.slabs; ++w) {
        const struct slab *slab = &b->plan.slab[w];
        ptrdiff_t second_step = slab->first + active(slab, 0), end = slab->first + slab->offset[b->layer->steps];
        for (ptrdiff_t row = slab->first; row < end; row += CHUNK) {
            ptrdiff_t rows = least(CHUNK, end - row);
            if (biases) add_rows(bias, b->dgates + (panel * total + row) * PANEL, rows);
            for (int i = 0; i < count; ++i) {
                int vectors = b->cell->wide ? vectors_in(b->shape.hidden, panel) : list[i].slots;
                if (i == 0 && b->layer->tokens) {
                    if (to[0] > from[0]) scatter(&list[0], b->tokens + row, b->dgates + (panel * total + row) * PANEL, rows);
                } else {
                    ptrdiff_t start = list[i].starts_at_zero ? least(most(row, second_step), row + rows) : row;
                    add_chunk(b, &list[i], panel, start, row + rows - start, from[i], to[i], vectors, b->pairs + task * pair_floats(&b->shape));
                }
            }
        }
    }
    for (int i = 0; i < count; ++i) {
        if (to[i] > from[i]) put_weights(b, &list[i], panel, from[i], to[i]);
    }
    for (int i = 0; biases && i < count; ++i) put_biases(b, &list[i], panel, (const float *)bias);
}
