/* The gradients of weights and biases: ∂L/∂W = Σ over all rows of ∂L/∂gates ⊗ what the weight multiplied.
 *
 * A task sums some columns of one panel of gates over all storage rows, in chunks that stay in the nearest cache, in
 * one order: the result depends neither on the number of threads at work nor on who took the task.
 */
#include "weights.h"

ptrdiff_t weight_sum_floats(const struct shape *shape, const struct cell *cell) {
    return (room(shape->input) * cell->x_slots + room(shape->hidden) * (cell->h_slots + (cell->activate_reset ? 1 : 0))) * LANES;
}

int operands_of(const struct backward *b, ptrdiff_t panel, struct operand list[3]) {
    const struct layer *layer = b->layer;
    const struct cell *cell = b->cell;
    float *sums = b->weight_sums + panel * weight_sum_floats(&b->shape, cell);
    int no_state = cell->recurs_on_memory ? !layer->c0 : !layer->h0;
    list[0] = (struct operand){cell->x_first, cell->x_slots, cell->x_gate, layer->input, layer->tokens != NULL, b->x_rows, NULL, 0,
                               sums, layer->grad_w_ih, layer->grad_b_ih};
    sums += room(layer->input) * cell->x_slots * LANES;
    list[1] = (struct operand){cell->h_first, cell->h_slots, cell->h_gate, layer->hidden, 0, b->state_rows, NULL, no_state,
                               sums, layer->grad_w_hh, layer->grad_b_hh};
    sums += room(layer->hidden) * cell->h_slots * LANES;
    list[2] = (struct operand){0, 1, cell->x_gate, layer->hidden, 0, NULL, b->factors, no_state,
                               sums, layer->grad_w_hh, layer->grad_b_hh};
    return cell->activate_reset ? 3 : 2;
}

ptrdiff_t parts_of(const struct backward *b) { return b->layer->threads > 1 ? ceil_div(4 * b->layer->threads, b->shape.panels) : 1; }

ptrdiff_t weight_tasks(const struct backward *b) { return b->shape.panels * parts_of(b); }

static void put_weights(const struct backward *b, const struct operand *o, ptrdiff_t panel, ptrdiff_t from, ptrdiff_t to) {
    for (int slot = 0; slot < o->slots; ++slot) {
        for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
            ptrdiff_t row = weight_row(&b->shape, b->cell, o->gate[o->first + slot], panel, o->first + slot, lane);
            if (row >= 0) put_sums(o->weights + row * o->columns, o, slot * LANES + lane, from, to);
        }
    }
}

static void put_biases(const struct backward *b, const struct operand *o, ptrdiff_t panel, const float *sum) {
    for (int slot = o->first; o->bias && slot < o->first + o->slots; ++slot) {
        for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
            ptrdiff_t row = weight_row(&b->shape, b->cell, o->gate[slot], panel, slot, lane);
            if (row >= 0) o->bias[row] = sum[slot * LANES + lane];
        }
    }
}

void weight_task(void *context, ptrdiff_t task) {
    const struct backward *b = context;
    ptrdiff_t panel = task / parts_of(b), part = task % parts_of(b);
    struct operand list[3];
    int count = operands_of(b, panel, list);
    ptrdiff_t from[3], to[3];
    for (int i = 0; i < count; ++i) {
        ptrdiff_t tiles = ceil_div(list[i].columns, COLUMNS);
        from[i] = least(list[i].columns, tiles * part / parts_of(b) * COLUMNS);
        to[i] = least(list[i].columns, tiles * (part + 1) / parts_of(b) * COLUMNS);
        if (list[i].tokens) { /* a table has no columns to share out */
            from[i] = 0;
            to[i] = part == 0 ? list[i].columns : 0;
        }
        if (!list[i].weights) to[i] = from[i];
        clear_sums(&list[i], from[i], to[i]);
    }
    int biases = part == parts_of(b) - 1 && (b->layer->grad_b_ih || b->layer->grad_b_hh);
    vf bias[SLOTS] = {{0}};
    add_products(b, list, count, task, from, to, biases ? bias : NULL);
    for (int i = 0; i < count; ++i) {
        if (to[i] > from[i]) put_weights(b, &list[i], panel, from[i], to[i]);
    }
    for (int i = 0; biases && i < count; ++i) put_biases(b, &list[i], panel, (const float *)bias);
}
