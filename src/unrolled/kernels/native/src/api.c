/* What the shared library shows: a few functions on plain memory. */
#include "backward.h"
#include "block.h"
#include "export.h"
#include "forward.h"
#include "pool.h"
#include "storage.h"

/* Bumped whenever struct layer or a function below changes: the loader refuses another's library. */
EXPORT int64_t unrolled_interface(void) { return 7; }

EXPORT int64_t unrolled_lanes(void) { return LANES; }

/* Bytes of an element of a sequence: 4, or 2 for bfloat16, whose sizes I (but for tokens) and H must be even. */
EXPORT int64_t unrolled_element_bytes(void) { return sizeof(element); }

/* Floats that forward keeps for backward. */
EXPORT int64_t unrolled_saved_floats(const struct layer *layer) {
    const struct cell *cell = cell_of(layer->kind);
    struct shape shape = shape_of(layer, cell);
    return kept_floats(&shape, cell, plan_storage_rows(layer));
}

/* Blocks of H numbers that `shown_gates` has for each row and step. */
EXPORT int64_t unrolled_shown_gates(int64_t kind) {
    const struct cell *cell = cell_of(kind);
    return cell ? shown_gates(cell) : -1;
}

/* 0: done; 1: out of memory. */
EXPORT int64_t unrolled_forward(const struct layer *layer) { return !forward(layer, cell_of(layer->kind)); }
EXPORT int64_t unrolled_backward(const struct layer *layer) { return !backward(layer, cell_of(layer->kind)); }

/* Memory for `saved` and other large tensors of the caller's. */
EXPORT void *unrolled_block_take(int64_t bytes) { return block_take((size_t)bytes); }
EXPORT void unrolled_block_give(void *block) { block_give(block); }

/* Run on an OpenMP team from now on: see pool.h. */
EXPORT int64_t unrolled_use_team(team_fn *team) {
    pool_use_team(team);
    return 0;
}
