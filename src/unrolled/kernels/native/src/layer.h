/* One call: one layer, one direction. The Python side fills this record (library.py mirrors it, field by field).
 *
 * Every field is eight bytes: sizes and strides (in elements) as int64, tensors as addresses, absent ones as NULL.
 * Axes: T steps, B batch, I input, H hidden, N gate rows of the cell (1, 3 or 4). Weights and states are contiguous.
 */
#ifndef UNROLLED_LAYER_H
#define UNROLLED_LAYER_H

#include <stdint.h>

#include "element.h"

enum cell_kind { RNN_TANH, RNN_RELU, GRU, GRU_RESET_BEFORE, LSTM, PEEPHOLE_LSTM, FULL_PEEPHOLE_LSTM, CELL_KINDS };

struct layer {
    int64_t kind, threads, steps, batch, input, hidden, reverse;
    int64_t x_time, x_row;             /* strides of x, or of tokens */
    int64_t out_time, out_row;         /* strides of out */
    int64_t grad_out_time, grad_out_row;
    const int64_t *lengths;            /* [B] */
    const element *x;                  /* [T, B, I], or */
    const int64_t *tokens;             /* [T, B], each in 0..I-1: rows of the identity matrix in place of x */
    const element *h0;                 /* [B, H] */
    const float *c0;                   /* [B, H] */
    const float *w_ih, *w_hh;          /* [N·H, I], [N·H, H] ([3·H, H] for the full peepholes) */
    const float *b_ih, *b_hh;          /* [N·H], the same as w_hh's rows */
    const float *peephole;             /* [3·H]: i, f, o */
    element *out, *h_n;                /* [T, B, H], [B, H] */
    float *c_n;                        /* [B, H] */
    float *saved;                      /* unrolled_saved_floats() of them, 64-byte aligned; NULL: no backward to come */
    float *observed;                   /* [·, T, B, H]: the cell's gates by slot, then its c (OBSERVED in library.py); NULL: nobody looks */

    const element *grad_out;
    const float *grad_h_n, *grad_c_n;
    element *grad_x;                     /* [T, B, I] contiguous; each of these may be NULL: not wanted */
    float *grad_h0, *grad_c0;
    float *grad_w_ih, *grad_w_hh, *grad_b_ih, *grad_b_hh, *grad_peephole;
    /* For who looks at the steps of backward, zero past a row's end; both or neither. */
    float *shown_gates;   /* [T, B, unrolled_shown_gates(), H]: ∂L/∂pre-activations by block of w_ih, then the GRU's m */
    float *shown_states;  /* [1 or 2, T, B, H]: ∂L/∂h_t and, of a cell with a memory, ∂L/∂c_t, each along every later path */
};

#endif
