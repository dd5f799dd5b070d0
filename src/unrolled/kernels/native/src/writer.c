/* Reading and writing: the layers one after the other for a few rows, the readout, the choice, and again.
 *
 * Rows are dealt into groups, one a task. A group goes through all steps by itself, its state in the cache. Where there are
 * few rows, a step waits for the weights to come out of the cache: then a crew goes through the steps, each member with
 * some of the panels, whose weights stay in its own cache. No number depends on which rows share a group or who does a
 * panel, so neither threads nor the number of rows change what is written.
 */
#include "writer.h"

#include "arena.h"
#include "crew.h"
#include "export.h"
#include "pool.h"
#include "shape.h"
#include "words.h"

#define GROUP 32 /* rows that go together at most: their gates and words stay in the first cache */
#define CREW_ROWS 2 /* rows that a crew writes at most; more have enough to do with each weight that comes in */
#define CREW 4      /* members at most */

enum source { FROM_BELOW, FROM_STATE, FROM_BOTH, FROM_RESET };

/* One product of a layer, or the readout: which weights it takes, and where they lie packed. */
struct part {
    enum source source;
    struct slot_range {
        int first, count;
        const signed char *gate;
    } slots;
    ptrdiff_t below, state;  /* k's from the layer below, and from the layer's own state */
    ptrdiff_t groups;        /* words of a row */
    uint32_t *weights;       /* [panels, groups, slots, LANES] */
    float *scale;            /* [panels, slots, LANES], INT8 only */
    int32_t *start;
};

struct level {
    struct part part[2];
    int parts;
    struct part reset;       /* the product on r ⊙ h', for a cell that has one */
    float *bias;             /* [panels, PANEL] */
    float *peephole;         /* [3, padded] */
};

struct model {
    const struct writer *writer;
    const struct cell *cell;
    const struct words_kernel *kernel;
    struct shape shape;
    ptrdiff_t out_panels, most_groups;
    struct level *level;     /* [layers] */
    float *table;            /* [V, panels, PANEL]: the first layer's pre-activations for each symbol */
    struct part readout;
    float *out_bias;         /* [out_panels, PANEL] */
};

/* Whether a layer's products differ in their slots or their operand, so that one follows the other over all panels. */
static int goes_apart(const struct cell *cell) {
    return cell->x_first != cell->h_first || cell->x_slots != cell->h_slots || cell->recurs_on_memory || cell->activate_reset;
}

static ptrdiff_t groups_of(const struct model *m, ptrdiff_t width) { return ceil_div(width, m->kernel->depth); }

static void lay_out_part(struct model *m, struct part *part, ptrdiff_t panels, struct arena *arena) {
    part->groups = groups_of(m, part->below) + groups_of(m, part->state);
    m->most_groups = most(m->most_groups, part->groups);
    part->weights = TAKE(arena, uint32_t, panels * part->groups * part->slots.count * LANES);
    if (m->writer->precision == INT8) {
        part->scale = TAKE(arena, float, panels * part->slots.count * LANES);
        part->start = TAKE(arena, int32_t, panels * part->slots.count * LANES);
    }
}

static void lay_out_level(struct model *m, ptrdiff_t index, struct arena *arena) {
    const struct cell *cell = m->cell;
    struct level level = {0};
    ptrdiff_t H = m->shape.hidden, panels = m->shape.panels;
    struct slot_range x = {cell->x_first, cell->x_slots, cell->x_gate}, h = {cell->h_first, cell->h_slots, cell->h_gate};
    if (index == 0) {
        level.part[level.parts++] = (struct part){.source = FROM_STATE, .slots = h, .state = H};
    } else if (!goes_apart(cell)) {
        level.part[level.parts++] = (struct part){.source = FROM_BOTH, .slots = h, .below = H, .state = H};
    } else {
        level.part[level.parts++] = (struct part){.source = FROM_BELOW, .slots = x, .below = H};
        level.part[level.parts++] = (struct part){.source = FROM_STATE, .slots = h, .state = H};
    }
    for (int i = 0; i < level.parts; ++i) lay_out_part(m, &level.part[i], panels, arena);
    if (cell->activate_reset) {
        level.reset = (struct part){.source = FROM_RESET, .slots = {0, 1, cell->x_gate}, .state = H};
        lay_out_part(m, &level.reset, panels, arena);
    }
    level.bias = TAKE(arena, float, panels * PANEL);
    level.peephole = TAKE(arena, float, 3 * m->shape.padded);
    if (arena->base) m->level[index] = level;
}

