/* Attention, backward: nothing of forward's is kept but y, each row's greatest score and its sum.
 *
 * With δ_i = ⟨g_i, y_i⟩ (head by head), which is Σ_e a[e]·∂L/∂a[e]:
 *
 *   senders,    row j of the transpose:  ∂L/∂a = m·⟨g_i, h_j⟩,  ∂L/∂s = a·(∂L/∂a - δ_i),  ∂L/∂h_j += m·a·g_i
 *   receivers,  row i:                   what ∂L/∂s brings to the receiver, to att and to the edges
 *
 * Each row of h, r and g is read once for each entry and every sum belongs to one row, so no two threads write to one
 * place and the result does not depend on how many there are. ∂L/∂s (additive: through LeakyReLU) is all that is held of
 * the size of all entries, [B, E, K].
 */
#include "attention_rows.h"
#include "attention_scratch.h"
#include "export.h"
#include "pool.h"

/* For each node: g laid out, and the record that senders will ask for. */
INLINE void nodes_chunk(const int steps, struct attention_job *job, int64_t b, ptrdiff_t chunk) {
    const struct attention *a = job->call;
    const struct layout *l = &job->layout;
    int64_t end = chunk_start(a->pointer, a->nodes, chunk + 1, job->chunks);
    float *y = job->row + (b * job->chunks + chunk) * l->width, products[BLOCK_PLACES + SLACK];
    for (int64_t i = chunk_start(a->pointer, a->nodes, chunk, job->chunks); i < end; ++i) {
        int64_t node = b * a->nodes + i;
        float *g = job->g + node * l->width, *record = job->nodes + node * 4 * l->record;
        const float *made = (const float *)a->y + node * l->width;
        if (!l->direct) {
            row_in(l, (int)a->half, g, a->grad_y, node * l->heads * l->channels);
            row_in(l, (int)a->half, y, a->y, node * l->heads * l->channels);
            made = y;
        }
        head_products(steps, l, g, made, products);
        if (!a->dynamic) copy_record(l->record, record, job->received + node * l->record);
        copy_record(l->record, record + l->record, a->stats + node * 2 * l->record);
        copy_record(l->record, record + 2 * l->record, a->stats + (node * 2 + 1) * l->record);
        copy_record(l->record, record + 3 * l->record, products);
    }
}

struct sender_row {
    float received[BLOCK_PLACES + SLACK], greatest[BLOCK_PLACES + SLACK], inverse[BLOCK_PLACES + SLACK], delta[BLOCK_PLACES + SLACK];
    float edge[BLOCK_PLACES + SLACK], score[BLOCK_PLACES + SLACK];
    float d_weight[BLOCK_PLACES + SLACK], weight[BLOCK_PLACES + SLACK], d_score[BLOCK_PLACES + SLACK];
    float d_sent[BLOCK_PLACES + SLACK];
    uint32_t keys[BLOCK_PLACES + SLACK];
};

/* Entries t..t+count-1 of row j of the transpose: all that their receivers know, and the products with h_j. */
INLINE void gather_block(const int steps, const int dynamic, const struct attention_job *job, int64_t b, int64_t j, int64_t t,
                         ptrdiff_t count, struct sender_row *row) {
    const struct attention *a = job->call;
    const struct layout *l = &job->layout;
    ptrdiff_t record = l->record;
    const int32_t *index = a->turned_index + t, *order = a->turned_order + t;
    const float *nodes = job->nodes + b * a->nodes * 4 * record, *g = job->g + b * a->nodes * l->width;
    const float *h = job->h + (b * a->nodes + j) * l->width, *r = dynamic ? job->r + b * a->nodes * l->width : NULL;
    for (ptrdiff_t u = 0; u < count; ++u) {
        ask_for_row(l, g + (ptrdiff_t)index[u] * l->width);
        if (dynamic) ask_for_row(l, r + (ptrdiff_t)index[u] * l->width);
    }
    for (ptrdiff_t u = 0; u < count; ++u) {
        const float *from = nodes + (ptrdiff_t)index[u] * 4 * record;
        if (!dynamic) copy_record(record, row->received + u * record, from);
        copy_record(record, row->greatest + u * record, from + record);
        copy_record(record, row->inverse + u * record, from + 2 * record);
        copy_record(record, row->delta + u * record, from + 3 * record);
        if (!dynamic && job->edge) copy_record(record, row->edge + u * record, job->edge + (ptrdiff_t)order[u] * record);
        if (a->drop_below) {
            uint32_t key = entry_key(a, order[u]);
            for (ptrdiff_t k = 0; k < record; ++k) row->keys[u * record + k] = key;
        }
    }
    for (ptrdiff_t u = 0; u < count; ++u) head_products(steps, l, g + (ptrdiff_t)index[u] * l->width, h, row->d_weight + u * record);
    if (!dynamic) return;
    for (ptrdiff_t u = 0; u < count; ++u) {
        head_scores(steps, l, h, r + (ptrdiff_t)index[u] * l->width, job->edge ? job->edge + (ptrdiff_t)order[u] * l->width : NULL,
                    job->att, (float)a->slope, row->score + u * record);
    }
}

