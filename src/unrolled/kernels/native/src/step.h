/* One step of a whole stack of layers, one direction, forward, on the weights as they lie.
 *
 * The Python side packs this record (stack.py mirrors it, field by field). Every field is eight bytes; all is float and, but
 * for the rows of x, contiguous.
 */
#ifndef UNROLLED_STEP_H
#define UNROLLED_STEP_H

#include <stdint.h>

struct step_weights {
    const float *w_ih, *w_hh; /* [N·H, I or H], [N·H, H] ([3·H, H] for the full peepholes) */
    const float *b_ih, *b_hh; /* [N·H], the same as w_hh's rows; NULL: zeros */
    const float *peephole;    /* [3·H], or NULL */
};

struct step {
    int64_t kind, threads, layers, batch, input, hidden;
    int64_t x_row;            /* floats from one row of x to the next */
    const float *x;           /* [B, I] */
    const float *h, *c;       /* [layers, B, H], before the step; c NULL: the cell has none */
    float *h_n, *c_n;         /* the same after it */
    float *out;               /* [B, H]: the top layer's h again, or NULL */
    struct step_weights weights[]; /* [layers] */
};

#endif
