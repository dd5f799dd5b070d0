/* Forward: every slab runs all its steps; a panel's gates are computed and used while they are in the nearest cache.
 *
 * Pre-activations are accumulated in place: bias, then the input's product, then the state's, then the cell's own
 * arithmetic turns them into gates. Where the input's weights are larger than a cache, the input's products of
 * several steps are done together.
 */
#include "forward.h"

#include "pack.h"
#include "pool.h"
#include "product.h"
#include "storage.h"

#define NEAR_CACHE_BYTES (512 << 10)
#define ROWS_TOGETHER 128

struct slab_scratch {
    float *gates;        /* [panels, steps together · rows, PANEL] */
    float *c;            /* [2, rows, padded] */
    float *c_initial;    /* [rows, padded] */
    element *factors, *factors_initial; /* the same of them, where the cell has any: see storage.h */
    float *kept;         /* [panels, rows, PANEL]: a step's gates on their way to an observer */
    float **observed;    /* [rows]: the place of each in the first observed tensor */
    const element **x;   /* [steps together · rows] */
    const element **h_before, **state, **out; /* [rows] */
    const float **start; /* [rows]: where the sums of panel 0 begin: the biases, or a token's line of the table */
};

struct forward {
    const struct layer *layer;
    const struct cell *cell;
    struct shape shape;
    struct plan plan;
    ptrdiff_t together;  /* steps whose input products are done at once */
    float *x_weights, *h_weights, *reset_weights, *bias, *peephole;
    element *zeros;
    float *table;        /* [panels, input, PANEL]: bias + a column of W_ih for each token */
    struct slab_scratch *scratch; /* [slabs] */
};

static void lay_out(struct forward *f, struct arena *arena) {
    const struct shape *shape = &f->shape;
    plan_make(&f->plan, f->layer, plan_slabs(f->layer), arena);
    ptrdiff_t rows = f->plan.most_rows, panels = shape->panels;
    ptrdiff_t x_floats = f->layer->tokens ? 0 : panels * (shape->input / PAIR) * f->cell->x_slots * LANES;
    int keep = f->layer->saved != NULL;
    int large = x_floats * (ptrdiff_t)sizeof(float) > NEAR_CACHE_BYTES;
    f->together = large ? most(1, least(f->layer->steps, ROWS_TOGETHER / rows)) : 1;
    f->x_weights = TAKE(arena, float, x_floats);
    f->table = TAKE(arena, float, f->layer->tokens ? panels * shape->input * PANEL : 0);
    f->h_weights = TAKE(arena, float, panels * (shape->hidden / PAIR) * f->cell->h_slots * LANES);
    f->reset_weights = TAKE(arena, float, f->cell->activate_reset ? panels * shape->padded * LANES : 0);
    f->bias = TAKE(arena, float, panels * PANEL);
    f->peephole = TAKE(arena, float, 3 * shape->padded);
    f->zeros = TAKE(arena, element, shape->padded);
    f->scratch = TAKE(arena, struct slab_scratch, f->plan.slabs);
    for (ptrdiff_t w = 0; w < f->plan.slabs; ++w) {
        struct slab_scratch scratch = {
            .gates = TAKE(arena, float, panels * f->together * rows * PANEL),
            .c = TAKE(arena, float, keep ? 0 : 2 * rows * shape->padded),
            .c_initial = TAKE(arena, float, rows * shape->padded),
            .factors = TAKE(arena, element, keep ? 0 : 2 * kept_factors(shape, f->cell, rows)),
            .factors_initial = TAKE(arena, element, kept_factors(shape, f->cell, rows)),
            .kept = TAKE(arena, float, f->layer->observed ? panels * rows * PANEL : 0),
            .observed = TAKE(arena, float *, rows),
            .x = TAKE(arena, const element *, f->together * rows),
            .h_before = TAKE(arena, const element *, rows),
            .state = TAKE(arena, const element *, rows),
            .out = TAKE(arena, const element *, rows),
            .start = TAKE(arena, const float *, rows),
        };
        if (arena->base) f->scratch[w] = scratch;
    }
}