/* From there the weight m·a and ∂L/∂s of each entry; the additive's also through LeakyReLU and summed for the sender. */
INLINE void derive_block(const int dynamic, const struct attention_job *job, int64_t b, const float *sent, ptrdiff_t count,
                         struct sender_row *row) {
    const struct attention *a = job->call;
    const struct layout *l = &job->layout;
    float slope = (float)a->slope;
    ptrdiff_t places = count * l->record, vectors = (places + LANES - 1) / LANES;
    for (ptrdiff_t q = 0; q < l->period; ++q) {
        vf mine = dynamic ? (vf){0} : record_vector(l, sent, q), sum = {0};
        for (ptrdiff_t v = q; v < vectors; v += l->period) {
            ptrdiff_t at = v * LANES;
            vf z = {0}, s, slopes = {0};
            if (dynamic) {
                s = load(row->score + at);
            } else {
                z = mine + load(row->received + at);
                if (job->edge) z += load(row->edge + at);
                s = leaky(z, slope);
                slopes = leaky_slope(z, slope);
            }
            vf weight = exponential(s - load(row->greatest + at)) * load(row->inverse + at), used = weight, d_weight = load(row->d_weight + at);
            if (a->drop_below) {
                vf kept = kept_vector(a, l, row->keys + at, b, q);
                used *= kept;
                d_weight *= kept;
            }
            vf d_score = weight * (d_weight - load(row->delta + at));
            if (!dynamic) d_score *= slopes;
            store(row->weight + at, used);
            store(row->d_score + at, d_score);
            if (at + LANES > places) { /* what stands after the last entry is none of ours */
                for (ptrdiff_t p = places; p < at + LANES; ++p) row->d_score[p] = 0.0f;
                d_score = load(row->d_score + at);
            }
            sum += d_score;
        }
        if (!dynamic) store(row->d_sent + q * LANES, load(row->d_sent + q * LANES) + period_sum(sum, l->record));
    }
}

/* ∂L/∂h_j through its own score (dynamic): Σ_e ∂L/∂s · att ⊙ LeakyReLU'(h_j + r_i + edge). */
INLINE void add_score_gradients_group(const int steps, const int vectors, const struct attention_job *job, ptrdiff_t v0, ptrdiff_t count,
                                      const int32_t *index, const float *mine, const float *others, const int32_t *order,
                                      const float *d_score, float *out) {
    const struct layout *l = &job->layout;
    float slope = (float)job->call->slope;
    vf sum[SLOTS], here[SLOTS];
    ptrdiff_t at[SLOTS];
    UNROLL for (int v = 0; v < vectors; ++v) {
        sum[v] = (vf){0};
        here[v] = load(mine + (v0 + v) * LANES);
        at[v] = weights_at(steps, l, v0 + v);
    }
    for (ptrdiff_t u = 0; u < count; ++u, d_score += l->record) {
        const float *other = others + (ptrdiff_t)index[u] * l->width + v0 * LANES;
        const float *edge = job->edge ? job->edge + (ptrdiff_t)order[u] * l->width + v0 * LANES : NULL;
        UNROLL for (int v = 0; v < vectors; ++v) {
            vf z = here[v] + load(other + v * LANES);
            if (edge) z += load(edge + v * LANES);
            sum[v] += spread(steps, d_score + at[v]) * leaky_slope(z, slope);
        }
    }
    UNROLL for (int v = 0; v < vectors; ++v) {
        float *to = out + (v0 + v) * LANES;
        store(to, load(to) + sum[v] * load(job->att + (v0 + v) * LANES));
    }
}

