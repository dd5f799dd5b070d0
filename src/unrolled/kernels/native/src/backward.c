/* Backward: every slab goes back through its steps; then the products over all steps, for weights and for x.
 *
 * At a step, block after block of ∂L/∂h is completed (what came from above plus the next step's ∂L/∂gates through
 * w_hh) and turned into ∂L/∂gates while it is in the nearest cache.
 */
#include "backward.h"

#include "forward.h"
#include "pack.h"
#include "pool.h"
#include "product.h"
#include "storage.h"

#define ROWS_TOGETHER 96

struct backward_scratch {
    float *dh, *dstate;        /* [rows, PANEL] */
    float *carry, *c_initial;  /* [rows, padded] */
    element *factors_initial;  /* the same, where the cell has any: see storage.h */
    float *dpeephole;          /* [3, padded] */
    float *dmemory;            /* [rows, PANEL], where it is shown */
    const element **out, **a;  /* [rows] */
};

static struct slot_run x_run(const struct cell *cell) { return (struct slot_run){cell->x_first, cell->x_slots, cell->x_gate}; }
static struct slot_run h_run(const struct cell *cell) { return (struct slot_run){cell->h_first, cell->h_slots, cell->h_gate}; }

static void lay_out(struct backward *b, struct arena *arena) {
    const struct shape *shape = &b->shape;
    const struct cell *cell = b->cell;
    const struct layer *layer = b->layer;
    plan_make(&b->plan, layer, kept_slabs(layer->saved), arena);
    ptrdiff_t rows = b->plan.most_rows, total = b->plan.storage_rows, panels = shape->panels, block = PANEL * LANES / PAIR;
    b->h_weights = TAKE(arena, float, shape->blocks * panels * cell->h_slots * block);
    b->reset_weights = TAKE(arena, float, cell->activate_reset ? shape->blocks * panels * block : 0);
    b->x_weights = TAKE(arena, float, layer->grad_x ? shape->input_blocks * panels * cell->x_slots * block : 0);
    b->peephole = TAKE(arena, float, 3 * shape->padded);
    b->zeros = TAKE(arena, element, shape->padded);
    b->dgates = TAKE(arena, element, panels * total * PANEL);
    b->state_rows = TAKE(arena, const element *, total);
    b->x_rows = TAKE(arena, const element *, total);
    b->tokens = TAKE(arena, int64_t, layer->tokens ? total : 0);
    b->grad_x_rows = TAKE(arena, element *, layer->grad_x ? total : 0);
    b->pairs = TAKE(arena, float, pair_floats(b));
    b->weight_sums = TAKE(arena, float, panels * weight_sum_floats(shape, cell));
    b->scratch = TAKE(arena, struct backward_scratch, b->plan.slabs);
    for (ptrdiff_t w = 0; w < b->plan.slabs; ++w) {
        struct backward_scratch scratch = {
            .dh = TAKE(arena, float, rows * PANEL),
            .dstate = TAKE(arena, float, rows * PANEL),
            .carry = TAKE(arena, float, rows * shape->padded),
            .c_initial = TAKE(arena, float, rows * shape->padded),
            .factors_initial = TAKE(arena, element, kept_factors(shape, cell, rows)),
            .dpeephole = TAKE(arena, float, 3 * shape->padded),
            .dmemory = TAKE(arena, float, layer->shown_states && cell->has_memory ? rows * PANEL : 0),
            .out = TAKE(arena, const element *, rows),
            .a = TAKE(arena, const element *, rows),
        };
        if (arena->base) b->scratch[w] = scratch;
    }
}

