/* Attention, forward: score, softmax and sum for one receiver after the other, a block of its entries at a time.
 *
 * A later block may raise a row's greatest score; what was summed before is then scaled down. Nothing of the size of all
 * entries is made, and a row's result does not depend on the thread that takes it.
 */
#include <math.h>

#include "attention_rows.h"
#include "attention_scratch.h"
#include "export.h"
#include "pool.h"

struct forward_row {
    float z[BLOCK_PLACES + SLACK], edge[BLOCK_PLACES + SLACK];
    uint32_t keys[BLOCK_PLACES + SLACK];
    float greatest[BLOCK_PLACES + SLACK], total[BLOCK_PLACES + SLACK], scale[BLOCK_PLACES + SLACK];
};

/* The scores of entries e..e+count-1 of row i, before LeakyReLU for the additive, whole for the dynamic. */
INLINE void block_scores(const int steps, const int dynamic, const struct attention_job *job, int64_t b, int64_t i, int64_t e,
                         ptrdiff_t count, struct forward_row *row) {
    const struct attention *a = job->call;
    const struct layout *l = &job->layout;
    const float *h = job->h + b * a->nodes * l->width;
    for (ptrdiff_t t = 0; t < count; ++t) ask_for_row(l, h + (ptrdiff_t)a->index[e + t] * l->width);
    if (dynamic) {
        const float *r = job->r + (b * a->nodes + i) * l->width;
        for (ptrdiff_t t = 0; t < count; ++t) {
            head_scores(steps, l, h + (ptrdiff_t)a->index[e + t] * l->width, r, job->edge ? job->edge + (e + t) * l->width : NULL,
                        job->att, (float)a->slope, row->z + t * l->record);
        }
        return;
    }
    const float *sent = job->sent + b * a->nodes * l->record;
    for (ptrdiff_t t = 0; t < count; ++t) copy_record(l->record, row->z + t * l->record, sent + (ptrdiff_t)a->index[e + t] * l->record);
    if (job->edge) memcpy(row->edge, job->edge + e * l->record, (size_t)(count * l->record) * sizeof(float));
}

/* Scores to weights exp(s - greatest), in place; the greatest and the total of the row so far; how far old sums shrink. */
INLINE void block_softmax(const int dynamic, const struct attention_job *job, const float *received, ptrdiff_t count, int first,
                          struct forward_row *row) {
    const struct layout *l = &job->layout;
    float slope = (float)job->call->slope;
    ptrdiff_t places = count * l->record, vectors = (places + LANES - 1) / LANES;
    for (ptrdiff_t q = 0; q < l->period; ++q) {
        vf most = splat(-INFINITY), mine = dynamic ? (vf){0} : record_vector(l, received, q);
        for (ptrdiff_t v = q; v < vectors; v += l->period) {
            vf s = load(row->z + v * LANES);
            if (!dynamic) {
                s += mine;
                if (job->edge) s += load(row->edge + v * LANES);
                s = leaky(s, slope);
            }
            store(row->z + v * LANES, s);
            if ((v + 1) * LANES > places) {
                for (ptrdiff_t p = places; p < (v + 1) * LANES; ++p) row->z[p] = -INFINITY;
                s = load(row->z + v * LANES);
            }
            most = greater_of(s, most);
        }
        most = period_greatest(most, l->record);
        if (!first) most = greater_of(load(row->greatest + q * LANES), most);
        vf total = {0};
        for (ptrdiff_t v = q; v < vectors; v += l->period) {
            vf weight = exponential(load(row->z + v * LANES) - most);
            store(row->z + v * LANES, weight);
            total += weight;
        }
        total = period_sum(total, l->record);
        if (!first) {
            vf scale = exponential(load(row->greatest + q * LANES) - most);
            store(row->scale + q * LANES, scale);
            total += load(row->total + q * LANES) * scale;
        }
        store(row->greatest + q * LANES, most);
        store(row->total + q * LANES, total);
    }
}

