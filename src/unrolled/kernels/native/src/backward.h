/* A whole layer, one direction, back. */
#ifndef UNROLLED_BACKWARD_H
#define UNROLLED_BACKWARD_H

#include "cell.h"
#include "plan.h"
#include "shape.h"

/* What the phases of backward share. Storage rows are the plan's: (slab, step, row), no padding. */
struct backward {
    const struct layer *layer;
    const struct cell *cell;
    struct shape shape;
    struct plan plan;
    const float *gates, *c;          /* as forward kept them */
    const element *factors;
    float *h_weights, *reset_weights, *x_weights; /* packed, a block of PANEL columns after the other */
    float *peephole;
    element *zeros;
    element *dgates;                 /* [panels, storage rows, PANEL] */
    const element **state_rows;        /* [storage rows]: what w_hh multiplied: h' or c' */
    const element **x_rows;            /* [storage rows], or */
    int64_t *tokens;
    element **grad_x_rows;             /* [storage rows] */
    ptrdiff_t grad_x_tasks;
    struct backward_scratch *scratch; /* [slabs] */
    float *pairs;                    /* pair_floats() of them: what is multiplied for the weights, by pairs of rows */
    float *weight_sums;              /* [panels, weight_sum_floats]: see weights.c */
};

/* Fills every gradient asked for. 0: out of memory. */
int backward(const struct layer *layer, const struct cell *cell);

/* Blocks of H numbers in `shown_gates`. */
ptrdiff_t shown_gates(const struct cell *cell);

/* After all slabs: the gradients of weights and biases, each panel's from all rows in one order. First, where it has any
 * tasks, what the weights multiplied is laid into tiles. */
ptrdiff_t weight_sum_floats(const struct shape *shape, const struct cell *cell);
ptrdiff_t weight_tasks(const struct backward *b);
ptrdiff_t pair_floats(const struct backward *b);
ptrdiff_t pair_tasks(const struct backward *b);
void pair_task(void *backward, ptrdiff_t task);
void weight_task(void *backward, ptrdiff_t task);

#endif