static void pack_task(void *context, ptrdiff_t panel) {
    struct backward *b = context;
    const struct layer *layer = b->layer;
    const struct cell *cell = b->cell;
    ptrdiff_t panels = b->shape.panels, block_floats = PANEL * LANES / PAIR;
    for (ptrdiff_t block = 0; block < b->shape.blocks; ++block) {
        ptrdiff_t place = block * panels + panel;
        pack_backward(b->h_weights + place * cell->h_slots * block_floats, layer->w_hh, b->shape.hidden, block, &b->shape, cell,
                      h_run(cell), panel);
        if (cell->activate_reset) {
            pack_backward(b->reset_weights + place * block_floats, layer->w_hh, b->shape.hidden, block, &b->shape, cell,
                          (struct slot_run){0, 1, cell->x_gate}, panel);
        }
    }
    for (ptrdiff_t block = 0; layer->grad_x && block < b->shape.input_blocks; ++block) {
        pack_backward(b->x_weights + (block * panels + panel) * cell->x_slots * block_floats, layer->w_ih, b->shape.input, block,
                      &b->shape, cell, x_run(cell), panel);
    }
}

static const float *memory_at(const struct backward *b, ptrdiff_t w, ptrdiff_t step) {
    const struct slab *slab = &b->plan.slab[w];
    if (step < 0) return b->scratch[w].c_initial;
    return b->c + (slab->first + slab->offset[step]) * b->shape.padded;
}

static const element *factors_at(const struct backward *b, ptrdiff_t w, ptrdiff_t step) {
    const struct slab *slab = &b->plan.slab[w];
    if (step < 0) return b->scratch[w].factors_initial;
    return b->factors + (slab->first + slab->offset[step]) * b->shape.padded;
}

/* tiles += ∂L/∂gates (slots from `first` on, of storage rows from `row` on) · one packed block */
static void through_weights(const struct backward *b, const element **a, float *tiles, ptrdiff_t row, ptrdiff_t rows, int first,
                            int slots, const float *weights, ptrdiff_t block, ptrdiff_t columns) {
    ptrdiff_t words = slots * LANES / PAIR, floats = b->shape.panels * words * PANEL;
    for (ptrdiff_t r = 0; r < rows; ++r) a[r] = b->dgates + (row + r) * PANEL + first * LANES;
    struct gemm_run run = {(const float *const *)a, 0, b->shape.panels, b->plan.storage_rows * PANEL / PAIR, words, weights + block * floats};
    product(tiles, rows, NULL, 0, &run, 1, PANEL, vectors_in(columns, block));
}

static void state_through_weights(const struct backward *b, ptrdiff_t w, float *tiles, ptrdiff_t step, ptrdiff_t block) {
    const struct slab *slab = &b->plan.slab[w];
    through_weights(b, b->scratch[w].a, tiles, slab->first + slab->offset[step], active(slab, step), b->cell->h_first,
                    b->cell->h_slots, b->h_weights, block, b->shape.hidden);
}

/* tiles[r, :] = rows of a [B, padded] carry (or zeros), one block of it. */
static void start_from_carry(const struct backward *b, ptrdiff_t w, float *tiles, ptrdiff_t rows, ptrdiff_t block, int carry) {
    ptrdiff_t floats = vectors_in(b->shape.hidden, block) * LANES;
    memset(tiles, 0, (size_t)(rows * PANEL) * sizeof(float));
    for (ptrdiff_t r = 0; carry && r < rows; ++r) {
        memcpy(tiles + r * PANEL, b->scratch[w].carry + r * b->shape.padded + block * PANEL, (size_t)floats * sizeof(float));
    }
}

/* tiles[r, :] += row, one block of it; of a sequence, or of a state's gradient. */
static void add_elements(float *tile, const element *row, ptrdiff_t block, ptrdiff_t hidden) {
    ptrdiff_t units = units_in(hidden, PANEL, block);
    for (ptrdiff_t u = 0; u < units; u += LANES) {
        store(tile + u, load(tile + u) + load_elements_part(row + block * PANEL + u, units - u));
    }
}
static void add_row(float *tile, const float *row, ptrdiff_t block, ptrdiff_t hidden) {
    ptrdiff_t units = units_in(hidden, PANEL, block);
    for (ptrdiff_t u = 0; u < units; u += LANES) {
        store(tile + u, load(tile + u) + load_part(row + block * PANEL + u, units - u));
    }
}

