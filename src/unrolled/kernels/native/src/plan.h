/* Which rows of the batch a task works on, and which of them still run at each step.
 *
 * The batch is dealt into slabs, one a thread; a slab runs through all steps by itself, so no step waits for another
 * slab. Inside a slab the rows stand by falling length: those that run at step s are the first active(s).
 * Per-step storage has one row for each (slab, step, row) that runs and none for padding; a slab's rows are
 * first + offset[s] + b for step s, row b.
 */
#ifndef UNROLLED_PLAN_H
#define UNROLLED_PLAN_H

#include "arena.h"
#include "layer.h"

struct slab {
    ptrdiff_t rows;        /* of the batch */
    ptrdiff_t first;       /* its first storage row */
    const int32_t *batch;  /* [rows]: their places in the batch */
    ptrdiff_t *offset;     /* [steps + 2] */
};

struct plan {
    ptrdiff_t slabs, most_rows, storage_rows;
    struct slab *slab;
    int32_t *order;        /* [B]: the slabs' rows, one slab after the other */
    int32_t *length;       /* [B]: in steps, at the place in the batch */
};

static inline ptrdiff_t active(const struct slab *slab, ptrdiff_t step) {
    return slab->offset[step + 1] - slab->offset[step];
}

/* Time at which row `batch` takes its step `step`. */
static inline ptrdiff_t time_of(const struct layer *layer, const struct plan *plan, ptrdiff_t step, int32_t batch) {
    return layer->reverse ? plan->length[batch] - 1 - step : step;
}

/* `slabs`: how many to deal into; backward must say what forward said. */
void plan_make(struct plan *plan, const struct layer *layer, ptrdiff_t slabs, struct arena *arena);
ptrdiff_t plan_slabs(const struct layer *layer);
ptrdiff_t plan_storage_rows(const struct layer *layer);

#endif