/* One panel of the table: what the product with a row of the identity would give, in float whatever the elements are. */
static void fill_table(struct forward *f, ptrdiff_t panel) {
    const struct cell *cell = f->cell;
    ptrdiff_t input = f->shape.input;
    float *lines = f->table + panel * input * PANEL;
    for (ptrdiff_t token = 0; token < input; ++token) memcpy(lines + token * PANEL, f->bias + panel * PANEL, PANEL * sizeof(float));
    for (int slot = cell->x_first; slot < cell->x_first + cell->x_slots; ++slot) {
        for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
            ptrdiff_t row = weight_row(&f->shape, cell, cell->x_gate[slot], panel, slot, lane);
            float *to = lines + slot * LANES + lane;
            for (ptrdiff_t token = 0; row >= 0 && token < input; ++token) to[token * PANEL] += f->layer->w_ih[row * input + token];
        }
    }
}

static void pack_task(void *context, ptrdiff_t panel) {
    struct forward *f = context;
    const struct layer *layer = f->layer;
    const struct cell *cell = f->cell;
    struct slot_run x_run = {cell->x_first, cell->x_slots, cell->x_gate}, h_run = {cell->h_first, cell->h_slots, cell->h_gate};
    ptrdiff_t input = f->shape.input, hidden = f->shape.hidden;
    float *x_weights = f->x_weights + panel * (input / PAIR) * x_run.count * LANES;
    pack_bias(f->bias + panel * PANEL, layer->b_ih, layer->b_hh, &f->shape, cell, panel);
    if (layer->tokens) fill_table(f, panel);
    else pack_forward(x_weights, layer->w_ih, input, &f->shape, cell, x_run, panel);
    pack_forward(f->h_weights + panel * (hidden / PAIR) * h_run.count * LANES, layer->w_hh, hidden, &f->shape, cell, h_run, panel);
    if (cell->activate_reset) {
        pack_forward(f->reset_weights + panel * (hidden / PAIR) * LANES, layer->w_hh, hidden, &f->shape, cell,
                     (struct slot_run){0, 1, cell->x_gate}, panel);
    }
}

void pad_peephole(float *padded, const float *peephole, const struct shape *shape) {
    memset(padded, 0, (size_t)(3 * shape->padded) * sizeof(float));
    for (int gate = 0; peephole && gate < 3; ++gate) {
        memcpy(padded + gate * shape->padded, peephole + gate * shape->hidden, (size_t)shape->hidden * sizeof(float));
    }
}

void initial_memory(float *c, const struct layer *layer, const struct shape *shape, const struct slab *slab) {
    memset(c, 0, (size_t)(slab->rows * shape->padded) * sizeof(float));
    for (ptrdiff_t b = 0; layer->c0 && b < slab->rows; ++b) {
        memcpy(c + b * shape->padded, layer->c0 + slab->batch[b] * shape->hidden, (size_t)shape->hidden * sizeof(float));
    }
}

/* The pre-activations of a panel at a step, of which the scratch holds those from the step `from` on. */
static float *gates_at(const struct forward *f, ptrdiff_t w, ptrdiff_t panel, ptrdiff_t step, ptrdiff_t from) {
    const struct slab *slab = &f->plan.slab[w];
    ptrdiff_t rows = f->together * f->plan.most_rows;
    return f->scratch[w].gates + (panel * rows + slab->offset[step] - slab->offset[from]) * PANEL;
}

/* Where the gates of a panel at a step are kept for backward, if they are. */
static float *kept_at(const struct forward *f, ptrdiff_t w, ptrdiff_t panel, ptrdiff_t step) {
    const struct slab *slab = &f->plan.slab[w];
    if (!f->layer->saved || f->cell->wide) return NULL;
    return f->layer->saved + HEADER + (panel * f->plan.storage_rows + slab->first + slab->offset[step]) * PANEL;
}

static float *memory_at(const struct forward *f, ptrdiff_t w, ptrdiff_t step) {
    const struct slab *slab = &f->plan.slab[w];
    if (step < 0) return f->scratch[w].c_initial;
    if (f->layer->saved && f->cell->has_memory) {
        float *kept = f->layer->saved + HEADER + kept_gates(&f->shape, f->cell, f->plan.storage_rows);
        return kept + (slab->first + slab->offset[step]) * f->shape.padded;
    }
    return f->scratch[w].c + (step & 1) * f->plan.most_rows * f->shape.padded;
}

