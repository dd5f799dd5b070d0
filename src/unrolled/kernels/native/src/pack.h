/* Weights, copied once a call into the order in which the products read them. */
#ifndef UNROLLED_PACK_H
#define UNROLLED_PACK_H

#include "shape.h"

/* A run of slots and the block of weight rows that each stands for. */
struct slot_run {
    int first, count;
    const signed char *gate; /* by slot */
};

/* packed[k, slot, lane] = w[row(panel, slot, lane), k], one panel of it: [depth / PAIR, count·LANES] words. */
void pack_forward(float *packed, const float *w, ptrdiff_t depth, const struct shape *shape, const struct cell *cell,
                  struct slot_run run, ptrdiff_t panel);

/* packed[(slot, lane), column] = w[row(panel, slot, lane), block·PANEL + column], one panel:
 * [count·LANES / PAIR, PANEL] words. */
void pack_backward(float *packed, const float *w, ptrdiff_t columns, ptrdiff_t block, const struct shape *shape,
                   const struct cell *cell, struct slot_run run, ptrdiff_t panel);

/* packed[slot, lane] = the biases that enter there. */
void pack_bias(float *packed, const float *b_ih, const float *b_hh, const struct shape *shape, const struct cell *cell,
               ptrdiff_t panel);

#endif