INLINE void block_dropout(const struct attention_job *job, int64_t b, int64_t e, ptrdiff_t count, struct forward_row *row) {
    const struct layout *l = &job->layout;
    ptrdiff_t vectors = (count * l->record + LANES - 1) / LANES;
    for (ptrdiff_t t = 0; t < count; ++t) {
        uint32_t key = entry_key(job->call, e + t);
        for (ptrdiff_t k = 0; k < l->record; ++k) row->keys[t * l->record + k] = key;
    }
    for (ptrdiff_t v = 0; v < vectors; ++v) {
        vf kept = kept_vector(job->call, l, row->keys + v * LANES, b, v % l->period);
        store(row->z + v * LANES, load(row->z + v * LANES) * kept);
    }
}

INLINE void forward_chunk(const int steps, const int dynamic, struct attention_job *job, int64_t b, ptrdiff_t chunk) {
    const struct attention *a = job->call;
    const struct layout *l = &job->layout;
    int64_t end = chunk_start(a->pointer, a->nodes, chunk + 1, job->chunks);
    const float *rows = job->h + b * a->nodes * l->width;
    struct forward_row row;
    memset(&row, 0, sizeof row);
    for (int64_t i = chunk_start(a->pointer, a->nodes, chunk, job->chunks); i < end; ++i) {
        int64_t node = b * a->nodes + i;
        float *y = l->direct ? (float *)a->y + node * l->width : job->row + (b * job->chunks + chunk) * l->width;
        float *stats = a->stats + node * 2 * l->record;
        memset(y, 0, (size_t)l->width * sizeof(float));
        for (int64_t e = a->pointer[i]; e < a->pointer[i + 1]; e += l->block) {
            ptrdiff_t count = a->pointer[i + 1] - e < l->block ? a->pointer[i + 1] - e : l->block;
            int first = e == a->pointer[i];
            block_scores(steps, dynamic, job, b, i, e, count, &row);
            block_softmax(dynamic, job, dynamic ? NULL : job->received + node * l->record, count, first, &row);
            if (!first) scale_row(steps, l, row.scale, y);
            if (a->drop_below) block_dropout(job, b, e, count, &row);
            add_rows(steps, l, count, a->index + e, rows, row.z, y);
        }
        int empty = a->pointer[i] == a->pointer[i + 1];
        for (ptrdiff_t q = 0; q < l->period; ++q) {
            vf inverse = empty ? (vf){0} : 1.0f / load(row.total + q * LANES);
            store(row.total + q * LANES, inverse);
            store_record(l, stats, q, empty ? (vf){0} : load(row.greatest + q * LANES));
            store_record(l, stats + l->record, q, inverse);
        }
        scale_row(steps, l, row.total, y);
        if (!l->direct) row_out(l, (int)a->half, a->y, node * l->heads * l->channels, y);
    }
}

static void forward_task(void *context, ptrdiff_t task) {
    struct attention_job *job = context;
    int64_t b = task / job->chunks;
    ptrdiff_t chunk = task % job->chunks;
#define CASE(n) \
    case n: \
        if (job->call->dynamic) forward_chunk(n, 1, job, b, chunk); \
        else forward_chunk(n, 0, job, b, chunk); \
        break;
    switch (job->layout.steps) {
        CASE(0) CASE(1) CASE(2)
#if LOG_LANES > 2
        CASE(3)
#endif
#if LOG_LANES > 3
        CASE(4)
#endif
    }
#undef CASE
}

/* Places for one node and head-record: what `stats` must hold, twice, for each node of each of the batch. */
EXPORT int64_t unrolled_attention_record(const struct attention *call) { return layout_of(call).record; }

/* 0: done; 1: out of memory. */
EXPORT int64_t unrolled_attention_forward(const struct attention *call) {
    struct attention_job job;
    if (!attention_prepare(&job, call, 0)) return 1;
    pool_each(call->threads, call->batch * job.chunks, forward_task, &job);
    attention_release(&job);
    return 0;
}
