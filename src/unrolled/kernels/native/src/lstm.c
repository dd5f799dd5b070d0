/* LSTM, and with p ≠ none the peephole LSTM of Gers, Schraudolph & Schmidhuber 2002.
 *
 *   i = σ(W_i x + R_i h' + p_i ⊙ c' + b_i)      slot 0
 *   f = σ(W_f x + R_f h' + p_f ⊙ c' + b_f)      slot 1
 *   g = tanh(W_g x + R_g h' + b_g)              slot 2
 *   o = σ(W_o x + R_o h' + p_o ⊙ c + b_o)       slot 3
 *   c = f ⊙ c' + i ⊙ g
 *   h = o ⊙ tanh(c)
 */
#include "activations.h"
#include "cell.h"

INLINE void activate(const struct forward_panel *p, const int peepholes) {
    vf p_i = {0}, p_f = {0}, p_o = {0};
    if (peepholes) {
        p_i = load(p->peephole + p->unit);
        p_f = load(p->peephole + p->padded + p->unit);
        p_o = load(p->peephole + 2 * p->padded + p->unit);
    }
    /* Two loops, so that several rows of each are in flight at once. */
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        const float *gates = p->gates + b * PANEL;
        vf c_before = load(p->c_before + b * p->padded + p->unit);
        vf i = load(gates), f = load(gates + LANES), g = load(gates + 2 * LANES);
        if (peepholes) {
            i += p_i * c_before;
            f += p_f * c_before;
        }
        i = sigmoid_vf(i);
        f = sigmoid_vf(f);
        g = tanh_vf(g);
        if (p->kept) {
            keep(p, b * PANEL, i);
            keep(p, b * PANEL + LANES, f);
            keep(p, b * PANEL + 2 * LANES, g);
        }
        store(p->c + b * p->padded + p->unit, f * c_before + i * g);
    }
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        vf c = load(p->c + b * p->padded + p->unit), o = load(p->gates + b * PANEL + 3 * LANES);
        if (peepholes) o += p_o * c;
        o = sigmoid_vf(o);
        if (p->kept) keep(p, b * PANEL + 3 * LANES, o);
        store_elements_part(p->out[b] + p->unit, o * tanh_vf(c), p->units);
    }
}

INLINE void differentiate(const struct backward_panel *p, const int peepholes) {
    vf p_i = {0}, p_f = {0}, p_o = {0}, dp_i = {0}, dp_f = {0}, dp_o = {0};
    if (peepholes) {
        p_i = load(p->peephole + p->unit);
        p_f = load(p->peephole + p->padded + p->unit);
        p_o = load(p->peephole + 2 * p->padded + p->unit);
    }
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        const float *gates = p->gates + b * PANEL;
        element *dgates = p->dgates + b * PANEL;
        float *carry = p->carry + b * p->padded + p->unit;
        vf c_before = load(p->c_before + b * p->padded + p->unit), c = load(p->c + b * p->padded + p->unit);
        vf i = load(gates), f = load(gates + LANES), g = load(gates + 2 * LANES), o = load(gates + 3 * LANES);
        vf dh = load(p->dh + b * PANEL), tanh_c = tanh_vf(c);
        vf d_o = dh * tanh_c * o * (1.0f - o);
        vf dc = load(carry) + dh * o * (1.0f - tanh_c * tanh_c);
        if (peepholes) dc += p_o * d_o;
        if (p->dmemory) store(p->dmemory + b * PANEL, dc);
        vf d_i = dc * g * i * (1.0f - i);
        vf d_f = dc * c_before * f * (1.0f - f);
        vf d_g = dc * i * (1.0f - g * g);
        vf dc_before = dc * f;
        if (peepholes) {
            dc_before += p_i * d_i + p_f * d_f;
            dp_i += d_i * c_before;
            dp_f += d_f * c_before;
            dp_o += d_o * c;
        }
        store(carry, dc_before);
        store_elements(dgates, d_i);
        store_elements(dgates + LANES, d_f);
        store_elements(dgates + 2 * LANES, d_g);
        store_elements(dgates + 3 * LANES, d_o);
    }
    if (peepholes) {
        float *dp = p->dpeephole + p->unit;
        store(dp, load(dp) + dp_i);
        store(dp + p->padded, load(dp + p->padded) + dp_f);
        store(dp + 2 * p->padded, load(dp + 2 * p->padded) + dp_o);
    }
}

static void activate_plain(const struct forward_panel *p) { activate(p, 0); }
static void activate_peepholes(const struct forward_panel *p) { activate(p, 1); }
static void differentiate_plain(const struct backward_panel *p) { differentiate(p, 0); }
static void differentiate_peepholes(const struct backward_panel *p) { differentiate(p, 1); }

#define SLOTS_OF_LSTM                                                                                               \
    .gates = 4, .shown_slots = 4, .x_slots = 4, .h_slots = 4, .x_gate = {0, 1, 2, 3}, .h_gate = {0, 1, 2, 3}, .has_memory = 1

const struct cell cell_lstm = {SLOTS_OF_LSTM, .activate = activate_plain, .differentiate = differentiate_plain};
const struct cell cell_peephole_lstm = {SLOTS_OF_LSTM, .activate = activate_peepholes, .differentiate = differentiate_peepholes};
