/* The simple recurrent layer: h = φ(W x + R h' + b), φ = tanh or max(0, ·). Its slots are neighbouring units. */
#include "activations.h"
#include "cell.h"

INLINE vf relu(vf x) {
    typedef int32_t vi __attribute__((vector_size(LANES * 4)));
    return (vf)((vi)x & ~(vi)(x < 0.0f)); /* NaN < 0 is false: NaN stays NaN */
}

INLINE void activate(const struct forward_panel *p, const int is_tanh) {
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        for (ptrdiff_t u = 0; u < p->units; u += LANES) {
            vf x = load(p->gates + b * PANEL + u);
            store_elements_part(p->out[b] + p->unit + u, is_tanh ? tanh_vf(x) : relu(x), p->units - u);
        }
    }
}

INLINE void differentiate(const struct backward_panel *p, const int is_tanh) {
    for (ptrdiff_t b = 0; b < p->rows; ++b) {
        for (ptrdiff_t u = 0; u < PANEL; u += LANES) {
            vf d = {0};
            if (u < p->units) {
                typedef int32_t vi __attribute__((vector_size(LANES * 4)));
                vf h = load_elements_part(p->out[b] + p->unit + u, p->units - u), dh = load(p->dh + b * PANEL + u);
                d = is_tanh ? dh * (1.0f - h * h) : (vf)((vi)dh & ~(vi)(h <= 0.0f));
            }
            store_elements(p->dgates + b * PANEL + u, d);
        }
    }
}

static void activate_tanh(const struct forward_panel *p) { activate(p, 1); }
static void activate_relu(const struct forward_panel *p) { activate(p, 0); }
static void differentiate_tanh(const struct backward_panel *p) { differentiate(p, 1); }
static void differentiate_relu(const struct backward_panel *p) { differentiate(p, 0); }

#define SLOTS_OF_RNN .wide = 1, .gates = 1, .x_slots = SLOTS, .h_slots = SLOTS

const struct cell cell_rnn_tanh = {SLOTS_OF_RNN, .activate = activate_tanh, .differentiate = differentiate_tanh};
const struct cell cell_rnn_relu = {SLOTS_OF_RNN, .activate = activate_relu, .differentiate = differentiate_relu};