INLINE void add_score_gradients(const int steps, const struct attention_job *job, ptrdiff_t count, const int32_t *index, const float *mine,
                                const float *others, const int32_t *order, const float *d_score, float *out) {
    for (ptrdiff_t v = 0; v < job->layout.vectors; v += SLOTS) {
        switch (job->layout.vectors - v) {
            case 1: add_score_gradients_group(steps, 1, job, v, count, index, mine, others, order, d_score, out); break;
            case 2: add_score_gradients_group(steps, 2, job, v, count, index, mine, others, order, d_score, out); break;
            case 3: add_score_gradients_group(steps, 3, job, v, count, index, mine, others, order, d_score, out); break;
            default: add_score_gradients_group(steps, 4, job, v, count, index, mine, others, order, d_score, out); break;
        }
    }
}

INLINE void senders_chunk(const int steps, const int dynamic, struct attention_job *job, int64_t b, ptrdiff_t chunk) {
    const struct attention *a = job->call;
    const struct layout *l = &job->layout;
    const int32_t *pointer = a->turned_pointer;
    int64_t end = chunk_start(pointer, a->nodes, chunk + 1, job->turned_chunks), entries = pointer[a->nodes];
    float *d_scores = job->d_score + b * entries * l->record;
    struct sender_row row;
    memset(&row, 0, sizeof row);
    for (int64_t j = chunk_start(pointer, a->nodes, chunk, job->turned_chunks); j < end; ++j) {
        int64_t node = b * a->nodes + j;
        float *d_h = job->d_h + node * l->width;
        memset(d_h, 0, (size_t)l->width * sizeof(float));
        memset(row.d_sent, 0, (size_t)(l->period * LANES) * sizeof(float));
        for (int64_t t = pointer[j]; t < pointer[j + 1]; t += l->block) {
            ptrdiff_t count = pointer[j + 1] - t < l->block ? pointer[j + 1] - t : l->block;
            const int32_t *index = a->turned_index + t, *order = a->turned_order + t;
            gather_block(steps, dynamic, job, b, j, t, count, &row);
            derive_block(dynamic, job, b, dynamic ? NULL : job->sent + node * l->record, count, &row);
            for (ptrdiff_t u = 0; u < count; ++u) {
                copy_record(l->record, d_scores + (ptrdiff_t)order[u] * l->record, row.d_score + u * l->record);
            }
            add_rows(steps, l, count, index, job->g + b * a->nodes * l->width, row.weight, d_h);
            if (dynamic) {
                add_score_gradients(steps, job, count, index, job->h + node * l->width, job->r + b * a->nodes * l->width, order, row.d_score,
                                    d_h);
            }
        }
        if (!dynamic) {
            for (ptrdiff_t q = 0; q < l->period; ++q) store_record(l, job->d_sent + node * l->record, q, load(row.d_sent + q * LANES));
        }
    }
}

/* Additive: ∂L/∂⟨h_i, att_dst⟩ summed along the row; then both scores' way into h and att. */
INLINE void additive_receiver(const int steps, struct attention_job *job, int64_t node, const float *d_scores, int64_t entries, float *d_att) {
    const struct layout *l = &job->layout;
    float received[BLOCK_PLACES + SLACK], sent[BLOCK_PLACES + SLACK];
    for (ptrdiff_t q = 0; q < l->period; ++q) {
        ptrdiff_t places = entries * l->record;
        vf sum = {0};
        for (ptrdiff_t at = q * LANES; at < places; at += l->period * LANES) {
            sum += places - at >= LANES ? load(d_scores + at) : load_first(d_scores + at, places - at);
        }
        store(received + q * LANES, period_sum(sum, l->record));
        store(sent + q * LANES, record_vector(l, job->d_sent + node * l->record, q));
    }
    const float *h = job->h + node * l->width;
    float *d_h = job->d_h + node * l->width;
    for (ptrdiff_t v = 0; v < l->vectors; ++v) {
        ptrdiff_t at = weights_at(steps, l, v);
        vf from_sent = spread(steps, sent + at), from_received = spread(steps, received + at), here = load(h + v * LANES);
        vf through = from_sent * load(job->att + v * LANES) + from_received * load(job->att + l->width + v * LANES);
        store(d_h + v * LANES, load(d_h + v * LANES) + through);
        store(d_att + v * LANES, load(d_att + v * LANES) + from_sent * here);
        store(d_att + l->width + v * LANES, load(d_att + l->width + v * LANES) + from_received * here);
    }
}

