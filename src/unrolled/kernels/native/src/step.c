/* A step reads each weight a few times at most, so the weights are not packed first: each output is the inner product of a
 * weight's row and the input's, both as they lie, in as many sums as a vector has lanes. Sixteen of them (LANES) are
 * brought together at the end.
 *
 * A task is a panel of a layer; all layers pass one after the other. A row's result depends neither on the rows beside it
 * nor on the threads.
 */
#include "step.h"

#include "arena.h"
#include "export.h"
#include "lanes.h"
#include "pool.h"
#include "shape.h"

#define ROWS 32          /* that pass a panel together: their gates stay in the nearest cache */
#define DEPTH 384        /* k's that pass together: LANES rows of weights stay in the nearest cache */
#define WORTH_A_THREAD (1 << 15) /* products of one layer, below which waking another thread costs more than it brings */

/* One layer of a step on its way. */
struct stage {
    const struct step *step;
    const struct step_weights *weights;
    const struct cell *cell;
    struct shape shape;      /* input: of this layer */
    const float *x;
    ptrdiff_t x_row;
    const float *h, *c;      /* [B, H], [B, padded] */
    float *h_n, *c_n;
    float *factors;          /* [B, padded]: r ⊙ h', for the GRU that resets before its product */
    const float *peephole;   /* [3, padded] */
    float *gates;            /* [panels, B, PANEL] for a cell of two passes, else NULL */
};

/* Some of an output's sum: k's of a weight's row times k's of the rows that it meets. */
struct part {
    const float *w;          /* the first of the neighbouring rows */
    ptrdiff_t w_row;
    const float *x;
    ptrdiff_t x_row, depth;
};

/* Row i of a part's weights. Of a whole tile's rows every second is pointed at, few enough for the registers that hold
 * addresses; where only `there` exist, what stands for the others is anything. */
INLINE const float *weights_at(const float *const *every_second, const struct part *part, int i, ptrdiff_t there, int whole) {
    return whole ? every_second[i / 2] + i % 2 * part->w_row : part->w + least(i, there - 1) * part->w_row;
}

/* sum[i] += lane by lane, the products of w's row i % rows with x's row i / rows. */
INLINE void add_products(const int rows, vf sum[LANES], const struct part *part, const float *x, ptrdiff_t there) {
    const int whole = there >= rows;
    const float *w[LANES / 2] = {NULL};
    const ptrdiff_t depth = part->depth;
    UNROLL for (int i = 0; whole && i < rows; i += 2) w[i / 2] = part->w + i * part->w_row;
    ptrdiff_t k = 0;
    for (; k + LANES <= depth; k += LANES) {
        vf with[LANES];
        UNROLL for (int b = 0; b < LANES / rows; ++b) with[b] = load(x + b * part->x_row + k);
        UNROLL for (int i = 0; i < rows; ++i) {
            vf weights = load(weights_at(w, part, i, there, whole) + k);
            UNROLL for (int b = 0; b < LANES / rows; ++b) sum[b * rows + i] += with[b] * weights;
        }
    }
    if (k == depth) return;
    UNROLL for (int b = 0; b < LANES / rows; ++b) {
        vf with = load_first(x + b * part->x_row + k, depth - k);
        UNROLL for (int i = 0; i < rows; ++i) {
            sum[b * rows + i] += with * load_first(weights_at(w, part, i, there, whole) + k, depth - k);
        }
    }
}

/* The sums of a vector's worth of vectors, each in its lane. */
INLINE vf add_halves(const int half, vf u, vf v) {
    vf low = {0}, high = {0};
    UNROLL for (int lane = 0; lane < LANES; ++lane) {
        int group = lane / half, at = group / 2 * 2 * half + lane % half;
        low[lane] = group % 2 ? v[at] : u[at];
        high[lane] = group % 2 ? v[at + half] : u[at + half];
    }
    return low + high;
}
INLINE vf sums_of(vf sum[LANES]) {
    UNROLL for (int i = 0; i < LANES / 2; ++i) sum[i] = add_halves(LANES / 2, sum[i], sum[i + LANES / 2]);
    UNROLL for (int i = 0; i < LANES / 4; ++i) sum[i] = add_halves(LANES / 4, sum[i], sum[i + LANES / 4]);
#if LANES >= 8
    UNROLL for (int i = 0; i < LANES / 8; ++i) sum[i] = add_halves(LANES / 8, sum[i], sum[i + LANES / 8]);
#endif
#if LANES >= 16
    sum[0] = add_halves(1, sum[0], sum[1]);
#endif
    return sum[0];
}

/* gates[b·PANEL + lane] += Σ over the parts, LANES neighbouring outputs of which `there` exist. */
INLINE void add_tile(const int rows, float *gates, const struct part *parts, int count, ptrdiff_t b, ptrdiff_t first, ptrdiff_t there) {
    vf sum[LANES] = {{0}};
    for (int i = 0; i < count; ++i) {
        struct part part = parts[i];
        part.w += first * part.w_row;
        add_products(rows, sum, &part, part.x + b * part.x_row, there);
    }
    vf found = sums_of(sum);
    UNROLL for (int at = 0; at < LANES / rows; ++at) {
        float *to = gates + (b + at) * PANEL + first;
        for (int i = 0; i < rows; ++i) to[i] += found[at * rows + i];
    }
}