/* What w_hh multiplies after a step, of a cell that `has_factors`. */
static element *factors_at(const struct forward *f, ptrdiff_t w, ptrdiff_t step) {
    const struct slab *slab = &f->plan.slab[w];
    ptrdiff_t rows = f->plan.storage_rows;
    if (step < 0) return f->scratch[w].factors_initial;
    if (f->layer->saved) {
        float *kept = f->layer->saved + HEADER + kept_gates(&f->shape, f->cell, rows) + kept_memories(&f->shape, f->cell, rows);
        return (element *)kept + (slab->first + slab->offset[step]) * f->shape.padded;
    }
    return f->scratch[w].factors + (step & 1) * f->plan.most_rows * f->shape.padded;
}

/* Where each row's sums begin, for panel 0; the next panel's lie start_step() floats further. */
static void point_at_starts(const struct forward *f, ptrdiff_t w, ptrdiff_t step) {
    const struct layer *layer = f->layer;
    const struct slab *slab = &f->plan.slab[w];
    for (ptrdiff_t b = 0; b < active(slab, step); ++b) {
        const float *start = f->bias;
        if (layer->tokens) {
            ptrdiff_t time = time_of(layer, &f->plan, step, slab->batch[b]);
            start = f->table + layer->tokens[time * layer->x_time + slab->batch[b] * layer->x_row] * PANEL;
        }
        f->scratch[w].start[b] = start;
    }
}
static ptrdiff_t start_step(const struct forward *f) { return f->layer->tokens ? f->shape.input * PANEL : PANEL; }

static struct gemm_run input_run(const struct forward *f, ptrdiff_t w, ptrdiff_t panel, ptrdiff_t row) {
    ptrdiff_t words = f->shape.input / PAIR;
    const float *weights = f->x_weights + panel * words * f->cell->x_slots * LANES;
    return (struct gemm_run){(const float *const *)f->scratch[w].x + row, 0, 1, 0, words, weights};
}

/* gates = bias + W_ih x, for a panel at a step; slots without an input's product get their bias alone. */
static void start_panel(const struct forward *f, ptrdiff_t w, ptrdiff_t panel, ptrdiff_t step, ptrdiff_t from) {
    const struct slab *slab = &f->plan.slab[w];
    const struct cell *cell = f->cell;
    ptrdiff_t rows = active(slab, step), offset = panel * start_step(f);
    float *gates = gates_at(f, w, panel, step, from);
    const float *const *start = f->scratch[w].start;
    int dense = !f->layer->tokens;
    for (ptrdiff_t b = 0; (!dense || cell->x_slots < SLOTS) && b < rows; ++b) {
        for (int v = 0; v < SLOTS; ++v) store(gates + b * PANEL + v * LANES, load(start[b] + offset + v * LANES));
    }
    if (dense) {
        struct gemm_run run = input_run(f, w, panel, slab->offset[step] - slab->offset[from]);
        int vectors = cell->wide ? vectors_in(f->shape.hidden, panel) : cell->x_slots;
        product(gates + cell->x_first * LANES, rows, start, offset + cell->x_first * LANES, &run, 1, cell->x_slots * LANES, vectors);
    }
}

static float *kept_for_now(const struct forward *f, ptrdiff_t w, ptrdiff_t panel, ptrdiff_t step) {
    return f->layer->observed ? f->scratch[w].kept + panel * f->plan.most_rows * PANEL : kept_at(f, w, panel, step);
}

/* Tensors that an observer gets beside out. */
static ptrdiff_t observed_tensors(const struct cell *cell) { return cell->shown_slots + cell->has_memory; }

