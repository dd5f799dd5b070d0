/* The GRU in two forms that are not the same function: they differ in where the reset gate acts and in who z keeps.
 *
 *   r = σ(W_r x + R_r h' + b_r)                                         slot 1
 *   z = σ(W_z x + R_z h' + b_z)                                         slot 2
 * torch's (Chung et al. 2014, reset after the product):
 *   m = R_n h' + b_hn                                                   slot 3
 *   n = tanh(W_n x + b_in + r ⊙ m)                                      slot 0
 *   h = (1 - z) ⊙ n + z ⊙ h'
 * the course's (Cho et al. 2014, reset before it; r ⊙ h' is what R_n multiplies, the panel's `factors`):
 *   n = tanh(W_n x + b_in + R_n (r ⊙ h') + b_hn)                        slot 0
 *   h = (1 - z) ⊙ h' + z ⊙ n
 */
#include "activations.h"
#include "cell.h"

static void activate(const struct forward_panel *p) {
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        const float *gates = p->gates + b * PANEL;
        vf h_before = load_elements_part(p->h_before[b] + p->unit, p->units);
        vf r = sigmoid_vf(load(gates + LANES)), z = sigmoid_vf(load(gates + 2 * LANES)), m = load(gates + 3 * LANES);
        vf n = tanh_vf(load(gates) + r * m);
        if (p->kept) {
            keep(p, b * PANEL, n);
            keep(p, b * PANEL + LANES, r);
            keep(p, b * PANEL + 2 * LANES, z);
            keep(p, b * PANEL + 3 * LANES, m);
        }
        store_elements_part(p->out[b] + p->unit, (1.0f - z) * n + z * h_before, p->units);
    }
}

static void differentiate(const struct backward_panel *p) {
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        const float *gates = p->gates + b * PANEL;
        element *dgates = p->dgates + b * PANEL;
        vf h_before = load_elements_part(p->h_before[b] + p->unit, p->units), dh = load(p->dh + b * PANEL);
        vf n = load(gates), r = load(gates + LANES), z = load(gates + 2 * LANES), m = load(gates + 3 * LANES);
        vf d_n = dh * (1.0f - z) * (1.0f - n * n);
        store_elements(dgates, d_n);
        store_elements(dgates + LANES, d_n * m * r * (1.0f - r));
        store_elements(dgates + 2 * LANES, dh * (h_before - n) * z * (1.0f - z));
        store_elements(dgates + 3 * LANES, d_n * r);
        store(p->carry + b * p->padded + p->unit, dh * z);
    }
}

/* Leaves σ in the place of z for activate_reset. */
static void reset(const struct forward_panel *p) {
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        float *gates = p->gates + b * PANEL;
        vf r = sigmoid_vf(load(gates + LANES)), z = sigmoid_vf(load(gates + 2 * LANES));
        if (p->kept) {
            keep(p, b * PANEL + LANES, r);
            keep(p, b * PANEL + 2 * LANES, z);
        }
        store(gates + 2 * LANES, z);
        store_elements(p->factors + b * p->padded + p->unit, r * load_elements_part(p->h_before[b] + p->unit, p->units));
    }
}

static void activate_reset(const struct forward_panel *p) {
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        const float *gates = p->gates + b * PANEL;
        vf h_before = load_elements_part(p->h_before[b] + p->unit, p->units);
        vf n = tanh_vf(load(gates)), z = load(gates + 2 * LANES);
        if (p->kept) keep(p, b * PANEL, n);
        store_elements_part(p->out[b] + p->unit, (1.0f - z) * h_before + z * n, p->units);
    }
}

static void differentiate_candidate(const struct backward_panel *p) {
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        const float *gates = p->gates + b * PANEL;
        element *dgates = p->dgates + b * PANEL;
        vf h_before = load_elements_part(p->h_before[b] + p->unit, p->units), dh = load(p->dh + b * PANEL);
        vf n = load(gates), z = load(gates + 2 * LANES);
        store_elements(dgates, dh * z * (1.0f - n * n));
        store_elements(dgates + 2 * LANES, dh * (n - h_before) * z * (1.0f - z));
        store(p->carry + b * p->padded + p->unit, dh * (1.0f - z));
    }
}

static void differentiate_reset(const struct backward_panel *p) {
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        float *carry = p->carry + b * p->padded + p->unit;
        vf h_before = load_elements_part(p->h_before[b] + p->unit, p->units), d_reset = load(p->dreset + b * PANEL);
        vf r = load(p->gates + b * PANEL + LANES);
        store_elements(p->dgates + b * PANEL + LANES, d_reset * h_before * r * (1.0f - r));
        store(carry, load(carry) + d_reset * r);
    }
}

#define SLOTS_OF_GRU \
    .gates = 3, .shown_slots = 3, .x_slots = 3, .x_gate = {2, 0, 1}, .h_first = 1, .h_gate = {0, 0, 1, 2}, .carries_hidden = 1

const struct cell cell_gru = {SLOTS_OF_GRU, .h_slots = 3, .activate = activate, .differentiate = differentiate};
const struct cell cell_gru_reset_before = {SLOTS_OF_GRU,
                                           .h_slots = 2,
                                           .activate = reset,
                                           .activate_reset = activate_reset,
                                           .differentiate = differentiate_candidate,
                                           .differentiate_reset = differentiate_reset};