/* Dynamic: ∂L/∂r_i, ∂L/∂att and, where they are wanted, ∂L/∂edge, whose rows go to `edge_rows`. */
INLINE void dynamic_receiver_group(const int steps, const int vectors, struct attention_job *job, ptrdiff_t v0, int64_t b, int64_t i,
                                   const float *d_scores, float *d_att, float *edge_rows) {
    const struct attention *a = job->call;
    const struct layout *l = &job->layout;
    const float *h = job->h + b * a->nodes * l->width + v0 * LANES, *r = job->r + (b * a->nodes + i) * l->width + v0 * LANES;
    float *d_r = job->d_r + (b * a->nodes + i) * l->width + v0 * LANES, slope = (float)a->slope;
    float weights[BLOCK_PLACES + SLACK];
    vf through[SLOTS], scored[SLOTS], here[SLOTS], att[SLOTS];
    ptrdiff_t at[SLOTS];
    UNROLL for (int v = 0; v < vectors; ++v) {
        through[v] = scored[v] = (vf){0};
        here[v] = load(r + v * LANES);
        att[v] = load(job->att + (v0 + v) * LANES);
        at[v] = weights_at(steps, l, v0 + v);
    }
    for (int64_t e = a->pointer[i]; e < a->pointer[i + 1]; ++e, d_scores += l->record) {
        const float *from = h + (ptrdiff_t)a->index[e] * l->width;
        copy_record(l->record, weights, d_scores);
        UNROLL for (int v = 0; v < vectors; ++v) {
            vf z = load(from + v * LANES) + here[v];
            if (job->edge) z += load(job->edge + e * l->width + (v0 + v) * LANES);
            vf d_score = spread(steps, weights + at[v]), d_z = d_score * leaky_slope(z, slope);
            through[v] += d_z;
            scored[v] += d_score * leaky(z, slope);
            if (edge_rows) store(edge_rows + (e - a->pointer[i]) * l->width + (v0 + v) * LANES, d_z * att[v]);
        }
    }
    UNROLL for (int v = 0; v < vectors; ++v) {
        store(d_r + v * LANES, through[v] * att[v]);
        store(d_att + (v0 + v) * LANES, load(d_att + (v0 + v) * LANES) + scored[v]);
    }
}

INLINE void dynamic_receiver(const int steps, struct attention_job *job, int64_t b, int64_t i, const float *d_scores, float *d_att) {
    const struct attention *a = job->call;
    const struct layout *l = &job->layout;
    int64_t first = a->pointer[i], end = a->pointer[i + 1];
    float *edge_rows = a->grad_edge ? job->d_edge + first * l->width : NULL;
    for (int64_t e = first; e < end; ++e) ask_for_row(l, job->h + (b * a->nodes + a->index[e]) * l->width);
    for (ptrdiff_t v = 0; v < l->vectors; v += SLOTS) {
        switch (l->vectors - v) {
            case 1: dynamic_receiver_group(steps, 1, job, v, b, i, d_scores, d_att, edge_rows); break;
            case 2: dynamic_receiver_group(steps, 2, job, v, b, i, d_scores, d_att, edge_rows); break;
            case 3: dynamic_receiver_group(steps, 3, job, v, b, i, d_scores, d_att, edge_rows); break;
            default: dynamic_receiver_group(steps, 4, job, v, b, i, d_scores, d_att, edge_rows); break;
        }
    }
    if (!edge_rows) return;
    for (int64_t e = first; e < end; ++e, edge_rows += l->width) {
        for (ptrdiff_t k = 0; k < l->heads; ++k) {
            float *to = a->grad_edge + (e * l->heads + k) * l->channels;
            for (ptrdiff_t c = 0; c < l->channels; ++c) to[c] = (b > 0 ? to[c] : 0.0f) + edge_rows[k * l->padded + c];
        }
    }
}

