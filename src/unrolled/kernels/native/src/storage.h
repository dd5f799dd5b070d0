/* Where a slab's gates and memories lie: kept for backward, one row for each step, or in scratch, reused. */
#ifndef UNROLLED_STORAGE_H
#define UNROLLED_STORAGE_H

#include "plan.h"
#include "shape.h"

/* What one call keeps: a line that says into how many slabs the rows were dealt, then gates [panels, rows, PANEL], then
 * c [rows, padded], then factors [rows, padded] elements: what w_hh multiplies where that is neither h nor c itself. */
#define HEADER 16 /* floats */

static inline void keep_slabs(float *saved, ptrdiff_t slabs) { memcpy(saved, &(int64_t){slabs}, sizeof(int64_t)); }
static inline ptrdiff_t kept_slabs(const float *saved) {
    int64_t slabs;
    memcpy(&slabs, saved, sizeof slabs);
    return slabs;
}
static inline ptrdiff_t kept_gates(const struct shape *shape, const struct cell *cell, ptrdiff_t rows) {
    return cell->wide ? 0 : shape->panels * rows * PANEL;
}
static inline ptrdiff_t kept_memories(const struct shape *shape, const struct cell *cell, ptrdiff_t rows) {
    return cell->has_memory ? rows * shape->padded : 0;
}
static inline int has_factors(const struct cell *cell) { return cell->activate_reset || (PAIR > 1 && cell->recurs_on_memory); }
static inline ptrdiff_t kept_factors(const struct shape *shape, const struct cell *cell, ptrdiff_t rows) {
    return has_factors(cell) ? rows * shape->padded : 0; /* elements */
}
static inline ptrdiff_t kept_floats(const struct shape *shape, const struct cell *cell, ptrdiff_t rows) {
    return HEADER + kept_gates(shape, cell, rows) + kept_memories(shape, cell, rows) + kept_factors(shape, cell, rows) / PAIR;
}

/* factors[i] = c[i] as an element, for whole vectors. */
static inline void round_memory(element *factors, const float *c, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i += LANES) store_elements(factors + i, load(c + i));
}

/* Pointers to whole rows of a [T, B, ·] tensor: those that a slab's rows see at a step. */
static inline void point_at_step(const element **rows, const element *tensor, ptrdiff_t time_stride, ptrdiff_t row_stride,
                                 const struct layer *layer, const struct plan *plan, const struct slab *slab, ptrdiff_t step,
                                 ptrdiff_t count) {
    for (ptrdiff_t b = 0; b < count; ++b) {
        rows[b] = tensor + time_of(layer, plan, step, slab->batch[b]) * time_stride + slab->batch[b] * row_stride;
    }
}

/* The same for the state that enters the step: the output of the step before, h0, or zeros. */
static inline void point_before_step(const element **rows, const element *zeros, const struct layer *layer, const struct plan *plan,
                                     const struct slab *slab, ptrdiff_t step, ptrdiff_t count) {
    if (step > 0) {
        point_at_step(rows, layer->out, layer->out_time, layer->out_row, layer, plan, slab, step - 1, count);
    } else {
        for (ptrdiff_t b = 0; b < count; ++b) rows[b] = layer->h0 ? layer->h0 + slab->batch[b] * layer->hidden : zeros;
    }
}

#endif