/* Where everything lies in writer->packed; with arena->base NULL, only how much it is. */
static struct model lay_out(const struct writer *writer, struct arena *arena) {
    struct layer sizes = {.input = writer->input, .hidden = writer->hidden};
    struct model m = {.writer = writer, .cell = cell_of(writer->kind), .kernel = words_kernel(writer->precision, writer->portable)};
    m.shape = shape_of(&sizes, m.cell);
    m.out_panels = ceil_div(writer->symbols, PANEL);
    m.level = TAKE(arena, struct level, writer->layers);
    for (ptrdiff_t index = 0; index < writer->layers; ++index) lay_out_level(&m, index, arena);
    m.table = TAKE(arena, float, writer->symbols * m.shape.panels * PANEL);
    m.readout = (struct part){.source = FROM_BELOW, .slots = {0, SLOTS, NULL}, .below = writer->hidden};
    lay_out_part(&m, &m.readout, m.out_panels, arena);
    m.out_bias = TAKE(arena, float, m.out_panels * PANEL);
    return m;
}

/* ── packing ──────────────────────────────────────────────────────────────────────────────────────────────────── */

/* The weights of one output of a part: the row of w for what comes from below, that of w_state for the state. */
struct output_row {
    const float *below, *state;
};

static void pack_row(const struct model *m, const struct part *part, ptrdiff_t panel, int slot, ptrdiff_t lane, struct output_row row) {
    int depth = m->kernel->depth;
    ptrdiff_t width = part->slots.count * LANES, place = slot * LANES + lane;
    uint32_t *words = part->weights + panel * part->groups * width + place;
    float scale = 1;
    if (part->scale) {
        float largest = 0;
        if (row.below) largest = largest_magnitude(row.below, part->below);
        if (row.state) {
            float other = largest_magnitude(row.state, part->state);
            largest = other > largest ? other : largest;
        }
        scale = largest / 127;
        part->scale[panel * width + place] = scale;
    }
    int32_t sum = 0;
    for (int side = 0; side < 2; ++side) {
        const float *w = side ? row.state : row.below;
        ptrdiff_t count = side ? part->state : part->below;
        for (ptrdiff_t k = 0; k < count; k += depth, words += width) {
            uint32_t word = 0;
            for (int j = 0; w && j < depth && k + j < count; ++j) {
                if (depth == 1) {
                    memcpy(&word, w + k, sizeof word);
                } else if (depth == 2) {
                    word |= (uint32_t)bfloat16_of(w[k + j]) << 16 * j;
                } else {
                    float whole = scale > 0 ? w[k + j] / scale : 0;
                    int32_t byte = (int32_t)(whole + (whole < 0 ? -0.5f : 0.5f));
                    sum += byte;
                    word |= ((uint32_t)byte & 0xff) << 8 * j;
                }
            }
            *words = word;
        }
    }
    if (part->start) part->start[panel * width + place] = m->kernel->offset ? -128 * sum : 0;
}

static void pack_part(const struct model *m, const struct part *part, const struct writer_weights *w, ptrdiff_t index,
                      ptrdiff_t panel) {
    ptrdiff_t below = index == 0 ? m->shape.input : m->shape.hidden;
    for (int slot = 0; slot < part->slots.count; ++slot) {
        int gate = part->slots.gate[part->slots.first + slot];
        for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
            ptrdiff_t row = weight_row(&m->shape, m->cell, gate, panel, part->slots.first + slot, lane);
            struct output_row source = {NULL, NULL};
            if (row >= 0 && part->below) source.below = w->w_ih + row * below;
            if (row >= 0 && part->state) source.state = w->w_hh + row * m->shape.hidden;
            pack_row(m, part, panel, slot, lane, source);
        }
    }
}

