/* The products of a weight's gradient by vectors, in chunks of rows that do not go beyond a slab and stay in the nearest
 * cache. Sums lie column by column, [columns, slots·LANES]; a weight lies row by row.
 */
#include "gemm.h"
#include "weights.h"

#if !defined(UNROLLED_AMX)
#define CHUNK (LANES == 8 ? 96 : 128) /* of AVX2 the gates of 96 rows are 12 KB, which leaves room for what they multiply */

ptrdiff_t room(ptrdiff_t columns) { return columns; }

ptrdiff_t pair_tasks(const struct backward *b) { return (void)b, 0; }
void pair_task(void *context, ptrdiff_t chunk) { (void)context, (void)chunk; }

/* A task's own: a chunk of columns and of gates. */
static ptrdiff_t chunk_floats(const struct shape *shape) { return CHUNK / PAIR * (most(shape->input, shape->hidden) + PANEL); }
ptrdiff_t pair_floats(const struct backward *b) { return PAIR > 1 ? weight_tasks(b) * chunk_floats(&b->shape) : 0; }

#if PAIR > 1
/* to[row / 2, i] = the word of rows[row][i] and rows[row + 1][i], for `count` rows, a zero behind an odd last one. */
static void pair_up(float *to, ptrdiff_t stride, const element *const *rows, ptrdiff_t count, ptrdiff_t from, ptrdiff_t end) {
    for (ptrdiff_t r = 0; r < count; r += PAIR, to += stride) {
        const element *first = rows[r], *second = r + 1 < count ? rows[r + 1] : NULL;
        for (ptrdiff_t i = from; i < end; i += LANES) {
            ptrdiff_t n = least(LANES, end - i);
            store_part(to + i, pair_rows(first + i, second ? second + i : NULL, n), n);
        }
    }
}
#endif

/* sums[columns] += Σ of `rows` storage rows; `pairs`: a task's own scratch. */
static void add_chunk(const struct backward *b, const struct operand *o, ptrdiff_t panel, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t from,
                      ptrdiff_t to, int vectors, float *pairs) {
    const element *dgates = dgates_at(b, panel, row);
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

void add_products(const struct backward *b, const struct operand *list, int count, ptrdiff_t task, const ptrdiff_t *from,
                  const ptrdiff_t *to, vf *bias) {
    ptrdiff_t panel = task / parts_of(b);
    float *pairs = PAIR > 1 ? b->pairs + task * chunk_floats(&b->shape) : NULL;
    for (ptrdiff_t w = 0; w < b->plan.slabs; ++w) {
        const struct slab *slab = &b->plan.slab[w];
        ptrdiff_t second_step = slab->first + active(slab, 0), end = slab->first + slab->offset[b->layer->steps];
        for (ptrdiff_t row = slab->first; row < end; row += CHUNK) {
            ptrdiff_t rows = least(CHUNK, end - row);
            if (bias) add_rows(bias, dgates_at(b, panel, row), rows);
            for (int i = 0; i < count; ++i) {
                if (list[i].tokens) {
                    if (to[i] > from[i]) scatter(&list[i], b->tokens + row, dgates_at(b, panel, row), rows);
                } else {
                    ptrdiff_t start = list[i].starts_at_zero ? least(most(row, second_step), row + rows) : row;
                    add_chunk(b, &list[i], panel, start, row + rows - start, from[i], to[i], vectors_of(b, &list[i], panel), pairs);
                }
            }
        }
    }
}

void clear_sums(const struct operand *o, ptrdiff_t from, ptrdiff_t to) { clear_columns(o, from, to); }

void put_sums(float *weights, const struct operand *o, ptrdiff_t lane, ptrdiff_t from, ptrdiff_t to) {
    put_columns(weights, o, lane, from, to);
}
#endif
