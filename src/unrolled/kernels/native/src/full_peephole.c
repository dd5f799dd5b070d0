/* The course's peephole LSTM: full matrices on c' and no recurrence of h at all.
 *
 *   g = σ(W_g x + b_g)                 slot 0
 *   i = σ(W_i x + R_i c' + b_i)        slot 1
 *   f = σ(W_f x + R_f c' + b_f)        slot 2
 *   o = σ(W_o x + R_o c' + b_o)        slot 3
 *   c = f ⊙ c' + i ⊙ g
 *   h = o ⊙ tanh(c)
 *
 * Products read c' as elements: in bfloat16 that is a copy, the panel's `factors`, and c itself stays float.
 */
#include "activations.h"
#include "cell.h"

static void activate(const struct forward_panel *p) {
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        const float *gates = p->gates + b * PANEL;
        vf c_before = load(p->c_before + b * p->padded + p->unit);
        vf g = sigmoid_vf(load(gates)), i = sigmoid_vf(load(gates + LANES));
        vf f = sigmoid_vf(load(gates + 2 * LANES)), o = sigmoid_vf(load(gates + 3 * LANES));
        vf c = f * c_before + i * g;
        if (p->kept) {
            keep(p, b * PANEL, g);
            keep(p, b * PANEL + LANES, i);
            keep(p, b * PANEL + 2 * LANES, f);
            keep(p, b * PANEL + 3 * LANES, o);
        }
        store(p->c + b * p->padded + p->unit, c);
        if (PAIR > 1) store_elements(p->factors + b * p->padded + p->unit, c);
        store_elements_part(p->out[b] + p->unit, o * tanh_vf(c), p->units);
    }
}

static void differentiate(const struct backward_panel *p) {
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        const float *gates = p->gates + b * PANEL;
        element *dgates = p->dgates + b * PANEL;
        float *carry = p->carry + b * p->padded + p->unit;
        vf c_before = load(p->c_before + b * p->padded + p->unit), c = load(p->c + b * p->padded + p->unit);
        vf g = load(gates), i = load(gates + LANES), f = load(gates + 2 * LANES), o = load(gates + 3 * LANES);
        vf dh = load(p->dh + b * PANEL), tanh_c = tanh_vf(c);
        vf dc = load(carry) + load(p->dstate + b * PANEL) + dh * o * (1.0f - tanh_c * tanh_c);
        if (p->dmemory) store(p->dmemory + b * PANEL, dc);
        store_elements(dgates, dc * i * g * (1.0f - g));
        store_elements(dgates + LANES, dc * g * i * (1.0f - i));
        store_elements(dgates + 2 * LANES, dc * c_before * f * (1.0f - f));
        store_elements(dgates + 3 * LANES, dh * tanh_c * o * (1.0f - o));
        store(carry, dc * f);
    }
}

const struct cell cell_full_peephole_lstm = {.gates = 4,
                                             .shown_slots = 4,
                                             .x_slots = 4,
                                             .x_gate = {2, 0, 1, 3},
                                             .h_first = 1,
                                             .h_slots = 3,
                                             .h_gate = {0, 0, 1, 2},
                                             .has_memory = 1,
                                             .recurs_on_memory = 1,
                                             .activate = activate,
                                             .differentiate = differentiate};
