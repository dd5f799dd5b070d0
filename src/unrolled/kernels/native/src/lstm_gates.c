/* The gates of one step of an LSTM whose products others compute (a graph convolution), forward and backward.
 *
 *   i = σ(a_i + p_i ⊙ c'),  f = σ(a_f + p_f ⊙ c'),  g = tanh(a_g),  c = f ⊙ c' + i ⊙ g,  o = σ(a_o + p_o ⊙ c),  h = o ⊙ tanh(c)
 *
 * Rows are dense: gates [rows, 4·hidden] in the order i, f, g, o, everything else [rows, hidden].
 */
#include "export.h"
#include "lanes.h"
#include "pool.h"

#define ROW_WORK 8192 /* gates in a task; less is not worth one */

struct lstm_gates {
    int64_t threads, rows, hidden;
    float *gates;           /* forward: from the arguments to the gates, in place */
    const float *c_before;
    float *c;               /* forward: written */
    const float *peephole;  /* [3·hidden] in the order i, f, o; or NULL */
    float *h;               /* forward: written */
    const float *dh;        /* backward: of h */
    float *dc;              /* backward: of c, then of c_before, in place */
    float *dgates;          /* backward: of the arguments, written */
};

struct vectors {
    vf p_i, p_f, p_o;
};

INLINE struct vectors peepholes(const struct lstm_gates *l, ptrdiff_t unit, ptrdiff_t count) {
    if (!l->peephole) return (struct vectors){{0}, {0}, {0}};
    const float *p = l->peephole + unit;
    return (struct vectors){load_first(p, count), load_first(p + l->hidden, count), load_first(p + 2 * l->hidden, count)};
}

INLINE void forward_part(const struct lstm_gates *l, int64_t row, ptrdiff_t unit, ptrdiff_t count) {
    ptrdiff_t H = l->hidden, at = row * H + unit;
    float *a = l->gates + row * 4 * H + unit;
    struct vectors p = peepholes(l, unit, count);
    vf c_before = load_first(l->c_before + at, count);
    vf i = sigmoid_vf(load_first(a, count) + p.p_i * c_before);
    vf f = sigmoid_vf(load_first(a + H, count) + p.p_f * c_before);
    vf g = tanh_vf(load_first(a + 2 * H, count));
    vf c = f * c_before + i * g;
    vf o = sigmoid_vf(load_first(a + 3 * H, count) + p.p_o * c);
    store_first(a, i, count);
    store_first(a + H, f, count);
    store_first(a + 2 * H, g, count);
    store_first(a + 3 * H, o, count);
    store_first(l->c + at, c, count);
    store_first(l->h + at, o * tanh_vf(c), count);
}

INLINE void backward_part(const struct lstm_gates *l, int64_t row, ptrdiff_t unit, ptrdiff_t count) {
    ptrdiff_t H = l->hidden, at = row * H + unit;
    const float *gates = l->gates + row * 4 * H + unit;
    float *d = l->dgates + row * 4 * H + unit;
    struct vectors p = peepholes(l, unit, count);
    vf i = load_first(gates, count), f = load_first(gates + H, count), g = load_first(gates + 2 * H, count);
    vf o = load_first(gates + 3 * H, count), c_before = load_first(l->c_before + at, count);
    vf dh = load_first(l->dh + at, count), tanh_c = tanh_vf(load_first(l->c + at, count));
    vf d_o = dh * tanh_c * o * (1.0f - o);
    vf dc = load_first(l->dc + at, count) + dh * o * (1.0f - tanh_c * tanh_c) + p.p_o * d_o;
    vf d_i = dc * g * i * (1.0f - i), d_f = dc * c_before * f * (1.0f - f);
    store_first(d, d_i, count);
    store_first(d + H, d_f, count);
    store_first(d + 2 * H, dc * i * (1.0f - g * g), count);
    store_first(d + 3 * H, d_o, count);
    store_first(l->dc + at, dc * f + p.p_i * d_i + p.p_f * d_f, count);
}

struct lstm_job {
    const struct lstm_gates *step;
    int64_t rows; /* of a task */
    int backward;
};

INLINE void rows_of_task(const struct lstm_gates *l, const int backward, int64_t row, int64_t end) {
    for (; row < end; ++row) {
        for (ptrdiff_t unit = 0; unit < l->hidden; unit += LANES) {
            ptrdiff_t left = l->hidden - unit, count = left < LANES ? left : LANES;
            if (backward) backward_part(l, row, unit, count);
            else forward_part(l, row, unit, count);
        }
    }
}

static void lstm_task(void *context, ptrdiff_t task) {
    const struct lstm_job *job = context;
    int64_t row = task * job->rows, end = row + job->rows;
    if (end > job->step->rows) end = job->step->rows;
    if (job->backward) rows_of_task(job->step, 1, row, end);
    else rows_of_task(job->step, 0, row, end);
}

static int64_t run(const struct lstm_gates *step, int backward) {
    int64_t rows = 1 + ROW_WORK / (4 * step->hidden);
    struct lstm_job job = {step, rows, backward};
    if (step->rows > 0) pool_each(step->threads, (step->rows + rows - 1) / rows, lstm_task, &job);
    return 0;
}

EXPORT int64_t unrolled_lstm_gates(const struct lstm_gates *step) { return run(step, 0); }
EXPORT int64_t unrolled_lstm_gates_backward(const struct lstm_gates *step) { return run(step, 1); }
