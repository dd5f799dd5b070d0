/* A whole layer, one direction, forward. */
#ifndef UNROLLED_FORWARD_H
#define UNROLLED_FORWARD_H

#include "plan.h"
#include "shape.h"

/* Fills out, h_n, c_n and, where given, saved. 0: out of memory. */
int forward(const struct layer *layer, const struct cell *cell);

/* padded[3, padded]: the peephole vectors (or zeros); c[rows, padded]: a slab's c0 (or zeros). */
void pad_peephole(float *padded, const float *peephole, const struct shape *shape);
void initial_memory(float *c, const struct layer *layer, const struct shape *shape, const struct slab *slab);

#endif