static void add_bias(const struct model *m, float *bias, const float *b, struct slot_range slots, ptrdiff_t panel) {
    for (int slot = slots.first; b && slot < slots.first + slots.count; ++slot) {
        for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
            ptrdiff_t row = weight_row(&m->shape, m->cell, slots.gate[slot], panel, slot, lane);
            if (row >= 0) bias[slot * LANES + lane] += b[row];
        }
    }
}

/* One panel of one layer. */
static void pack_level(void *context, ptrdiff_t task) {
    const struct model *m = context;
    const struct cell *cell = m->cell;
    ptrdiff_t index = task / m->shape.panels, panel = task % m->shape.panels;
    const struct level *level = &m->level[index];
    const struct writer_weights *w = &m->writer->weights[index];
    for (int i = 0; i < level->parts; ++i) pack_part(m, &level->part[i], w, index, panel);
    float *bias = level->bias + panel * PANEL;
    memset(bias, 0, PANEL * sizeof(float));
    add_bias(m, bias, w->b_ih, (struct slot_range){cell->x_first, cell->x_slots, cell->x_gate}, panel);
    add_bias(m, bias, w->b_hh, (struct slot_range){cell->h_first, cell->h_slots, cell->h_gate}, panel);
    if (cell->activate_reset) {
        pack_part(m, &level->reset, w, index, panel);
        add_bias(m, bias, w->b_hh, level->reset.slots, panel);
    }
    if (panel > 0) return;
    memset(level->peephole, 0, (size_t)(3 * m->shape.padded) * sizeof(float));
    for (int gate = 0; w->peephole && gate < 3; ++gate) {
        memcpy(level->peephole + gate * m->shape.padded, w->peephole + gate * m->shape.hidden, (size_t)m->shape.hidden * sizeof(float));
    }
}

/* What the first layer adds up before its state comes in, for one symbol: its bias and its column, or W_ih times its vector. */
static void fill_table(void *context, ptrdiff_t symbol) {
    const struct model *m = context;
    const struct writer *writer = m->writer;
    const struct cell *cell = m->cell;
    float *line = m->table + symbol * m->shape.panels * PANEL;
    memcpy(line, m->level[0].bias, (size_t)(m->shape.panels * PANEL) * sizeof(float));
    for (ptrdiff_t panel = 0; panel < m->shape.panels; ++panel, line += PANEL) {
        for (int slot = cell->x_first; slot < cell->x_first + cell->x_slots; ++slot) {
            for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
                ptrdiff_t row = weight_row(&m->shape, cell, cell->x_gate[slot], panel, slot, lane);
                if (row < 0) continue;
                const float *w = writer->weights[0].w_ih + row * writer->input;
                float sum = 0;
                if (writer->embedding) {
                    const float *x = writer->embedding + symbol * writer->input;
                    vf sums = {0};
                    ptrdiff_t k = 0;
                    for (; k + LANES <= writer->input; k += LANES) sums += load(w + k) * load(x + k);
                    for (int i = 0; i < LANES; ++i) sum += sums[i];
                    for (; k < writer->input; ++k) sum += w[k] * x[k];
                } else {
                    sum = w[symbol];
                }
                line[slot * LANES + lane] += sum;
            }
        }
    }
}

static void pack_readout(void *context, ptrdiff_t panel) {
    const struct model *m = context;
    const struct writer *writer = m->writer;
    for (ptrdiff_t unit = 0; unit < PANEL; ++unit) {
        ptrdiff_t row = panel * PANEL + unit;
        int exists = row < writer->symbols;
        struct output_row source = {exists ? writer->w_out + row * writer->hidden : NULL, NULL};
        pack_row(m, &m->readout, panel, (int)(unit / LANES), unit % LANES, source);
        m->out_bias[row] = exists && writer->b_out ? writer->b_out[row] : 0;
    }
}