INLINE void receivers_chunk(const int steps, const int dynamic, struct attention_job *job, ptrdiff_t chunk) {
    const struct attention *a = job->call;
    const struct layout *l = &job->layout;
    int64_t first = chunk_start(a->pointer, a->nodes, chunk, job->chunks), end = chunk_start(a->pointer, a->nodes, chunk + 1, job->chunks);
    int64_t entries = a->pointer[a->nodes];
    float *d_att = job->d_att + chunk * 2 * l->width;
    memset(d_att, 0, (size_t)(2 * l->width) * sizeof(float));
    for (int64_t b = 0; b < a->batch; ++b) {
        const float *d_scores = job->d_score + b * entries * l->record;
        for (int64_t i = first; i < end; ++i) {
            int64_t node = b * a->nodes + i, e = a->pointer[i], count = a->pointer[i + 1] - e;
            if (dynamic) {
                dynamic_receiver(steps, job, b, i, d_scores + e * l->record, d_att);
                if (!l->direct) row_out(l, (int)a->half, a->grad_r, node * l->heads * l->channels, job->d_r + node * l->width);
            } else {
                additive_receiver(steps, job, node, d_scores + e * l->record, count, d_att);
            }
            if (!l->direct) row_out(l, (int)a->half, a->grad_h, node * l->heads * l->channels, job->d_h + node * l->width);
        }
        if (dynamic || !a->grad_edge) continue;
        for (int64_t e = a->pointer[first]; e < a->pointer[end]; ++e) {
            float *to = a->grad_edge + e * l->heads;
            for (ptrdiff_t k = 0; k < l->heads; ++k) to[k] = (b > 0 ? to[k] : 0.0f) + d_scores[e * l->record + k];
        }
    }
}

/* The three passes as tasks, each with the layout's number of steps as a constant. */
#if LOG_LANES > 3
#define EACH_STEPS(CASE) CASE(0) CASE(1) CASE(2) CASE(3) CASE(4)
#elif LOG_LANES > 2
#define EACH_STEPS(CASE) CASE(0) CASE(1) CASE(2) CASE(3)
#else
#define EACH_STEPS(CASE) CASE(0) CASE(1) CASE(2)
#endif

static void nodes_task(void *context, ptrdiff_t task) {
    struct attention_job *job = context;
#define CASE(n) case n: nodes_chunk(n, job, task / job->chunks, task % job->chunks); break;
    switch (job->layout.steps) { EACH_STEPS(CASE) }
#undef CASE
}

static void senders_task(void *context, ptrdiff_t task) {
    struct attention_job *job = context;
    int64_t b = task / job->turned_chunks;
    ptrdiff_t chunk = task % job->turned_chunks;
#define CASE(n) case n: job->call->dynamic ? senders_chunk(n, 1, job, b, chunk) : senders_chunk(n, 0, job, b, chunk); break;
    switch (job->layout.steps) { EACH_STEPS(CASE) }
#undef CASE
}

static void receivers_task(void *context, ptrdiff_t chunk) {
    struct attention_job *job = context;
#define CASE(n) case n: job->call->dynamic ? receivers_chunk(n, 1, job, chunk) : receivers_chunk(n, 0, job, chunk); break;
    switch (job->layout.steps) { EACH_STEPS(CASE) }
#undef CASE
}

/* ∂L/∂att: the chunks' shares, added in their order. */
static void add_shares(const struct attention_job *job) {
    const struct attention *a = job->call;
    const struct layout *l = &job->layout;
    for (int part = 0; part < (a->dynamic ? 1 : 2); ++part) {
        float *sum = job->d_att + part * l->width;
        for (ptrdiff_t chunk = 1; chunk < job->chunks; ++chunk) {
            const float *share = job->d_att + (chunk * 2 + part) * l->width;
            for (ptrdiff_t at = 0; at < l->width; ++at) sum[at] += share[at];
        }
        row_out(l, 0, a->grad_att, part * l->heads * l->channels, sum);
    }
}

/* 0: done; 1: out of memory. */
EXPORT int64_t unrolled_attention_backward(const struct attention *call) {
    struct attention_job job;
    if (!attention_prepare(&job, call, 1)) return 1;
    pool_each(call->threads, call->batch * job.chunks, nodes_task, &job);
    pool_each(call->threads, call->batch * job.turned_chunks, senders_task, &job);
    pool_each(call->threads, job.chunks, receivers_task, &job);
    add_shares(&job);
    attention_release(&job);
    return 0;
}
