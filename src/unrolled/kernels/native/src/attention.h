/* One call of graph attention, and how its rows lie in memory.
 *
 *   additive  (GAT)    s[e,k] = LeakyReLU( ⟨h_j, att_src⟩ + ⟨h_i, att_dst⟩ + edge[e,k] )         e: j→i
 *   dynamic   (GATv2)  s[e,k] = Σ_c att[k,c] · LeakyReLU( h_j + r_i + edge[e] )[k,c]
 *   a[e,k] = softmax over the entries of row i,   y[i,k,:] = Σ_e m[e,k] · a[e,k] · h[j,k,:]
 *
 * m is 1, or 0 and 1/(1-p) where attention is dropped: a hash of (seed, entry, head), so that backward finds it again.
 * The Python side fills this record (attention.py mirrors it, field by field); every field is eight bytes.
 *
 * Inside, a row of h is float, each head on `padded` channels: a power of two, or whole vectors. What is kept for
 * each node, entry and head (scores, weights, their gradients) has `record` places, a power of two or whole vectors.
 */
#ifndef UNROLLED_ATTENTION_H
#define UNROLLED_ATTENTION_H

#include "lanes.h"

struct attention {
    int64_t dynamic, threads, nodes, batch, heads, channels, half;
    int64_t drop_below;                    /* of 2^32: the share of attention dropped; 0: none */
    int64_t seed;
    double slope, kept;                    /* of LeakyReLU; 1/(1-p) */
    const int32_t *pointer, *index;        /* rows receive: [N + 1], [E] senders */
    const int32_t *turned_pointer, *turned_index, *turned_order; /* rows send; for backward */
    const void *h, *r;                     /* [B, N, K·C] float or bfloat16; r is dynamic's, and may be h */
    const float *att;                      /* [2, K, C]: src, dst; dynamic: [K, C] */
    const float *edge;                     /* [E, K], dynamic [E, K·C]; or NULL */
    void *y;                               /* [B, N, K·C] */
    float *stats;                          /* [B, N, 2, record]: each row's greatest score, 1 / Σ exp */
    const void *grad_y;
    void *grad_h, *grad_r;                 /* [B, N, K·C]; r: dynamic's */
    float *grad_att;                       /* as att */
    float *grad_edge;                      /* as edge, or NULL: not wanted */
};

#define BLOCK_PLACES 1024 /* entries taken at once × record */

struct layout {
    ptrdiff_t heads, channels, padded;
    ptrdiff_t head_vectors;  /* vectors in a head, at least 1 */
    ptrdiff_t vector_heads;  /* heads in a vector, at least 1 */
    ptrdiff_t vectors, width;
    ptrdiff_t record, period; /* places for the heads, and their vectors */
    ptrdiff_t block;         /* entries taken at once */
    int steps;               /* log2 of a head's lanes in one vector */
    int direct;              /* the caller's rows are laid out so */
};

static inline ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t by) { return (n + by - 1) / by * by; }
static inline ptrdiff_t power_above(ptrdiff_t n) {
    ptrdiff_t power = 1;
    while (power < n) power *= 2;
    return power;
}

static inline struct layout layout_of(const struct attention *a) {
    struct layout l = {.heads = a->heads, .channels = a->channels};
    l.padded = l.channels < LANES ? power_above(l.channels) : round_up(l.channels, LANES);
    l.head_vectors = l.padded < LANES ? 1 : l.padded / LANES;
    l.vector_heads = l.padded < LANES ? LANES / l.padded : 1;
    l.width = round_up(l.heads * l.padded, LANES);
    l.vectors = l.width / LANES;
    l.record = l.heads < LANES ? power_above(l.heads) : round_up(l.heads, LANES);
    l.period = l.record < LANES ? 1 : l.record / LANES;
    l.block = BLOCK_PLACES / l.record;
    while (((ptrdiff_t)1 << l.steps) < l.padded && l.steps < LOG_LANES) ++l.steps;
    l.direct = !a->half && l.padded == l.channels && l.width == l.heads * l.channels;
    return l;
}

/* Places after the last that a vector may reach into. */
#define SLACK (2 * LANES)

#endif