/* ── running ──────────────────────────────────────────────────────────────────────────────────────────────────── */

/* What the state of a group's rows lies in, before and after a step in turns. */
struct states {
    float *h, *c; /* [layers, rows, padded] */
};

/* A group of rows on its way, as one of its crew sees it. */
struct group {
    const struct model *m;
    ptrdiff_t rows;
    /* the crew's */
    struct states states[2];  /* before the next step, after it */
    float *reset;             /* [rows, padded], r ⊙ h' */
    float *logits;            /* [rows, out_panels, PANEL] */
    /* the member's own */
    struct seat seat;
    float *gates;             /* [panels or 1, rows, PANEL] */
    uint32_t *words;          /* [rows, stride] */
    ptrdiff_t stride;
    float *row_scale;         /* [rows] */
    float *weights;           /* [out_panels, PANEL] */
    int32_t *order;           /* [V] */
    const float **before;     /* [rows] */
    float **out;              /* [rows] */
};

static void take_own(struct group *g, struct arena *arena) {
    const struct model *m = g->m;
    ptrdiff_t panels = goes_apart(m->cell) ? m->shape.panels : 1;
    g->stride = ceil_div(m->most_groups, 16) * 16 + 2 * LANES;
    g->gates = TAKE(arena, float, panels * g->rows * PANEL);
    g->words = TAKE(arena, uint32_t, g->rows * g->stride);
    g->row_scale = TAKE(arena, float, g->rows);
    g->weights = TAKE(arena, float, m->out_panels * PANEL);
    g->order = TAKE(arena, int32_t, m->writer->symbols);
    g->before = TAKE(arena, const float *, g->rows);
    g->out = TAKE(arena, float *, g->rows);
}

static struct group group_of(const struct model *m, ptrdiff_t rows, struct arena *arena) {
    ptrdiff_t line = rows * m->shape.padded, all = m->writer->layers * line;
    struct group g = {.m = m, .rows = rows};
    for (int i = 0; i < 2; ++i) g.states[i] = (struct states){TAKE(arena, float, all), TAKE(arena, float, all)};
    g.reset = TAKE(arena, float, line);
    g.logits = TAKE(arena, float, rows * m->out_panels * PANEL);
    take_own(&g, arena);
    return g;
}

/* The panels of the member: from `first` to before `end`. */
struct range {
    ptrdiff_t first, end;
};
static struct range share_of(const struct group *g, ptrdiff_t panels) {
    return (struct range){panels * g->seat.number / g->seat.members, panels * (g->seat.number + 1) / g->seat.members};
}

/* The rows of a part's input, as words: below and state lie [rows, padded] each. */
static void form_words(const struct group *g, const struct part *part, const float *below, const float *state) {
    const struct model *m = g->m;
    int64_t precision = m->writer->precision;
    for (ptrdiff_t r = 0; r < g->rows; ++r) {
        const float *x = part->below ? below + r * m->shape.padded : NULL, *h = part->state ? state + r * m->shape.padded : NULL;
        uint32_t *words = g->words + r * g->stride;
        float inverse = 1;
        if (precision == INT8) {
            float largest = x ? largest_magnitude(x, part->below) : 0, other = h ? largest_magnitude(h, part->state) : 0;
            largest = other > largest ? other : largest;
            g->row_scale[r] = largest / 127;
            inverse = largest > 1e-30f ? 127 / largest : 0;
        }
        if (x) words += words_of_row(words, x, part->below, precision, m->kernel, inverse);
        if (h) words_of_row(words, h, part->state, precision, m->kernel, inverse);
    }
}