/* A panel's gates and memory to who observes, and its gates to where backward looks for them. */
static void show(const struct forward *f, ptrdiff_t w, ptrdiff_t index, ptrdiff_t step, const struct forward_panel *panel) {
    const struct layer *layer = f->layer;
    ptrdiff_t tensor = layer->steps * layer->batch * layer->hidden;
    for (ptrdiff_t r = 0; r < panel->rows; ++r) {
        float *to = f->scratch[w].observed[r] + panel->unit;
        for (int slot = 0; slot < f->cell->shown_slots; ++slot, to += tensor) {
            store_part(to, load(panel->kept + r * PANEL + slot * LANES), panel->units);
        }
        if (f->cell->has_memory) store_part(to, load(panel->c + r * panel->padded + panel->unit), panel->units);
    }
    float *kept = kept_at(f, w, index, step);
    if (kept) memcpy(kept, panel->kept, (size_t)(panel->rows * PANEL) * sizeof(float));
}

static void run_step(const struct forward *f, ptrdiff_t w, ptrdiff_t step, ptrdiff_t from) {
    const struct layer *layer = f->layer;
    const struct cell *cell = f->cell;
    const struct shape *shape = &f->shape;
    const struct slab *slab = &f->plan.slab[w];
    const struct slab_scratch *scratch = &f->scratch[w];
    ptrdiff_t rows = active(slab, step), stride = cell->h_slots * LANES, words = shape->hidden / PAIR;
    const float *c_before = memory_at(f, w, step - 1);
    point_before_step(scratch->h_before, f->zeros, layer, &f->plan, slab, step, rows);
    point_at_step(scratch->out, layer->out, layer->out_time, layer->out_row, layer, &f->plan, slab, step, rows);
    const element *memory = PAIR > 1 && cell->recurs_on_memory ? factors_at(f, w, step - 1) : (const element *)c_before;
    for (ptrdiff_t b = 0; cell->recurs_on_memory && b < rows; ++b) scratch->state[b] = memory + b * shape->padded;
    const float *const *state = (const float *const *)(cell->recurs_on_memory ? scratch->state : scratch->h_before);
    int starts_at_zero = step == 0 && (cell->recurs_on_memory ? !layer->c0 : !layer->h0);

    struct forward_panel panel = {.rows = rows,
                                  .padded = shape->padded,
                                  .c_before = c_before,
                                  .c = memory_at(f, w, step),
                                  .factors = has_factors(cell) ? factors_at(f, w, step) : NULL,
                                  .h_before = scratch->h_before,
                                  .out = (element *const *)scratch->out,
                                  .peephole = f->peephole,
                                  .observed = layer->observed && !cell->wide};
    for (ptrdiff_t b = 0; panel.observed && b < rows; ++b) {
        ptrdiff_t row = slab->batch[b];
        scratch->observed[b] = layer->observed + (time_of(layer, &f->plan, step, slab->batch[b]) * layer->batch + row) * layer->hidden;
    }
    int at_once = f->together == 1 && cell->x_slots == cell->h_slots && cell->x_first == cell->h_first;
    point_at_starts(f, w, step);
    for (ptrdiff_t index = 0; index < shape->panels; ++index) {
        ptrdiff_t p = at_place(index, shape->panels, step);
        panel.gates = gates_at(f, w, at_once ? 0 : p, step, from);
        panel.kept = kept_for_now(f, w, p, step);
        panel.unit = p * shape->panel_units;
        panel.units = units_in(shape->hidden, shape->panel_units, p);
        int vectors = cell->wide ? vectors_in(shape->hidden, p) : cell->h_slots, count = 0;
        struct gemm_run runs[2];
        if (at_once && !layer->tokens) runs[count++] = input_run(f, w, p, 0);
        if (!starts_at_zero) {
            runs[count++] = (struct gemm_run){state, 0, 1, 0, words, f->h_weights + p * words * stride};
        }
        if (f->together == 1 && !at_once) start_panel(f, w, p, step, from);
        if (at_once || count) {
            product(panel.gates + cell->h_first * LANES, rows, at_once ? scratch->start : NULL, p * start_step(f), runs, count, stride,
                    vectors);
        }
        cell->activate(&panel);
        if (panel.observed && !cell->activate_reset) show(f, w, p, step, &panel);
    }
    if (!cell->activate_reset) return;
    for (ptrdiff_t b = 0; b < rows; ++b) scratch->state[b] = panel.factors + b * shape->padded;
    for (ptrdiff_t index = 0; index < shape->panels; ++index) {
        ptrdiff_t p = at_place(index, shape->panels, step);
        panel.gates = gates_at(f, w, p, step, from);
        panel.kept = kept_for_now(f, w, p, step);
        panel.unit = p * shape->panel_units;
        panel.units = units_in(shape->hidden, shape->panel_units, p);
        struct gemm_run run = {(const float *const *)scratch->state, 0, 1, 0, words, f->reset_weights + p * words * LANES};
        if (!starts_at_zero) product(panel.gates, rows, NULL, 0, &run, 1, LANES, 1);
        cell->activate_reset(&panel);
        if (panel.observed) show(f, w, p, step, &panel);
    }
}