/* ∂L/∂h from outside the recurrence: the gradients of out and, for rows that end at this step, of h_n. */
static void add_outer(const struct backward *b, ptrdiff_t w, float *tiles, ptrdiff_t step, ptrdiff_t block) {
    const struct layer *layer = b->layer;
    const struct slab *slab = &b->plan.slab[w];
    ptrdiff_t rows = active(slab, step), running = active(slab, step + 1);
    for (ptrdiff_t r = 0; r < rows; ++r) {
        int32_t row = slab->batch[r];
        if (layer->grad_out) {
            ptrdiff_t time = time_of(layer, &b->plan, step, row);
            add_elements(tiles + r * PANEL, layer->grad_out + time * layer->grad_out_time + row * layer->grad_out_row, block,
                         layer->hidden);
        }
        if (layer->grad_h_n && r >= running && !b->cell->carries_hidden) {
            add_row(tiles + r * PANEL, layer->grad_h_n + row * layer->hidden, block, layer->hidden);
        }
    }
}

static void point_rows(const struct backward *b, ptrdiff_t w, ptrdiff_t step) {
    const struct layer *layer = b->layer;
    const struct slab *slab = &b->plan.slab[w];
    ptrdiff_t rows = active(slab, step), first = slab->first + slab->offset[step];
    point_at_step(b->scratch[w].out, layer->out, layer->out_time, layer->out_row, layer, &b->plan, slab, step, rows);
    point_before_step(b->state_rows + first, b->zeros, layer, &b->plan, slab, step, rows);
    if (layer->x) point_at_step(b->x_rows + first, layer->x, layer->x_time, layer->x_row, layer, &b->plan, slab, step, rows);
    for (ptrdiff_t r = 0; r < rows; ++r) {
        int32_t row = slab->batch[r];
        ptrdiff_t time = time_of(layer, &b->plan, step, row);
        if (layer->tokens) b->tokens[first + r] = layer->tokens[time * layer->x_time + row * layer->x_row];
        if (layer->grad_x) b->grad_x_rows[first + r] = layer->grad_x + (time * layer->batch + row) * layer->input;
    }
}

ptrdiff_t shown_gates(const struct cell *cell) {
    return cell->gates + (cell->h_first + cell->h_slots > cell->x_first + cell->x_slots);
}

/* Which block of w_ih a slot belongs to; the GRU's m, which w_ih has no block for, stands behind them. */
static ptrdiff_t block_of(const struct cell *cell, int slot) {
    return slot < cell->x_first + cell->x_slots ? cell->x_gate[slot] : cell->gates;
}

/* `count` floats of each row of a step's tiles [rows, PANEL], to [T, B, width] from column `at` on. */
static void show(const struct backward *b, ptrdiff_t w, ptrdiff_t step, float *to, const float *tiles, ptrdiff_t width, ptrdiff_t at,
                 ptrdiff_t count) {
    const struct slab *slab = &b->plan.slab[w];
    for (ptrdiff_t r = 0; r < active(slab, step); ++r) {
        ptrdiff_t row = slab->batch[r], time = time_of(b->layer, &b->plan, step, slab->batch[r]);
        memcpy(to + (time * b->layer->batch + row) * width + at, tiles + r * PANEL, (size_t)count * sizeof(float));
    }
}

/* ∂L/∂pre-activations of a step, from the panels' slots to rows of blocks. */
static void show_gates(const struct backward *b, ptrdiff_t w, ptrdiff_t step) {
    const struct cell *cell = b->cell;
    const struct layer *layer = b->layer;
    const struct slab *slab = &b->plan.slab[w];
    ptrdiff_t hidden = b->shape.hidden, width = shown_gates(cell) * hidden;
    for (ptrdiff_t p = 0; p < b->shape.panels; ++p) {
        const element *from = b->dgates + (p * b->plan.storage_rows + slab->first + slab->offset[step]) * PANEL;
        ptrdiff_t unit = p * b->shape.panel_units;
        for (ptrdiff_t r = 0; r < active(slab, step); ++r, from += PANEL) {
            ptrdiff_t row = slab->batch[r], time = time_of(layer, &b->plan, step, slab->batch[r]);
            float *to = layer->shown_gates + (time * layer->batch + row) * width + unit;
            for (int slot = 0; slot < (cell->wide ? SLOTS : (int)shown_gates(cell)); ++slot) {
                ptrdiff_t at = cell->wide ? slot * LANES : block_of(cell, slot) * hidden;
                ptrdiff_t units = cell->wide ? hidden - unit - at : least(LANES, hidden - unit);
                if (units > 0) store_part(to + at, load_elements(from + slot * LANES), units);
            }
        }
    }
}