/* gates += the part's product, for one panel. */
static void add_product(const struct group *g, const struct part *part, ptrdiff_t panel, float *gates) {
    ptrdiff_t width = part->slots.count * LANES, at = panel * width;
    words_product(g->m->kernel, gates + part->slots.first * LANES, g->rows, part->slots.count, g->words, g->stride, part->groups,
                  part->weights + at * part->groups, g->row_scale, part->scale ? part->scale + at : NULL,
                  part->start ? part->start + at : NULL);
}

static void start_gates(const struct group *g, float *gates, ptrdiff_t index, ptrdiff_t panel, const int64_t *symbols) {
    const struct model *m = g->m;
    for (ptrdiff_t r = 0; r < g->rows; ++r) {
        const float *from = index == 0 ? m->table + symbols[r] * m->shape.panels * PANEL : m->level[index].bias;
        memcpy(gates + r * PANEL, from + panel * PANEL, PANEL * sizeof(float));
    }
}

static void run_level(struct group *g, ptrdiff_t index, const int64_t *symbols) {
    const struct model *m = g->m;
    const struct cell *cell = m->cell;
    const struct shape *shape = &m->shape;
    const struct level *level = &m->level[index];
    ptrdiff_t layer = g->rows * shape->padded;
    const float *h = g->states[0].h + index * layer, *c = g->states[0].c + index * layer;
    float *next = g->states[1].h + index * layer, *below = next - layer;
    struct range mine = share_of(g, shape->panels);
    struct forward_panel panel = {.rows = g->rows,
                                  .padded = shape->padded,
                                  .c_before = c,
                                  .c = g->states[1].c + index * layer,
                                  .factors = g->reset,
                                  .h_before = g->before,
                                  .out = g->out,
                                  .peephole = level->peephole};
    for (ptrdiff_t r = 0; r < g->rows; ++r) {
        g->before[r] = h + r * shape->padded;
        g->out[r] = next + r * shape->padded;
    }

    /* Words of all parts but the last are used up for all panels before the next part's are formed. */
    ptrdiff_t step = goes_apart(cell) ? g->rows * PANEL : 0;
    for (int i = 0; i < level->parts; ++i) {
        const struct part *part = &level->part[i];
        int last = i == level->parts - 1;
        form_words(g, part, below, cell->recurs_on_memory ? c : h);
        for (ptrdiff_t p = mine.first; p < mine.end; ++p) {
            panel.gates = g->gates + p * step;
            panel.unit = p * shape->panel_units;
            panel.units = units_in(shape->hidden, shape->panel_units, p);
            if (i == 0) start_gates(g, panel.gates, index, p, symbols);
            add_product(g, part, p, panel.gates);
            if (last) cell->activate(&panel);
        }
    }
    crew_meet(&g->seat);
    if (!cell->activate_reset) return;
    form_words(g, &level->reset, NULL, g->reset);
    for (ptrdiff_t p = mine.first; p < mine.end; ++p) {
        panel.gates = g->gates + p * step;
        panel.unit = p * shape->panel_units;
        panel.units = units_in(shape->hidden, shape->panel_units, p);
        add_product(g, &level->reset, p, panel.gates);
        cell->activate_reset(&panel);
    }
    crew_meet(&g->seat);
}

static void read_out(struct group *g) {
    const struct model *m = g->m;
    ptrdiff_t line = m->out_panels * PANEL;
    struct range mine = share_of(g, m->out_panels);
    form_words(g, &m->readout, g->states[1].h + (m->writer->layers - 1) * g->rows * m->shape.padded, NULL);
    for (ptrdiff_t panel = mine.first; panel < mine.end; ++panel) {
        for (ptrdiff_t r = 0; r < g->rows; ++r) memcpy(g->gates + r * PANEL, m->out_bias + panel * PANEL, PANEL * sizeof(float));
        add_product(g, &m->readout, panel, g->gates);
        for (ptrdiff_t r = 0; r < g->rows; ++r) {
            memcpy(g->logits + r * line + panel * PANEL, g->gates + r * PANEL, PANEL * sizeof(float));
        }
    }
    crew_meet(&g->seat);
}

