/* What attention does with rows: bring them into its layout and back, take products head by head, add weighted rows. */
#ifndef UNROLLED_ATTENTION_ROWS_H
#define UNROLLED_ATTENTION_ROWS_H

#include "attention.h"

/* One row of the caller's, head by head. */
static inline void row_in(const struct layout *l, int half, float *row, const void *from, ptrdiff_t at) {
    if (l->width != l->heads * l->channels) memset(row, 0, (size_t)l->width * sizeof(float));
    for (ptrdiff_t k = 0; k < l->heads; ++k) {
        float *head = row + k * l->padded;
        if (!half) {
            memcpy(head, (const float *)from + at + k * l->channels, (size_t)l->channels * sizeof(float));
            continue;
        }
        const uint16_t *source = (const uint16_t *)from + at + k * l->channels;
        for (ptrdiff_t c = 0; c < l->channels; c += LANES) {
            ptrdiff_t left = l->channels - c;
            if (left >= LANES) store(head + c, load_half(source + c));
            else store_part(head + c, load_half_first(source + c, left), left);
        }
    }
}

static inline void row_out(const struct layout *l, int half, void *to, ptrdiff_t at, const float *row) {
    for (ptrdiff_t k = 0; k < l->heads; ++k) {
        const float *head = row + k * l->padded;
        if (!half) {
            memcpy((float *)to + at + k * l->channels, head, (size_t)l->channels * sizeof(float));
            continue;
        }
        uint16_t *target = (uint16_t *)to + at + k * l->channels;
        for (ptrdiff_t c = 0; c < l->channels; c += LANES) {
            ptrdiff_t left = l->channels - c < LANES ? l->channels - c : LANES;
            store_half_first(target + c, load_part(head + c, left), left);
        }
    }
}

/* out[k] = Σ over head k of x, vector by vector; writes up to SLACK places too far. `steps` is a constant everywhere. */
#define EACH_HEAD_SUM(steps, l, out, vector_of_v) \
    do { \
        if (steps < LOG_LANES) { \
            for (ptrdiff_t v = 0; v < (l)->vectors; ++v) { \
                vf summed = neighbours_sum(steps, vector_of_v); \
                store((out) + v * (LANES >> steps), permute(summed, (lane_numbers() << steps) & (LANES - 1))); \
            } \
        } else { \
            ptrdiff_t v = 0; \
            for (ptrdiff_t k = 0; k < (l)->heads; ++k) { \
                vf summed = {0}; \
                for (ptrdiff_t end = v + (l)->head_vectors; v < end; ++v) summed += vector_of_v; \
                (out)[k] = neighbours_sum(LOG_LANES, summed)[0]; \
            } \
        } \
    } while (0)

INLINE void head_products(const int steps, const struct layout *l, const float *a, const float *b, float *out) {
    EACH_HEAD_SUM(steps, l, out, load(a + v * LANES) * load(b + v * LANES));
}

/* GATv2's score of one entry: `edge` may be NULL. */
INLINE void head_scores(const int steps, const struct layout *l, const float *h, const float *r, const float *edge, const float *att,
                        float slope, float *out) {
    if (edge) EACH_HEAD_SUM(steps, l, out, leaky(load(h + v * LANES) + load(r + v * LANES) + load(edge + v * LANES), slope) * load(att + v * LANES));
    else EACH_HEAD_SUM(steps, l, out, leaky(load(h + v * LANES) + load(r + v * LANES), slope) * load(att + v * LANES));
}

/* Where the weights of vector v begin among a record, and the vector of them, each on its head's lanes. */
INLINE ptrdiff_t weights_at(const int steps, const struct layout *l, ptrdiff_t v) {
    return steps < LOG_LANES ? v * (LANES >> steps) : v / l->head_vectors;
}
INLINE vf spread(const int steps, const float *weights) {
    return steps < LOG_LANES ? permute(load(weights), lane_numbers() >> steps) : splat(weights[0]);
}