static void run_step(const struct backward *b, ptrdiff_t w, ptrdiff_t step) {
    const struct layer *layer = b->layer;
    const struct cell *cell = b->cell;
    const struct shape *shape = &b->shape;
    const struct slab *slab = &b->plan.slab[w];
    const struct backward_scratch *scratch = &b->scratch[w];
    ptrdiff_t rows = active(slab, step), first = slab->first + slab->offset[step], total = b->plan.storage_rows;
    point_rows(b, w, step);
    struct backward_panel panel = {.rows = rows,
                                   .padded = shape->padded,
                                   .h_before = b->state_rows + first,
                                   .out = scratch->out,
                                   .peephole = b->peephole,
                                   .carry = scratch->carry,
                                   .dpeephole = scratch->dpeephole};
    ptrdiff_t memories = layer->steps * layer->batch * layer->hidden;
    if (cell->has_memory) {
        panel.c_before = memory_at(b, w, step - 1);
        panel.c = memory_at(b, w, step);
    }
    ptrdiff_t per_block = cell->wide ? 1 : SLOTS;
    for (ptrdiff_t pass = 0; pass < (cell->activate_reset ? 2 : 1); ++pass) {
        for (ptrdiff_t index = 0; index < shape->blocks; ++index) {
            ptrdiff_t block = at_place(index, shape->blocks, step);
            if (pass == 0) {
                start_from_carry(b, w, scratch->dh, rows, block, cell->carries_hidden);
                add_outer(b, w, scratch->dh, step, block);
                if (cell->recurs_on_memory) start_from_carry(b, w, scratch->dstate, rows, block, 0);
                if (active(slab, step + 1) > 0) {
                    state_through_weights(b, w, cell->recurs_on_memory ? scratch->dstate : scratch->dh, step + 1, block);
                }
            } else {
                start_from_carry(b, w, scratch->dstate, rows, block, 0);
                through_weights(b, scratch->a, scratch->dstate, first, rows, 0, 1, b->reset_weights, block, shape->hidden);
            }
            for (ptrdiff_t p = block * per_block; p < least((block + 1) * per_block, shape->panels); ++p) {
                ptrdiff_t at = (p - block * per_block) * LANES;
                panel.unit = p * shape->panel_units;
                panel.units = units_in(shape->hidden, shape->panel_units, p);
                panel.gates = b->gates + (p * total + first) * PANEL;
                panel.dgates = b->dgates + (p * total + first) * PANEL;
                panel.dh = scratch->dh + at;
                panel.dstate = panel.dreset = scratch->dstate + at;
                panel.dmemory = layer->shown_states && cell->has_memory ? scratch->dmemory + at : NULL;
                (pass == 0 ? cell->differentiate : cell->differentiate_reset)(&panel);
            }
            if (pass > 0 || !layer->shown_states) continue;
            ptrdiff_t column = block * PANEL, units = units_in(shape->hidden, PANEL, block);
            show(b, w, step, layer->shown_states, scratch->dh, shape->hidden, column, units);
            if (cell->has_memory) show(b, w, step, layer->shown_states + memories, scratch->dmemory, shape->hidden, column, units);
        }
    }
    if (layer->shown_gates) show_gates(b, w, step);
    const element *memory = PAIR > 1 && cell->recurs_on_memory ? factors_at(b, w, step - 1) : (const element *)panel.c_before;
    for (ptrdiff_t r = 0; cell->recurs_on_memory && r < rows; ++r) b->state_rows[first + r] = memory + r * shape->padded;
}

