/* Every cell, forward and backward, on numbers that are the same everywhere; prints all that comes out. */
#include <stdio.h>
#include <stdlib.h>

#include "layer.h"

int64_t unrolled_saved_floats(const struct layer *layer);
int64_t unrolled_forward(const struct layer *layer);
int64_t unrolled_backward(const struct layer *layer);
void *unrolled_block_take(int64_t bytes);
void unrolled_block_give(void *block);

enum { T = 5, B = 7, I = 3, H = 21 };

static uint32_t state = 1;

static float *drawn(int count) {
    float *numbers = malloc(sizeof(float) * count);
    for (int i = 0; i < count; ++i) {
        state = state * 1664525u + 1013904223u;
        numbers[i] = (float)(state >> 8) / (1 << 24) - 0.5f;
    }
    return numbers;
}

static void print(const char *name, const float *numbers, int count) {
    if (!numbers) return;
    printf("%s", name);
    for (int i = 0; i < count; ++i) printf(" %.9g", numbers[i]);
    printf("\n");
}

int main(void) {
    const int64_t lengths[B] = {5, 0, 3, 1, 5, 4, 2};
    for (int kind = 0; kind < CELL_KINDS; ++kind) {
        int gates = kind <= RNN_RELU ? 1 : kind <= GRU_RESET_BEFORE ? 3 : 4;
        int recurrent = kind == FULL_PEEPHOLE_LSTM ? 3 : gates, memory = kind >= LSTM;
        for (int ragged = 0; ragged < 2; ++ragged) {
            struct layer layer = {
                .kind = kind, .threads = 2, .steps = T, .batch = B, .input = I, .hidden = H, .reverse = ragged,
                .x_time = B * I, .x_row = I, .out_time = B * H, .out_row = H, .grad_out_time = B * H, .grad_out_row = H,
                .lengths = ragged ? lengths : NULL, .x = drawn(T * B * I),
                .h0 = drawn(B * H), .c0 = memory ? drawn(B * H) : NULL,
                .w_ih = drawn(gates * H * I), .w_hh = drawn(recurrent * H * H),
                .b_ih = drawn(gates * H), .b_hh = drawn(recurrent * H),
                .peephole = kind == PEEPHOLE_LSTM ? drawn(3 * H) : NULL,
                .out = drawn(T * B * H), .h_n = drawn(B * H), .c_n = memory ? drawn(B * H) : NULL,
                .grad_out = drawn(T * B * H), .grad_h_n = drawn(B * H), .grad_c_n = memory ? drawn(B * H) : NULL,
                .grad_x = drawn(T * B * I), .grad_h0 = drawn(B * H), .grad_c0 = memory ? drawn(B * H) : NULL,
                .grad_w_ih = drawn(gates * H * I), .grad_w_hh = drawn(recurrent * H * H),
                .grad_b_ih = drawn(gates * H), .grad_b_hh = drawn(recurrent * H),
                .grad_peephole = kind == PEEPHOLE_LSTM ? drawn(3 * H) : NULL,
            };
            layer.saved = unrolled_block_take(4 * unrolled_saved_floats(&layer));
            if (unrolled_forward(&layer) || unrolled_backward(&layer)) return 1;
            unrolled_block_give(layer.saved);
            print("out", layer.out, T * B * H);
            print("h_n", layer.h_n, B * H);
            print("c_n", layer.c_n, B * H);
            print("grad_x", layer.grad_x, T * B * I);
            print("grad_h0", layer.grad_h0, B * H);
            print("grad_c0", layer.grad_c0, B * H);
            print("grad_w_ih", layer.grad_w_ih, gates * H * I);
            print("grad_w_hh", layer.grad_w_hh, recurrent * H * H);
            print("grad_b_ih", layer.grad_b_ih, gates * H);
            print("grad_b_hh", layer.grad_b_hh, recurrent * H);
            print("grad_peephole", layer.grad_peephole, 3 * H);
        }
    }
    return 0;
}
