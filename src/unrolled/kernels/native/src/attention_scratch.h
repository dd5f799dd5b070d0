/* The scratch memory of one call of attention, and the inputs in its layout. */
#ifndef UNROLLED_ATTENTION_SCRATCH_H
#define UNROLLED_ATTENTION_SCRATCH_H

#include "arena.h"
#include "attention.h"
#include "chunks.h"

struct attention_job {
    const struct attention *call;
    struct layout layout;
    ptrdiff_t chunks, turned_chunks;
    void *memory;
    float *h, *r;            /* [B, N, width]: the caller's own where they are laid out so */
    float *att;              /* [2, width] or [width] */
    float *edge;             /* [E, record] or [E, width] */
    float *sent, *received;  /* [B, N, record], additive */
    float *row;              /* [chunks, width]: a row on its way out */

    float *g;                /* [B, N, width] */
    float *nodes;            /* [B, N, 4, record]: received, greatest, 1/Σ, ⟨g, y⟩ */
    float *d_score;          /* [B, E, record] */
    float *d_sent;           /* [B, N, record], additive */
    float *d_h, *d_r;        /* [B, N, width] */
    float *d_edge;           /* [E, width], dynamic, where it is wanted */
    float *d_att;            /* [chunks, 2, width] */
};

int attention_prepare(struct attention_job *job, const struct attention *call, int backward);
void attention_release(struct attention_job *job);

#endif
