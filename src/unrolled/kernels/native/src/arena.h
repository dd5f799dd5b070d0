/* The scratch memory of one call: one block, taken piece by piece, given back as a whole.
 *
 * With base NULL an arena only counts: run the same takes to learn the size.
 */
#ifndef UNROLLED_ARENA_H
#define UNROLLED_ARENA_H

#include "block.h"

struct arena {
    char *base;
    size_t used;
};

/* `bytes` of it, 64-byte aligned, not cleared. */
static inline void *arena_take(struct arena *arena, size_t bytes) {
    size_t start = arena->used;
    arena->used += (bytes + 63) / 64 * 64;
    return arena->base ? arena->base + start : NULL;
}

#define TAKE(arena, type, count) ((type *)arena_take(arena, (size_t)(count) * sizeof(type)))

#endif