/* Two rows share the weights that were loaded; the last odd one has them alone. */
INLINE void add_tiles(float *gates, ptrdiff_t rows, const struct part *parts, int count, ptrdiff_t there) {
    ptrdiff_t b = 0;
    for (; b + 2 <= rows; b += 2) {
        add_tile(LANES / 2, gates, parts, count, b, 0, least(there, LANES / 2));
        if (there > LANES / 2) add_tile(LANES / 2, gates, parts, count, b, LANES / 2, there - LANES / 2);
    }
    for (; b < rows; ++b) add_tile(LANES, gates, parts, count, b, 0, there);
}
static void add_together(float *gates, ptrdiff_t rows, const struct part *parts, int count, ptrdiff_t there) {
    if (there >= LANES) add_tiles(gates, rows, parts, count, LANES);
    else add_tiles(gates, rows, parts, count, there);
}

static void add_parts(float *gates, ptrdiff_t rows, const struct part *parts, int count, ptrdiff_t there) {
    ptrdiff_t depth = 0;
    for (int i = 0; i < count; ++i) depth += parts[i].depth;
    if (depth <= DEPTH) {
        add_together(gates, rows, parts, count, there);
        return;
    }
    for (int i = 0; i < count; ++i) {
        for (ptrdiff_t k = 0; k < parts[i].depth; k += DEPTH) {
            struct part part = {parts[i].w + k, parts[i].w_row, parts[i].x + k, parts[i].x_row, least(DEPTH, parts[i].depth - k)};
            add_together(gates, rows, &part, 1, there);
        }
    }
}

static int in_run(int slot, int first, int count) { return slot >= first && slot < first + count; }

/* gates[:, slot] = the biases and products of one slot of a panel, for `rows` rows from `first` on. */
static void run_slot(const struct stage *s, float *gates, ptrdiff_t first, ptrdiff_t rows, ptrdiff_t panel, int slot) {
    const struct cell *cell = s->cell;
    const struct step_weights *weights = s->weights;
    ptrdiff_t H = s->shape.hidden, I = s->shape.input, unit = panel * s->shape.panel_units + (cell->wide ? slot * LANES : 0);
    ptrdiff_t there = least(LANES, H - unit);
    vf bias = {0};
    struct part parts[2];
    int count = 0;
    if (there > 0 && in_run(slot, cell->x_first, cell->x_slots)) {
        ptrdiff_t row = weight_row(&s->shape, cell, cell->x_gate[slot], panel, slot, 0);
        parts[count++] = (struct part){weights->w_ih + row * I, I, s->x + first * s->x_row, s->x_row, I};
        if (weights->b_ih) bias += load_part(weights->b_ih + row, there);
    }
    if (there > 0 && in_run(slot, cell->h_first, cell->h_slots)) {
        ptrdiff_t row = weight_row(&s->shape, cell, cell->h_gate[slot], panel, slot, 0);
        const float *state = cell->recurs_on_memory ? s->c : s->h;
        ptrdiff_t state_row = cell->recurs_on_memory ? s->shape.padded : H;
        parts[count++] = (struct part){weights->w_hh + row * H, H, state + first * state_row, state_row, H};
        if (weights->b_hh) bias += load_part(weights->b_hh + row, there);
    }
    gates += slot * LANES;
    for (ptrdiff_t b = 0; b < rows; ++b) store(gates + b * PANEL, bias);
    if (count) add_parts(gates, rows, parts, count, there);
}

/* gates[:, 0] += the product with r ⊙ h', which the first pass has left for all panels. */
static void run_reset_slot(const struct stage *s, float *gates, ptrdiff_t first, ptrdiff_t rows, ptrdiff_t panel) {
    ptrdiff_t H = s->shape.hidden, there = least(LANES, H - panel * LANES), padded = s->shape.padded;
    ptrdiff_t row = weight_row(&s->shape, s->cell, s->cell->x_gate[0], panel, 0, 0);
    struct part part = {s->weights->w_hh + row * H, H, s->factors + first * padded, padded, H};
    vf bias = {0};
    if (s->weights->b_hh) bias = load_part(s->weights->b_hh + row, there);
    for (ptrdiff_t b = 0; b < rows; ++b) store(gates + b * PANEL, load(gates + b * PANEL) + bias);
    add_parts(gates, rows, &part, 1, there);
}

