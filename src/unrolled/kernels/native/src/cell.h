/* What a cell tells the drivers: how its gates lie in a panel's slots, and its elementwise arithmetic.
 *
 * A panel is SLOTS vectors side by side. A gated cell puts its gates in them, for LANES hidden units; a cell with one
 * product (`wide`) puts SLOTS·LANES neighbouring units in them. Slots x_first .. x_first + x_slots - 1 receive the
 * input's product and h_first .. the state's, so that a cell whose two products differ (GRU, the full peepholes)
 * pays for neither twice.
 */
#ifndef UNROLLED_CELL_H
#define UNROLLED_CELL_H

#include "layer.h"
#include "vec.h"

/* One panel of one slab at one step, going forward. Rows lie PANEL floats apart in gates, `padded` in c. */
struct forward_panel {
    ptrdiff_t rows, unit, units;     /* the hidden units unit .. unit + units - 1 */
    ptrdiff_t padded;                /* hidden units, rounded up to LANES */
    float *gates;                    /* in: pre-activations */
    float *kept;                     /* out: the gates, for backward and observers; NULL where nobody asks */
    int observed;                    /* they are read again at once */
    const float *c_before;
    float *c;
    element *factors;               /* as far apart as c: what w_hh multiplies where that is neither h nor c itself */
    const element *const *h_before;  /* whole rows */
    element *const *out;             /* whole rows */
    const float *peephole;           /* [3, padded] */
};

INLINE void keep(const struct forward_panel *p, ptrdiff_t at, vf x) {
    if (p->observed) store(p->kept + at, x);
    else store_past(p->kept + at, x);
}

/* The same, going back. dh, dstate, dreset: [rows, PANEL]; carry: [rows, padded]. */
struct backward_panel {
    ptrdiff_t rows, unit, units, padded;
    const float *gates;              /* as forward left them; NULL for a wide cell */
    const float *c_before, *c;
    const element *const *h_before;
    const element *const *out;
    const float *peephole;
    const float *dh;                 /* ∂L/∂h of this step, complete */
    const float *dstate;             /* ∂L/∂c of this step through the products, for a cell that recurs on c */
    const float *dreset;             /* ∂L/∂(r ⊙ h'), for differentiate_reset */
    float *carry;                    /* in: what the next step passed on elementwise; out: the same for the step before */
    element *dgates;                 /* out: ∂L/∂pre-activations, by slots */
    float *dpeephole;                /* [3, padded], added to */
    float *dmemory;                  /* out: ∂L/∂c of this step, complete, [rows, PANEL]; NULL where nobody asks */
};

struct cell {
    int wide;                        /* slots are neighbouring units, not gates */
    int gates;                       /* blocks of H rows in w_ih */
    int x_first, x_slots, h_first, h_slots;
    signed char x_gate[SLOTS], h_gate[SLOTS]; /* by slot: which block of w_ih, of w_hh */
    int shown_slots;                 /* the first so many are gates that an observer sees */
    int has_memory;                  /* keeps c beside h */
    int recurs_on_memory;            /* w_hh multiplies c, not h */
    int carries_hidden;              /* carry belongs to h (GRU), not to c */
    void (*activate)(const struct forward_panel *);
    void (*differentiate)(const struct backward_panel *);
    /* For a cell with a product on r ⊙ h' between its gates and its candidate (slot 0); else NULL. */
    void (*activate_reset)(const struct forward_panel *);
    void (*differentiate_reset)(const struct backward_panel *);
};

extern const struct cell cell_rnn_tanh, cell_rnn_relu, cell_gru, cell_gru_reset_before, cell_lstm, cell_peephole_lstm,
    cell_full_peephole_lstm;
const struct cell *cell_of(int64_t kind);

#endif
