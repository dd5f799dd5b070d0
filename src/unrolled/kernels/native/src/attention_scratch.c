/* Scratch memory, sized by a first run that only counts, and the passes that bring the inputs into the layout. */
#include "attention_scratch.h"

#include "attention_rows.h"
#include "pool.h"

static void take_all(struct attention_job *job, struct arena *arena, int backward) {
    const struct attention *a = job->call;
    const struct layout *l = &job->layout;
    ptrdiff_t nodes = a->batch * a->nodes, entries = a->pointer[a->nodes];
    int shared = a->r == a->h;
    job->att = TAKE(arena, float, (a->dynamic ? 1 : 2) * l->width + SLACK);
    job->row = TAKE(arena, float, job->chunks * a->batch * l->width);
    if (!l->direct) job->h = TAKE(arena, float, nodes * l->width);
    if (!l->direct && a->dynamic && !shared) job->r = TAKE(arena, float, nodes * l->width);
    if (a->edge && (a->dynamic ? !l->direct : l->record != l->heads)) {
        job->edge = TAKE(arena, float, entries * (a->dynamic ? l->width : l->record));
    }
    if (!a->dynamic) {
        job->sent = TAKE(arena, float, nodes * l->record + SLACK);
        job->received = TAKE(arena, float, nodes * l->record + SLACK);
    }
    if (!backward) return;
    job->nodes = TAKE(arena, float, nodes * 4 * l->record + SLACK);
    job->d_score = TAKE(arena, float, a->batch * entries * l->record + SLACK);
    if (!a->dynamic) job->d_sent = TAKE(arena, float, nodes * l->record + SLACK);
    if (!l->direct) {
        job->g = TAKE(arena, float, nodes * l->width);
        job->d_h = TAKE(arena, float, nodes * l->width);
        if (a->dynamic) job->d_r = TAKE(arena, float, nodes * l->width);
    }
    if (a->dynamic && a->grad_edge) job->d_edge = TAKE(arena, float, entries * l->width);
    job->d_att = TAKE(arena, float, job->chunks * 2 * l->width);
}

/* Rows of h, r and edges laid out; what each node's h scores by itself. */
INLINE void prepare_chunk(const int steps, struct attention_job *job, int64_t b, ptrdiff_t chunk) {
    const struct attention *a = job->call;
    const struct layout *l = &job->layout;
    int64_t first = chunk_start(a->pointer, a->nodes, chunk, job->chunks), end = chunk_start(a->pointer, a->nodes, chunk + 1, job->chunks);
    float products[BLOCK_PLACES + SLACK];
    for (int64_t i = b * a->nodes + first; i < b * a->nodes + end; ++i) {
        float *h = job->h + i * l->width;
        if (!l->direct) {
            row_in(l, (int)a->half, h, a->h, i * l->heads * l->channels);
            if (a->dynamic && job->r != job->h) row_in(l, (int)a->half, job->r + i * l->width, a->r, i * l->heads * l->channels);
        }
        if (!a->dynamic) {
            head_products(steps, l, h, job->att, products);
            copy_record(l->record, job->sent + i * l->record, products);
            head_products(steps, l, h, job->att + l->width, products);
            copy_record(l->record, job->received + i * l->record, products);
        }
    }
    if (b > 0 || !a->edge || job->edge == a->edge) return;
    for (int64_t e = a->pointer[first]; e < a->pointer[end]; ++e) {
        if (a->dynamic) {
            row_in(l, 0, job->edge + e * l->width, a->edge, e * l->heads * l->channels);
        } else {
            float *edge = job->edge + e * l->record;
            memset(edge, 0, (size_t)l->record * sizeof(float));
            memcpy(edge, a->edge + e * l->heads, (size_t)l->heads * sizeof(float));
        }
    }
}

static void prepare_task(void *context, ptrdiff_t task) {
    struct attention_job *job = context;
    int64_t b = task / job->chunks;
    ptrdiff_t chunk = task % job->chunks;
    switch (job->layout.steps) {
        case 0: prepare_chunk(0, job, b, chunk); break;
        case 1: prepare_chunk(1, job, b, chunk); break;
        case 2: prepare_chunk(2, job, b, chunk); break;
#if LOG_LANES > 2
        case 3: prepare_chunk(3, job, b, chunk); break;
#endif
#if LOG_LANES > 3
        case 4: prepare_chunk(4, job, b, chunk); break;
#endif
    }
}

int attention_prepare(struct attention_job *job, const struct attention *call, int backward) {
    *job = (struct attention_job){.call = call, .layout = layout_of(call)};
    job->chunks = chunk_count(call->pointer, call->nodes);
    if (backward) job->turned_chunks = chunk_count(call->turned_pointer, call->nodes);
    struct arena arena = {0};
    take_all(job, &arena, backward);
    job->memory = block_take(arena.used + 64);
    if (!job->memory) return 0;
    arena = (struct arena){.base = job->memory};
    take_all(job, &arena, backward);

    const struct layout *l = &job->layout;
    if (l->direct) {
        job->h = (float *)call->h;
        if (call->dynamic) job->r = (float *)call->r;
        if (backward) {
            job->g = (float *)call->grad_y;
            job->d_h = call->grad_h;
            job->d_r = call->grad_r;
        }
    } else if (call->dynamic && !job->r) {
        job->r = job->h;
    }
    if (call->edge && !job->edge) job->edge = (float *)call->edge;
    row_in(l, 0, job->att, call->att, 0);
    if (!call->dynamic) row_in(l, 0, job->att + l->width, call->att, l->heads * l->channels);
    int needed = !l->direct || !call->dynamic || (call->edge && job->edge != call->edge);
    if (needed) pool_each(call->threads, call->batch * job->chunks, prepare_task, job);
    return 1;
}

void attention_release(struct attention_job *job) { block_give(job->memory); }