INLINE void add_rows_group(const int steps, const int vectors, const struct layout *l, ptrdiff_t v0, ptrdiff_t count, const int32_t *index,
                           const float *rows, const float *weights, float *out) {
    vf sum[SLOTS];
    ptrdiff_t at[SLOTS];
    UNROLL for (int v = 0; v < vectors; ++v) {
        sum[v] = load(out + (v0 + v) * LANES);
        at[v] = weights_at(steps, l, v0 + v);
    }
    for (ptrdiff_t t = 0; t < count; ++t, weights += l->record) {
        const float *row = rows + (ptrdiff_t)index[t] * l->width + v0 * LANES;
        UNROLL for (int v = 0; v < vectors; ++v) sum[v] += spread(steps, weights + at[v]) * load(row + v * LANES);
    }
    UNROLL for (int v = 0; v < vectors; ++v) store(out + (v0 + v) * LANES, sum[v]);
}

/* out += Σ_t weights[t] · rows[index[t]], head by head. */
INLINE void add_rows(const int steps, const struct layout *l, ptrdiff_t count, const int32_t *index, const float *rows, const float *weights,
                     float *out) {
    for (ptrdiff_t v = 0; v < l->vectors; v += SLOTS) {
        switch (l->vectors - v) {
            case 1: add_rows_group(steps, 1, l, v, count, index, rows, weights, out); break;
            case 2: add_rows_group(steps, 2, l, v, count, index, rows, weights, out); break;
            case 3: add_rows_group(steps, 3, l, v, count, index, rows, weights, out); break;
            default: add_rows_group(steps, 4, l, v, count, index, rows, weights, out); break;
        }
    }
}

/* row *= weights, head by head. */
INLINE void scale_row(const int steps, const struct layout *l, const float *weights, float *row) {
    for (ptrdiff_t v = 0; v < l->vectors; ++v) store(row + v * LANES, load(row + v * LANES) * spread(steps, weights + weights_at(steps, l, v)));
}

INLINE void ask_for_row(const struct layout *l, const float *row) {
    for (ptrdiff_t at = 0; at < l->width; at += 16) __builtin_prefetch(row + at);
}

/* A record of one head for each place, copied. */
INLINE void copy_record(ptrdiff_t record, float *to, const float *from) {
    switch (record) {
        case 1: to[0] = from[0]; break;
        case 2: memcpy(to, from, 8); break;
        case 4: memcpy(to, from, 16); break;
        case 8: memcpy(to, from, 32); break;
        default: memcpy(to, from, (size_t)record * sizeof(float));
    }
}

/* A record of a node, on all lanes of its q-th vector. */
INLINE vf record_vector(const struct layout *l, const float *record, ptrdiff_t q) {
    if (l->record >= LANES) return load(record + q * LANES);
    return permute(load_first(record, l->record), lane_numbers() & (int32_t)(l->record - 1));
}
INLINE void store_record(const struct layout *l, float *record, ptrdiff_t q, vf x) {
    if (l->record >= LANES) store(record + q * LANES, x);
    else store_first(record, x, l->record);
}

/* The dropped entries: a hash of 32 bits, written here, in Python (kernels/attention_dropout.py) and nowhere else. */
INLINE uint32_t mixed(uint32_t x) {
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}
INLINE vu mixed_vector(vu x) {
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}
INLINE uint32_t entry_key(const struct attention *a, int64_t entry) {
    return mixed((uint32_t)entry ^ (uint32_t)a->seed) + (uint32_t)((uint64_t)a->seed >> 32);
}
/* m for LANES places: their entries' keys, and the first head's number among batch × heads. */
INLINE vf kept_vector(const struct attention *a, const struct layout *l, const uint32_t *keys, int64_t batch, ptrdiff_t q) {
    vu head = (vu)(lane_numbers() & (int32_t)(l->record < LANES ? l->record - 1 : LANES - 1)) + (uint32_t)(batch * l->heads + q * LANES + 1);
    vu drawn = mixed_vector((vu) * (const vu_unaligned *)keys + head * 0x9e3779b9u);
    return select_where((vi)(drawn >= (uint32_t)a->drop_below), splat((float)a->kept), (vf){0});
}

#endif
