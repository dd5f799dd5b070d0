/* Rows to slabs: neighbours when all have the full length, else dealt out by falling length like cards. */
#include "plan.h"

#include <stdlib.h>

static int32_t length_of(const struct layer *layer, ptrdiff_t row) {
    return (int32_t)(layer->lengths ? layer->lengths[row] : layer->steps);
}

ptrdiff_t plan_storage_rows(const struct layer *layer) {
    ptrdiff_t sum = 0;
    for (ptrdiff_t row = 0; row < layer->batch; ++row) sum += length_of(layer, row);
    return sum;
}

/* rank[i]: the batch's rows by falling length, equal ones in their old order (a counting sort). */
static void sort_rows(int32_t *rank, ptrdiff_t *starts, const int32_t *length, const struct layer *layer) {
    ptrdiff_t steps = layer->steps;
    for (ptrdiff_t n = 0; n <= steps + 1; ++n) starts[n] = 0;
    for (ptrdiff_t row = 0; row < layer->batch; ++row) ++starts[steps - length[row] + 1];
    for (ptrdiff_t n = 1; n <= steps + 1; ++n) starts[n] += starts[n - 1];
    for (ptrdiff_t row = 0; row < layer->batch; ++row) rank[starts[steps - length[row]]++] = (int32_t)row;
}

static void fill_offsets(struct slab *slab, const int32_t *length, ptrdiff_t steps) {
    ptrdiff_t running = slab->rows;
    slab->offset[0] = 0;
    for (ptrdiff_t s = 0; s <= steps; ++s) {
        while (running > 0 && length[slab->batch[running - 1]] <= s) --running;
        slab->offset[s + 1] = slab->offset[s] + running;
    }
}

ptrdiff_t plan_slabs(const struct layer *layer) {
    ptrdiff_t slabs = layer->threads < layer->batch ? layer->threads : layer->batch;
    return slabs > 1 ? slabs : 1;
}

void plan_make(struct plan *plan, const struct layer *layer, ptrdiff_t slabs, struct arena *arena) {
    ptrdiff_t batch = layer->batch, steps = layer->steps;
    plan->slabs = slabs;
    plan->most_rows = (batch + slabs - 1) / slabs;
    plan->slab = TAKE(arena, struct slab, slabs);
    plan->order = TAKE(arena, int32_t, batch);
    plan->length = TAKE(arena, int32_t, batch);
    int32_t *rank = TAKE(arena, int32_t, batch);
    ptrdiff_t *starts = TAKE(arena, ptrdiff_t, steps + 2);
    ptrdiff_t *offsets = TAKE(arena, ptrdiff_t, slabs * (steps + 2));
    plan->storage_rows = plan_storage_rows(layer);
    if (!arena->base) return;

    for (ptrdiff_t row = 0; row < batch; ++row) plan->length[row] = length_of(layer, row);
    sort_rows(rank, starts, plan->length, layer);
    ptrdiff_t placed = 0, first = 0;
    for (ptrdiff_t w = 0; w < slabs; ++w) {
        struct slab *slab = &plan->slab[w];
        slab->rows = (batch - w + slabs - 1) / slabs;
        slab->batch = plan->order + placed;
        slab->offset = offsets + w * (steps + 2);
        slab->first = first;
        for (ptrdiff_t b = 0; b < slab->rows; ++b) plan->order[placed + b] = layer->lengths ? rank[w + b * slabs] : (int32_t)(placed + b);
        placed += slab->rows;
        fill_offsets(slab, plan->length, steps);
        first += slab->offset[steps];
    }
}
