/* Weights, copied once a call into the order in which the products read them. */
#include "pack.h"

void pack_forward(float *packed, const float *w, ptrdiff_t depth, const struct shape *shape, const struct cell *cell,
                  struct slot_run run, ptrdiff_t panel) {
    ptrdiff_t stride = run.count * LANES;
    for (int slot = run.first; slot < run.first + run.count; ++slot) {
        for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
            ptrdiff_t row = weight_row(shape, cell, run.gate[slot], panel, slot, lane);
            float *to = packed + (slot - run.first) * LANES + lane;
            if (row < 0) {
                for (ptrdiff_t k = 0; k < depth; ++k) to[k * stride] = 0.0f;
            } else {
                for (ptrdiff_t k = 0; k < depth; ++k) to[k * stride] = w[row * depth + k];
            }
        }
    }
}

void pack_backward(float *packed, const float *w, ptrdiff_t columns, ptrdiff_t block, const struct shape *shape,
                   const struct cell *cell, struct slot_run run, ptrdiff_t panel) {
    ptrdiff_t width = units_in(columns, PANEL, block);
    for (int slot = run.first; slot < run.first + run.count; ++slot) {
        for (ptrdiff_t lane = 0; lane < LANES; ++lane, packed += PANEL) {
            ptrdiff_t row = weight_row(shape, cell, run.gate[slot], panel, slot, lane);
            memset(packed, 0, PANEL * sizeof(float));
            if (row >= 0) memcpy(packed, w + row * columns + block * PANEL, (size_t)width * sizeof(float));
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