static void put_block(float *to, const struct backward *b, const struct slab *slab, const float *tiles, ptrdiff_t block) {
    size_t bytes = (size_t)units_in(b->shape.hidden, PANEL, block) * sizeof(float);
    for (ptrdiff_t r = 0; to && r < slab->rows; ++r) {
        memcpy(to + slab->batch[r] * b->shape.hidden + block * PANEL, tiles + r * PANEL, bytes);
    }
}

/* What is left before the first step belongs to h0 and c0; a row of no length passes its final gradients on. */
static void finish_states(const struct backward *b, ptrdiff_t w) {
    const struct layer *layer = b->layer;
    const struct cell *cell = b->cell;
    const struct slab *slab = &b->plan.slab[w];
    float *dh = b->scratch[w].dh, *dc = b->scratch[w].dstate;
    if (!layer->grad_h0 && !layer->grad_c0) return;
    for (ptrdiff_t block = 0; block < b->shape.blocks; ++block) {
        start_from_carry(b, w, dh, slab->rows, block, cell->carries_hidden);
        start_from_carry(b, w, dc, slab->rows, block, cell->has_memory);
        if (active(slab, 0) > 0) state_through_weights(b, w, cell->recurs_on_memory ? dc : dh, 0, block);
        for (ptrdiff_t r = active(slab, 0); layer->grad_h_n && !cell->carries_hidden && r < slab->rows; ++r) {
            add_row(dh + r * PANEL, layer->grad_h_n + slab->batch[r] * layer->hidden, block, layer->hidden);
        }
        put_block(layer->grad_h0, b, slab, dh, block);
        put_block(layer->grad_c0, b, slab, dc, block);
    }
}

static void start_carry(const struct backward *b, ptrdiff_t w) {
    const struct layer *layer = b->layer;
    const struct slab *slab = &b->plan.slab[w];
    float *carry = b->scratch[w].carry;
    const float *final = b->cell->carries_hidden ? layer->grad_h_n : b->cell->has_memory ? layer->grad_c_n : NULL;
    memset(carry, 0, (size_t)(slab->rows * b->shape.padded) * sizeof(float));
    for (ptrdiff_t r = 0; final && r < slab->rows; ++r) {
        memcpy(carry + r * b->shape.padded, final + slab->batch[r] * layer->hidden, (size_t)layer->hidden * sizeof(float));
    }
}

static void zero_grad_x_behind_ends(const struct backward *b, const struct slab *slab) {
    const struct layer *layer = b->layer;
    for (ptrdiff_t r = 0; r < slab->rows; ++r) {
        int32_t row = slab->batch[r];
        for (ptrdiff_t time = b->plan.length[row]; time < layer->steps; ++time) {
            memset(layer->grad_x + (time * layer->batch + row) * layer->input, 0, (size_t)layer->input * sizeof(element));
        }
    }
}

static void zero_shown_behind_ends(const struct backward *b, const struct slab *slab) {
    const struct layer *layer = b->layer;
    size_t bytes = (size_t)layer->hidden * sizeof(float);
    ptrdiff_t gates = shown_gates(b->cell), fields = b->cell->has_memory ? 2 : 1;
    for (ptrdiff_t r = 0; r < slab->rows; ++r) {
        int32_t row = slab->batch[r];
        for (ptrdiff_t time = b->plan.length[row]; time < layer->steps; ++time) {
            memset(layer->shown_gates + (time * layer->batch + row) * gates * layer->hidden, 0, (size_t)gates * bytes);
            for (ptrdiff_t i = 0; i < fields; ++i) {
                memset(layer->shown_states + ((i * layer->steps + time) * layer->batch + row) * layer->hidden, 0, bytes);
            }
        }
    }
}