/* The state at each row's own end, and zeros in out behind it. */
static void finish_rows(const struct forward *f, ptrdiff_t w) {
    const struct layer *layer = f->layer;
    const struct slab *slab = &f->plan.slab[w];
    size_t bytes = (size_t)f->shape.hidden * sizeof(element), float_bytes = (size_t)f->shape.hidden * sizeof(float);
    for (ptrdiff_t b = 0; b < slab->rows; ++b) {
        int32_t row = slab->batch[b];
        ptrdiff_t last = f->plan.length[row] - 1;
        const element *h = layer->h0 ? layer->h0 + row * layer->hidden : f->zeros;
        if (last >= 0) h = layer->out + time_of(layer, &f->plan, last, row) * layer->out_time + row * layer->out_row;
        memcpy(layer->h_n + row * layer->hidden, h, bytes);
        if (f->cell->has_memory) memcpy(layer->c_n + row * layer->hidden, memory_at(f, w, last) + b * f->shape.padded, float_bytes);
        for (ptrdiff_t time = last + 1; time < layer->steps; ++time) {
            memset(layer->out + time * layer->out_time + row * layer->out_row, 0, bytes);
            for (ptrdiff_t i = 0; layer->observed && i < observed_tensors(f->cell); ++i) {
                memset(layer->observed + ((i * layer->steps + time) * layer->batch + row) * layer->hidden, 0, float_bytes);
            }
        }
    }
}

static void slab_task(void *context, ptrdiff_t w) {
    const struct forward *f = context;
    const struct layer *layer = f->layer;
    const struct slab *slab = &f->plan.slab[w];
    initial_memory(f->scratch[w].c_initial, layer, &f->shape, slab);
    round_memory(f->scratch[w].factors_initial, f->scratch[w].c_initial, kept_factors(&f->shape, f->cell, slab->rows));
    for (ptrdiff_t from = 0; from < layer->steps && active(slab, from) > 0; from += f->together) {
        ptrdiff_t to = least(from + f->together, layer->steps);
        for (ptrdiff_t step = from; !layer->tokens && step < to; ++step) {
            point_at_step(f->scratch[w].x + (slab->offset[step] - slab->offset[from]), layer->x, layer->x_time, layer->x_row, layer,
                          &f->plan, slab, step, active(slab, step));
        }
        if (f->together > 1) point_at_starts(f, w, from);
        for (ptrdiff_t panel = 0; f->together > 1 && panel < f->shape.panels; ++panel) {
            for (ptrdiff_t step = from; step < to; ++step) start_panel(f, w, panel, step, from);
        }
        for (ptrdiff_t step = from; step < to; ++step) run_step(f, w, step, from);
    }
    finish_rows(f, w);
    finish_stores();
}

int forward(const struct layer *layer, const struct cell *cell) {
    struct forward f = {.layer = layer, .cell = cell, .shape = shape_of(layer, cell)};
    struct arena counting = {0};
    lay_out(&f, &counting);
    struct arena arena = {.base = block_take(counting.used)};
    if (!arena.base) return 0;
    lay_out(&f, &arena);
    if (layer->saved) keep_slabs(layer->saved, f.plan.slabs);
    pad_peephole(f.peephole, layer->peephole, &f.shape);
    memset(f.zeros, 0, (size_t)f.shape.padded * sizeof(element));
    pool_run(layer->threads, (struct phase[]){{pack_task, f.shape.panels}, {slab_task, f.plan.slabs}}, 2, &f);
    block_give(arena.base);
    return 1;
}
