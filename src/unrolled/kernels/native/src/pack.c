/* Weights, copied once a call into the order in which the products read them. */
#include "pack.h"

/* to[k·stride] = the k-th word of a row of floats */
static void spread_row(float *to, ptrdiff_t stride, const float *row, ptrdiff_t depth) {
    enum { AT_ONCE = 16 * LANES };
    element elements[AT_ONCE];
    for (ptrdiff_t first = 0; first < depth; first += AT_ONCE) {
        ptrdiff_t count = least(AT_ONCE, depth - first);
        for (ptrdiff_t i = 0; i < count; i += LANES) store_elements(elements + i, load_part(row + first + i, least(LANES, count - i)));
        for (ptrdiff_t k = 0; k < count; k += PAIR, to += stride) memcpy(to, elements + k, sizeof(float));
    }
}

void pack_forward(float *packed, const float *w, ptrdiff_t depth, const struct shape *shape, const struct cell *cell,
                  struct slot_run run, ptrdiff_t panel) {
    ptrdiff_t stride = run.count * LANES;
    for (int slot = run.first; slot < run.first + run.count; ++slot) {
        for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
            ptrdiff_t row = weight_row(shape, cell, run.gate[slot], panel, slot, lane);
            float *to = packed + (slot - run.first) * LANES + lane;
            if (row < 0) {
                for (ptrdiff_t k = 0; k < depth / PAIR; ++k) to[k * stride] = 0.0f;
            } else {
                spread_row(to, stride, w + row * depth, depth);
            }
        }
    }
}

void pack_backward(float *packed, const float *w, ptrdiff_t columns, ptrdiff_t block, const struct shape *shape,
                   const struct cell *cell, struct slot_run run, ptrdiff_t panel) {
    ptrdiff_t width = units_in(columns, PANEL, block);
    for (int slot = run.first; slot < run.first + run.count; ++slot) {
        for (ptrdiff_t lane = 0; lane < LANES; lane += PAIR, packed += PANEL) {
            ptrdiff_t row = weight_row(shape, cell, run.gate[slot], panel, slot, lane);
            memset(packed, 0, PANEL * sizeof(float));
            if (row < 0) continue;
            const float *from = w + row * columns + block * PANEL;
            int alone = PAIR == 1 || weight_row(shape, cell, run.gate[slot], panel, slot, lane + 1) < 0;
            for (ptrdiff_t i = 0; i < width; i += LANES) {
                ptrdiff_t n = least(LANES, width - i);
                store_part(packed + i, make_words(load_part(from + i, n), alone ? (vf){0} : load_part(from + columns + i, n)), n);
            }
        }
    }
}

static void add_bias(float *packed, const float *bias, const struct shape *shape, const struct cell *cell, struct slot_run run,
                     ptrdiff_t panel) {
    for (int slot = run.first; bias && slot < run.first + run.count; ++slot) {
        for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
            ptrdiff_t row = weight_row(shape, cell, run.gate[slot], panel, slot, lane);
            if (row >= 0) packed[slot * LANES + lane] += bias[row];
        }
    }
}

void pack_bias(float *packed, const float *b_ih, const float *b_hh, const struct shape *shape, const struct cell *cell,
               ptrdiff_t panel) {
    memset(packed, 0, PANEL * sizeof(float));
    add_bias(packed, b_ih, shape, cell, (struct slot_run){cell->x_first, cell->x_slots, cell->x_gate}, panel);
    add_bias(packed, b_hh, shape, cell, (struct slot_run){cell->h_first, cell->h_slots, cell->h_gate}, panel);
    if (cell->activate_reset) {
        add_bias(packed, b_hh, shape, cell, (struct slot_run){0, 1, cell->x_gate}, panel); /* the candidate's product */
    }
}