/* One step of all layers, as far as it is the member's, and the logits where somebody asks for them. */
static void run_step(struct group *g, const struct writing *w, const int64_t *symbols) {
    for (ptrdiff_t index = 0; index < g->m->writer->layers; ++index) run_level(g, index, symbols);
    if (!w->given || w->logits) read_out(g);
    struct states after = g->states[1];
    g->states[1] = g->states[0];
    g->states[0] = after;
}

struct run {
    const struct model *m;
    const struct writing *w;
    ptrdiff_t together; /* rows in a group */
    int failed[2];      /* out of memory; a logit that is not finite */
    struct crew crew;   /* where there is one, */
    struct group group; /* its leader's group, with the states of the current step, */
    const int64_t *symbols; /* and what that reads */
};

/* Between [layers, B, H] and a group's [layers, rows, padded]. */
static void load_state(const struct group *g, const struct writing *w, ptrdiff_t first, float *to, const float *from) {
    ptrdiff_t H = g->m->shape.hidden, padded = g->m->shape.padded;
    memset(to, 0, (size_t)(g->m->writer->layers * g->rows * padded) * sizeof(float));
    for (ptrdiff_t i = 0; from && i < g->m->writer->layers * g->rows; ++i) {
        memcpy(to + i * padded, from + (i / g->rows * w->rows + first + i % g->rows) * H, (size_t)H * sizeof(float));
    }
}
static void save_state(const struct group *g, const struct writing *w, ptrdiff_t first, const float *from, float *to) {
    ptrdiff_t H = g->m->shape.hidden, padded = g->m->shape.padded;
    for (ptrdiff_t i = 0; to && i < g->m->writer->layers * g->rows; ++i) {
        memcpy(to + (i / g->rows * w->rows + first + i % g->rows) * H, from + i * padded, (size_t)H * sizeof(float));
    }
}

/* One symbol for each row of a group; 0: a logit was not finite. */
static int choose_symbols(const struct group *g, const struct writing *w, ptrdiff_t first, ptrdiff_t step) {
    ptrdiff_t line = g->m->out_panels * PANEL;
    for (ptrdiff_t r = 0; r < g->rows; ++r) {
        ptrdiff_t at = step * w->rows + first + r;
        double uniform = w->choice->temperature > 0
                             ? uniform_at(w->choice->seed, (uint64_t)(w->first_row + first + r), (uint64_t)(w->place + step))
                             : 0;
        ptrdiff_t chosen = choose(g->logits + r * line, g->m->writer->symbols, w->choice, uniform, g->weights, g->order,
                                  w->likelihood ? &w->likelihood[at] : NULL);
        if (chosen < 0) return 0;
        w->chosen[at] = w->symbol[first + r] = chosen;
    }
    return 1;
}

static void run_group(struct run *run, ptrdiff_t first, struct seat *lead) {
    const struct writing *w = run->w;
    const struct model *m = run->m;
    ptrdiff_t rows = least(run->together, w->rows - first), V = m->writer->symbols;
    struct arena counting = {0};
    group_of(m, rows, &counting);
    struct arena arena = {.base = block_take(counting.used)};
    if (!arena.base) {
        run->failed[0] = 1;
        return;
    }
    struct group g = group_of(m, rows, &arena);
    load_state(&g, w, first, g.states[0].h, w->h);
    load_state(&g, w, first, g.states[0].c, w->c);
    load_state(&g, w, first, g.states[1].h, NULL);
    load_state(&g, w, first, g.states[1].c, NULL);
    memset(g.reset, 0, (size_t)(rows * m->shape.padded) * sizeof(float));
    g.seat = lead ? *lead : (struct seat){.members = 1};
    if (lead) run->group = g;
    ptrdiff_t steps = w->lengths ? w->lengths[first] : w->steps;
    for (ptrdiff_t step = 0; step < steps; ++step) {
        const int64_t *symbols = w->given ? w->given + step * w->rows + first : w->symbol + first;
        if (lead) {
            run->symbols = symbols;
            memcpy(run->group.states, g.states, sizeof g.states);
            crew_begin(&g.seat);
        }
        run_step(&g, w, symbols);
        for (ptrdiff_t r = 0; w->logits && r < rows; ++r) {
            memcpy(w->logits + (step * w->rows + first + r) * V, g.logits + r * m->out_panels * PANEL, (size_t)V * sizeof(float));
        }
        if (!w->given && !choose_symbols(&g, w, first, step)) {
            run->failed[1] = 1;
            break;
        }
    }
    save_state(&g, w, first, g.states[0].h, w->h);
    save_state(&g, w, first, g.states[0].c, w->c);
    block_give(arena.base);
}