static void run_panel(const struct stage *s, ptrdiff_t index, int second_pass) {
    float own[ROWS * PANEL] __attribute__((aligned(64)));
    const float *before[ROWS];
    float *after[ROWS];
    const struct cell *cell = s->cell;
    ptrdiff_t B = s->step->batch, H = s->shape.hidden, padded = s->shape.padded;
    for (ptrdiff_t first = 0; first < B; first += ROWS) {
        ptrdiff_t rows = least(ROWS, B - first);
        float *gates = s->gates ? s->gates + (index * B + first) * PANEL : own;
        for (ptrdiff_t b = 0; b < rows; ++b) {
            before[b] = s->h + (first + b) * H;
            after[b] = s->h_n + (first + b) * H;
        }
        if (second_pass) {
            run_reset_slot(s, gates, first, rows, index);
        } else {
            for (int slot = 0; slot < SLOTS; ++slot) run_slot(s, gates, first, rows, index, slot);
        }
        struct forward_panel panel = {.rows = rows,
                                      .unit = index * s->shape.panel_units,
                                      .units = units_in(H, s->shape.panel_units, index),
                                      .padded = padded,
                                      .gates = gates,
                                      .c_before = s->c ? s->c + first * padded : NULL,
                                      .c = s->c_n ? s->c_n + first * padded : NULL,
                                      .factors = s->factors ? s->factors + first * padded : NULL,
                                      .h_before = before,
                                      .out = after,
                                      .peephole = s->peephole};
        (second_pass ? cell->activate_reset : cell->activate)(&panel);
    }
}

static void panel_task(void *stage, ptrdiff_t panel) { run_panel(stage, panel, 0); }
static void reset_task(void *stage, ptrdiff_t panel) { run_panel(stage, panel, 1); }

/* [rows, H] to [rows, padded] and back: vectors read and write the memory beyond its end. */
static void spread(float *to, ptrdiff_t to_row, const float *from, ptrdiff_t from_row, ptrdiff_t rows, ptrdiff_t width) {
    for (ptrdiff_t r = 0; r < rows; ++r) memcpy(to + r * to_row, from + r * from_row, (size_t)width * sizeof(float));
}

/* What is beside the caller's memory: copies where H does not fill its last vector, and what a second pass needs. */
struct scratch {
    float *c, *c_n, *peephole, *gates, *factors;
};

static struct scratch lay_out(const struct step *step, const struct cell *cell, const struct shape *shape, struct arena *arena) {
    int copies = shape->padded != shape->hidden && cell->has_memory;
    ptrdiff_t memory = step->batch * shape->padded;
    return (struct scratch){
        .c = TAKE(arena, float, copies ? memory : 0),
        .c_n = TAKE(arena, float, copies ? memory : 0),
        .peephole = TAKE(arena, float, copies ? 3 * shape->padded : 0),
        .gates = TAKE(arena, float, cell->activate_reset ? shape->panels * step->batch * PANEL : 0),
        .factors = TAKE(arena, float, cell->activate_reset ? memory : 0),
    };
}

static void run_layer(const struct step *step, const struct cell *cell, const struct scratch *scratch, ptrdiff_t layer) {
    ptrdiff_t B = step->batch, H = step->hidden, all = B * H;
    struct layer sizes = {.input = layer ? H : step->input, .hidden = H};
    const struct step_weights *weights = &step->weights[layer];
    struct stage s = {.step = step,
                      .weights = weights,
                      .cell = cell,
                      .shape = shape_of(&sizes, cell),
                      .x = layer ? step->h_n + (layer - 1) * all : step->x,
                      .x_row = layer ? H : step->x_row,
                      .h = step->h + layer * all,
                      .h_n = step->h_n + layer * all,
                      .peephole = weights->peephole};
    ptrdiff_t padded = s.shape.padded;
    int copies = padded != H && cell->has_memory;
    if (cell->has_memory) {
        s.c = step->c + layer * all;
        s.c_n = step->c_n + layer * all;
    }
    if (copies) {
        spread(scratch->c, padded, s.c, H, B, H);
        if (weights->peephole) spread(scratch->peephole, padded, weights->peephole, H, 3, H);
        s.c = scratch->c;
        s.c_n = scratch->c_n;
        s.peephole = scratch->peephole;
    }
    if (cell->activate_reset) {
        s.gates = scratch->gates;
        s.factors = scratch->factors;
    }
    int64_t threads = B * H * (s.shape.input + H) * cell->gates < WORTH_A_THREAD * 8 ? 1 : step->threads;
    struct phase phases[] = {{panel_task, s.shape.panels}, {reset_task, s.shape.panels}};
    pool_run(threads, phases, cell->activate_reset ? 2 : 1, &s);
    if (copies) spread(step->c_n + layer * all, H, s.c_n, padded, B, H);
}

/* 0: done; 1: out of memory. */
EXPORT int64_t unrolled_step(const struct step *step) {
    const struct cell *cell = cell_of(step->kind);
    struct layer sizes = {.input = step->input, .hidden = step->hidden};
    struct shape shape = shape_of(&sizes, cell);
    struct arena counting = {0};
    lay_out(step, cell, &shape, &counting);
    struct arena arena = {.base = counting.used ? block_take(counting.used) : NULL};
    if (counting.used && !arena.base) return 1;
    struct scratch scratch = lay_out(step, cell, &shape, &arena);
    for (ptrdiff_t layer = 0; layer < step->layers; ++layer) run_layer(step, cell, &scratch, layer);
    block_give(arena.base);
    ptrdiff_t all = step->batch * step->hidden;
    if (step->out) memcpy(step->out, step->h_n + (step->layers - 1) * all, (size_t)all * sizeof(float));
    return 0;
}
