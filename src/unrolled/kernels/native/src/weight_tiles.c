/* The products of a weight's gradient by matrix tiles: what the weight multiplied is laid into tiles once for all panels.
 *
 * A tile's row is a lane of gates, so the sums lie as a weight does: [slots·LANES, room(columns)]. Of tokens, whose sums
 * are no product: [columns, slots·LANES].
 */
#include "weights.h"

#if defined(UNROLLED_AMX)
#define CHUNK 256
#define DEPTH (CHUNK / PAIR / TILE) /* tiles of a chunk's rows */

ptrdiff_t room(ptrdiff_t columns) { return ceil_div(columns, TILE) * TILE; }

/* By operand [chunks, tiles of columns, DEPTH] tiles. */
static ptrdiff_t chunks(const struct backward *b) { return ceil_div(b->plan.storage_rows, CHUNK); }
static ptrdiff_t column_tiles(const struct operand *o) { return o->tokens || !o->weights ? 0 : ceil_div(o->columns, TILE); }

static struct tile *tiles_of(const struct backward *b, const struct operand *list, int operand, ptrdiff_t chunk) {
    ptrdiff_t tiles = chunk * column_tiles(&list[operand]);
    for (int i = 0; i < operand; ++i) tiles += chunks(b) * column_tiles(&list[i]);
    return (struct tile *)b->pairs + tiles * DEPTH;
}

ptrdiff_t pair_floats(const struct backward *b) {
    struct operand list[3];
    int count = operands_of(b, 0, list);
    ptrdiff_t tiles = 0;
    for (int i = 0; i < count; ++i) tiles += chunks(b) * column_tiles(&list[i]) * DEPTH;
    return tiles * TILE * TILE;
}

ptrdiff_t pair_tasks(const struct backward *b) { return chunks(b); }

void pair_task(void *context, ptrdiff_t chunk) {
    const struct backward *b = context;
    struct operand list[3];
    ptrdiff_t row = chunk * CHUNK, rows = least(CHUNK, b->plan.storage_rows - row);
    for (int i = 0, count = operands_of(b, 0, list); i < count; ++i) {
        struct tile *tile = tiles_of(b, list, i, chunk);
        const element *pointers[CHUNK];
        for (ptrdiff_t r = 0; column_tiles(&list[i]) && r < rows; ++r) {
            pointers[r] = list[i].contiguous ? list[i].contiguous + (row + r) * b->shape.padded : list[i].rows[row + r];
        }
        for (ptrdiff_t column = 0; column < column_tiles(&list[i]) * TILE; column += TILE, tile += DEPTH) {
            for (ptrdiff_t k = 0; k * PAIR * TILE < rows; ++k) {
                amx_pair_up(tile + k, pointers + k * PAIR * TILE, rows - k * PAIR * TILE, column,
                            least(TILE, list[i].columns - column));
            }
        }
    }
}

/* gates[v, k] = the tile of a chunk's ∂L/∂gates whose rows are lanes of slot v. */
static void lay_gates(const struct backward *b, ptrdiff_t panel, ptrdiff_t row, ptrdiff_t rows, struct tile gates[SLOTS * DEPTH]) {
    const element *pointers[CHUNK], *dgates = dgates_at(b, panel, row);
    for (ptrdiff_t r = 0; r < rows; ++r) pointers[r] = dgates + r * PANEL;
    for (ptrdiff_t k = 0; k * PAIR * TILE < rows; ++k) {
        for (int v = 0; v < SLOTS; ++v) {
            struct tile *tile = &gates[v * DEPTH + k];
            amx_pair_up(tile, pointers + k * PAIR * TILE, rows - k * PAIR * TILE, v * LANES, LANES);
            amx_transpose(tile);
        }
    }
}

void add_products(const struct backward *b, const struct operand *list, int count, ptrdiff_t task, const ptrdiff_t *from,
                  const ptrdiff_t *to, vf *bias) {
    struct tile gates[SLOTS * DEPTH];
    ptrdiff_t panel = task / parts_of(b);
    for (ptrdiff_t chunk = 0; chunk < chunks(b); ++chunk) {
        ptrdiff_t row = chunk * CHUNK, rows = least(CHUNK, b->plan.storage_rows - row);
        lay_gates(b, panel, row, rows, gates);
        if (bias) add_rows(bias, dgates_at(b, panel, row), rows);
        for (int i = 0; i < count; ++i) {
            const struct operand *o = &list[i];
            if (to[i] <= from[i]) continue;
            if (o->tokens) {
                scatter(o, b->tokens + row, dgates_at(b, panel, row), rows);
            } else {
                const struct tile *right = tiles_of(b, list, i, chunk) + from[i] / TILE * DEPTH;
                amx_outer(o->sums + from[i], room(o->columns), vectors_of(b, o, panel), ceil_div(to[i] - from[i], TILE),
                          ceil_div(rows, PAIR * TILE), gates + o->first * DEPTH, right, DEPTH);
            }
        }
    }
}

void clear_sums(const struct operand *o, ptrdiff_t from, ptrdiff_t to) {
    if (o->tokens) {
        clear_columns(o, from, to);
        return;
    }
    for (ptrdiff_t lane = 0; to > from && lane < o->slots * LANES; ++lane) {
        memset(o->sums + lane * room(o->columns) + from, 0, (size_t)(room(to) - from) * sizeof(float));
    }
}

void put_sums(float *weights, const struct operand *o, ptrdiff_t lane, ptrdiff_t from, ptrdiff_t to) {
    if (o->tokens) put_columns(weights, o, lane, from, to);
    else memcpy(weights + from, o->sums + lane * room(o->columns) + from, (size_t)(to - from) * sizeof(float));
}
#endif