static void run_task(void *context, ptrdiff_t task) {
    struct run *run = context;
    run_group(run, task * run->together, NULL);
}

/* Task 0 leads the crew, the others follow. */
static void run_member(void *context, ptrdiff_t task) {
    struct run *run = context;
    if (task == 0) {
        struct seat lead = crew_lead(&run->crew);
        run_group(run, 0, &lead);
        crew_end(&lead);
        return;
    }
    struct arena arena = {.base = NULL};
    struct group own = {.m = run->m, .rows = run->w->rows};
    take_own(&own, &arena);
    arena = (struct arena){.base = block_take(arena.used)};
    if (!arena.base) return; /* the others do it */
    struct seat seat = crew_join(&run->crew);
    if (crew_follow(&seat)) {
        struct group g = run->group;
        take_own(&g, &arena);
        do {
            memcpy(g.states, run->group.states, sizeof g.states);
            g.seat = seat;
            run_step(&g, run->w, run->symbols);
            seat = g.seat;
        } while (crew_follow(&seat));
    }
    block_give(arena.base);
}

/* ── the outside ──────────────────────────────────────────────────────────────────────────────────────────────── */

/* Bumped whenever a record or a function below changes. */
EXPORT int64_t unrolled_writer_interface(void) { return 1; }

/* How much memory the packed weights take. */
EXPORT int64_t unrolled_writer_bytes(const struct writer *writer) {
    struct arena counting = {0};
    lay_out(writer, &counting);
    return (int64_t)counting.used;
}

/* Fills writer->packed from the weights, which are not read again. */
EXPORT void unrolled_writer_pack(const struct writer *writer, int64_t threads) {
    struct arena arena = {.base = writer->packed};
    struct model m = lay_out(writer, &arena);
    pool_each(threads, writer->layers * m.shape.panels, pack_level, &m);
    pool_each(threads, writer->symbols, fill_table, &m);
    pool_each(threads, m.out_panels, pack_readout, &m);
}

/* Reads or writes. 0: done; 1: out of memory; 2: a logit is not finite, and what was written is worth nothing. */
EXPORT int64_t unrolled_writer_run(const struct writer *writer, const struct writing *writing) {
    struct arena arena = {.base = writer->packed};
    struct model m = lay_out(writer, &arena);
    ptrdiff_t share = ceil_div(writing->rows, most(writing->threads, 1));
    struct run run = {.m = &m, .w = writing, .together = writing->lengths ? 1 : least(GROUP, share)};
    ptrdiff_t members = least(least(writing->threads, CREW), m.shape.panels / 2);
    if (writing->rows <= CREW_ROWS && members > 1 && (!writing->lengths || writing->rows == 1)) {
        run.together = writing->rows; /* with a crew or without: one row alone is rounded otherwise than two */
        pool_each(writing->threads, crew_is_worthless() ? 1 : members, run_member, &run);
    } else {
        pool_each(writing->threads, ceil_div(writing->rows, run.together), run_task, &run);
    }
    return run.failed[0] ? 1 : run.failed[1] ? 2 : 0;
}