static void slab_task(void *context, ptrdiff_t w) {
    const struct backward *b = context;
    const struct slab *slab = &b->plan.slab[w];
    memset(b->scratch[w].dpeephole, 0, (size_t)(3 * b->shape.padded) * sizeof(float));
    initial_memory(b->scratch[w].c_initial, b->layer, &b->shape, slab);
    round_memory(b->scratch[w].factors_initial, b->scratch[w].c_initial, kept_factors(&b->shape, b->cell, slab->rows));
    start_carry(b, w);
    for (ptrdiff_t step = b->layer->steps - 1; step >= 0; --step) {
        if (active(slab, step) > 0) run_step(b, w, step);
    }
    finish_states(b, w);
    if (b->layer->grad_x) zero_grad_x_behind_ends(b, slab);
    if (b->layer->shown_gates) zero_shown_behind_ends(b, slab);
}

/* ∂L/∂x of ROWS_TOGETHER storage rows. */
static void grad_x_task(void *context, ptrdiff_t task) {
    const struct backward *b = context;
    float tiles[ROWS_TOGETHER * PANEL] __attribute__((aligned(64)));
    const element *a[ROWS_TOGETHER];
    ptrdiff_t first = task * ROWS_TOGETHER, rows = least(ROWS_TOGETHER, b->plan.storage_rows - first);
    for (ptrdiff_t block = 0; block < b->shape.input_blocks; ++block) {
        memset(tiles, 0, (size_t)(rows * PANEL) * sizeof(float));
        through_weights(b, a, tiles, first, rows, b->cell->x_first, b->cell->x_slots, b->x_weights, block, b->shape.input);
        ptrdiff_t units = units_in(b->shape.input, PANEL, block);
        for (ptrdiff_t r = 0; r < rows; ++r) {
            element *to = b->grad_x_rows[first + r] + block * PANEL;
            for (ptrdiff_t u = 0; u < units; u += LANES) store_elements_part(to + u, load(tiles + r * PANEL + u), units - u);
        }
    }
}

/* The products over all steps: ∂L/∂x, then the weights. */
static void product_task(void *context, ptrdiff_t task) {
    const struct backward *b = context;
    if (task < b->grad_x_tasks) grad_x_task(context, task);
    else weight_task(context, task - b->grad_x_tasks);
}

static void add_up_peepholes(const struct backward *b) {
    const struct layer *layer = b->layer;
    for (ptrdiff_t i = 0; layer->grad_peephole && i < 3 * layer->hidden; ++i) {
        ptrdiff_t place = i / layer->hidden * b->shape.padded + i % layer->hidden;
        float sum = 0;
        for (ptrdiff_t w = 0; w < b->plan.slabs; ++w) sum += b->scratch[w].dpeephole[place];
        layer->grad_peephole[i] = sum;
    }
}

int backward(const struct layer *layer, const struct cell *cell) {
    struct backward b = {.layer = layer, .cell = cell, .shape = shape_of(layer, cell)};
    struct arena counting = {0};
    lay_out(&b, &counting);
    struct arena arena = {.base = block_take(counting.used)};
    if (!arena.base) return 0;
    lay_out(&b, &arena);
    b.gates = layer->saved + HEADER;
    b.c = b.gates + kept_gates(&b.shape, cell, b.plan.storage_rows);
    b.factors = (const element *)(b.c + kept_memories(&b.shape, cell, b.plan.storage_rows));
    pad_peephole(b.peephole, layer->peephole, &b.shape);
    memset(b.zeros, 0, (size_t)b.shape.padded * sizeof(element));
    b.grad_x_tasks = layer->grad_x ? ceil_div(b.plan.storage_rows, ROWS_TOGETHER) : 0;
    struct phase phases[] = {{pack_task, b.shape.panels},
                             {slab_task, b.plan.slabs},
                             {pair_task, pair_tasks(&b)},
                             {product_task, b.grad_x_tasks + weight_tasks(&b)}};
    pool_run(layer->threads, phases, 4, &b);
    add_up_peepholes(&b);
    block_give(arena.base);
    return 1;
}
