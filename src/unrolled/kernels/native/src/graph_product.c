/* A sparse matrix times features, for a batch of them:
 *
 *   y[b,i,:] = scale · Σ_{e of row i} v[e] · x[b,index[e],:] + add_scale · add[b,i,:]
 *
 * A row's sums stay in registers while its entries pass, up to GROUP vectors of features at once; every row of x that is
 * needed soon is asked for early. bfloat16 is widened where it is read, summed in float32, rounded once.
 */
#include "chunks.h"
#include "export.h"
#include "lanes.h"
#include "pool.h"

#define GROUP 8
#define AHEAD 12 /* entries between asking for a row and reading it */

struct product {
    int64_t threads, rows, batch, features, half;
    int64_t x_batch, x_row, y_batch, y_row, add_batch, add_row; /* strides; the features are contiguous */
    float scale, add_scale;
    const int32_t *pointer, *index;
    const float *values;                    /* [E], or NULL for ones */
    const void *x;                          /* float, or bfloat16 if `half` */
    void *y;
    const void *add;                        /* as x, may be y itself; or NULL for none */
};

INLINE const char *element(const struct product *p, const void *base, ptrdiff_t at) {
    return (const char *)base + at * (p->half ? 2 : 4);
}
INLINE vf load_features(const int half, const char *at, ptrdiff_t count) {
    if (half) return count >= LANES ? load_half((const uint16_t *)at) : load_half_first((const uint16_t *)at, count);
    return count >= LANES ? load((const float *)at) : load_first((const float *)at, count);
}

/* `vectors` vectors of one row of y, the last with `last` features. */
INLINE void row_group(const int half, const int vectors, const int whole, const struct product *p, int64_t b, int64_t row,
                      ptrdiff_t first, ptrdiff_t last) {
    const ptrdiff_t size = half ? 2 : 4;
    const char *x = element(p, p->x, b * p->x_batch + first);
    vf sum[GROUP];
    UNROLL for (int v = 0; v < vectors; ++v) sum[v] = (vf){0};
    int32_t end = p->pointer[row + 1], limit = p->pointer[p->rows];
    for (int32_t e = p->pointer[row]; e < end; ++e) {
        const char *from = x + (ptrdiff_t)p->index[e] * p->x_row * size;
        if (e + AHEAD < limit) {
            const char *later = x + (ptrdiff_t)p->index[e + AHEAD] * p->x_row * size;
            UNROLL for (int v = 0; v < vectors; ++v) {
                if (v * LANES * size % 64 == 0) __builtin_prefetch(later + v * LANES * size);
            }
        }
        vf value = splat(p->values ? p->values[e] : 1.0f);
        UNROLL for (int v = 0; v < vectors; ++v) {
            ptrdiff_t count = whole || v < vectors - 1 ? LANES : last;
            sum[v] += value * load_features(half, from + v * LANES * size, count);
        }
    }
    const char *add = p->add ? element(p, p->add, b * p->add_batch + row * p->add_row + first) : NULL;
    char *y = (char *)element(p, p->y, b * p->y_batch + row * p->y_row + first);
    UNROLL for (int v = 0; v < vectors; ++v) {
        ptrdiff_t count = whole || v < vectors - 1 ? LANES : last;
        sum[v] *= p->scale;
        if (add) sum[v] += load_features(half, add + v * LANES * size, count) * p->add_scale;
        if (half) store_half_first((uint16_t *)y + v * LANES, sum[v], count);
        else if (count >= LANES) store((float *)y + v * LANES, sum[v]);
        else store_first((float *)y + v * LANES, sum[v], count);
    }
}

INLINE void row_groups(const int half, const struct product *p, int64_t b, int64_t row) {
    for (ptrdiff_t first = 0; first < p->features; first += GROUP * LANES) {
        ptrdiff_t left = p->features - first, vectors = left >= GROUP * LANES ? GROUP : (left + LANES - 1) / LANES;
        ptrdiff_t last = left - (vectors - 1) * LANES;
#define CASE(n) \
    case n: \
        if (last >= LANES) row_group(half, n, 1, p, b, row, first, LANES); \
        else row_group(half, n, 0, p, b, row, first, last); \
        break;
        switch (vectors) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) }
#undef CASE
    }
}

struct product_job {
    const struct product *product;
    ptrdiff_t chunks;
};

static void product_task(void *context, ptrdiff_t task) {
    struct product_job *job = context;
    const struct product *p = job->product;
    ptrdiff_t chunk = task % job->chunks;
    int64_t b = task / job->chunks, end = chunk_start(p->pointer, p->rows, chunk + 1, job->chunks);
    for (int64_t row = chunk_start(p->pointer, p->rows, chunk, job->chunks); row < end; ++row) {
        if (p->half) row_groups(1, p, b, row);
        else row_groups(0, p, b, row);
    }
}

EXPORT int64_t unrolled_graph_product(const struct product *product) {
    struct product_job job = {product, chunk_count(product->pointer, product->rows)};
    if (product->rows > 0 && product->batch > 0) pool_each(product->threads, job.chunks * product->batch, product_task, &job);
    return 0;
}
