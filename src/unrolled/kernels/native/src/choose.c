/* Softmax, what is kept of it, and the draw. */
#include "choose.h"

#include "activations.h"

typedef int32_t vi __attribute__((vector_size(LANES * 4)));

static uint64_t mix(uint64_t x) { /* SplitMix64 (Steele, Lea & Flood 2014) */
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

double uniform_at(uint64_t seed, uint64_t row, uint64_t place) {
    const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t key = mix(seed ^ mix((row + 1) * golden));
    return (double)(mix(key + (place + 1) * golden) >> 11) * 0x1p-53;
}

INLINE double sum_of(vf x) {
    float lanes[LANES];
    store(lanes, x);
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    }
    return lanes[0];
}

/* The largest of z and its first place; -1: not all are finite. */
static ptrdiff_t likeliest(const float *z, ptrdiff_t padded) {
    vf most = load(z);
    vi lost = {0};
    for (ptrdiff_t v = 0; v < padded; v += LANES) {
        vf x = load(z + v);
        vi more = x > most;
        lost |= x - x != (vf){0};
        most = (vf)(((vi)x & more) | ((vi)most & ~more));
    }
    float top = most[0];
    int32_t any = 0;
    for (int lane = 0; lane < LANES; ++lane) {
        any |= lost[lane];
        top = most[lane] > top ? most[lane] : top;
    }
    if (any) return -1;
    for (ptrdiff_t at = 0;; at += LANES) {
        vi here = load(z + at) == splat(top);
        for (int lane = 0; lane < LANES; ++lane) {
            if (here[lane]) return at + lane;
        }
    }
}

/* weights = e^((z - top)·inverse); their sum. */
static double exponentials(float *weights, const float *z, ptrdiff_t padded, float top, float inverse) {
    double total = 0;
    for (ptrdiff_t v = 0; v < padded; v += LANES) {
        vf power, p = reduced_exponential(clamp((load(z + v) - top) * inverse, 87.0f), &power);
        vf weight = power * p + power;
        store(weights + v, weight);
        total += sum_of(weight);
    }
    return total;
}

static int before(const float *weights, int32_t a, int32_t b) {
    return weights[a] > weights[b] || (weights[a] == weights[b] && a < b);
}

static void sift(int32_t *heap, ptrdiff_t size, ptrdiff_t at, const float *weights) {
    for (;;) {
        ptrdiff_t best = at, left = 2 * at + 1;
        if (left < size && before(weights, heap[left], heap[best])) best = left;
        if (left + 1 < size && before(weights, heap[left + 1], heap[best])) best = left + 1;
        if (best == at) return;
        int32_t moved = heap[at];
        heap[at] = heap[best];
        heap[best] = moved;
        at = best;
    }
}

/* Clears the weights that top_k and then top_p leave out; the sum of the others. */
static double keep_likeliest(float *weights, ptrdiff_t symbols, ptrdiff_t padded, double total, const struct choice *choice,
                             int32_t *order) {
    ptrdiff_t most = choice->top_k > 0 && choice->top_k < symbols ? (ptrdiff_t)choice->top_k : symbols;
    for (ptrdiff_t i = 0; i < symbols; ++i) order[i] = (int32_t)i;
    for (ptrdiff_t i = symbols / 2 - 1; i >= 0; --i) sift(order, symbols, i, weights);
    /* Symbols leave the heap in falling likelihood and queue up behind it. */
    ptrdiff_t kept = 0;
    double mass = 0;
    double wanted = most == symbols ? choice->top_p * total : -1;
    for (; kept < most && (wanted < 0 || kept == 0 || mass < wanted); ++kept) {
        ptrdiff_t last = symbols - kept - 1;
        int32_t next = order[0];
        order[0] = order[last];
        order[last] = next;
        sift(order, last, 0, weights);
        mass += weights[next];
    }
    if (wanted < 0 && choice->top_p < 1) {
        wanted = choice->top_p * mass;
        mass = 0;
        for (most = kept, kept = 0; kept < most && (kept == 0 || mass < wanted); ++kept) mass += weights[order[symbols - kept - 1]];
    }
    float least = weights[order[symbols - kept]];
    int32_t last = order[symbols - kept];
    mass = 0;
    for (ptrdiff_t v = 0; v < padded; v += LANES) {
        vf weight = load(weights + v);
        vi stays = weight >= splat(least);
        weight = (vf)((vi)weight & stays);
        store(weights + v, weight);
    }
    for (ptrdiff_t i = last + 1; i < symbols; ++i) {
        if (weights[i] == least) weights[i] = 0; /* as likely as the last that is kept, but behind it */
    }
    for (ptrdiff_t v = 0; v < padded; v += LANES) mass += sum_of(load(weights + v));
    return mass;
}

/* The first symbol at which the running sum passes uniform·total. */
static ptrdiff_t draw(const float *weights, ptrdiff_t padded, double total, double uniform) {
    double target = uniform * total, passed = 0;
    for (ptrdiff_t v = 0; v < padded; v += LANES) {
        double sum = sum_of(load(weights + v));
        if (passed + sum <= target) {
            passed += sum;
            continue;
        }
        ptrdiff_t last = v;
        for (ptrdiff_t i = v; i < v + LANES; ++i) {
            if (weights[i] > 0) last = i;
            passed += weights[i];
            if (passed > target) return i;
        }
        return last; /* the lanes' sum, in another order, was a rounding larger */
    }
    return -1;
}

ptrdiff_t choose(float *z, ptrdiff_t symbols, const struct choice *choice, double uniform, float *weights, int32_t *order,
                 struct likelihood *likelihood) {
    ptrdiff_t padded = (symbols + LANES - 1) / LANES * LANES;
    for (ptrdiff_t i = symbols; i < padded; ++i) z[i] = -1e38f;
    ptrdiff_t first = likeliest(z, padded), chosen = first;
    if (first < 0) return -1;
    float top = z[first];
    double mass = 0;
    if (choice->temperature > 0) {
        double inverse = 1 / choice->temperature;
        double total = exponentials(weights, z, padded, top, inverse < 1e38 ? (float)inverse : 1e38f);
        if (choice->temperature == 1) mass = total;
        if (choice->top_k > 0 || choice->top_p < 1) total = keep_likeliest(weights, symbols, padded, total, choice, order);
        chosen = draw(weights, padded, total, uniform);
        if (chosen < 0 || chosen >= symbols) chosen = first;
    }
    if (likelihood) {
        if (mass == 0) mass = exponentials(weights, z, padded, top, 1.0f);
        *likelihood = (struct likelihood){z[chosen] - top, (float)mass};
    }
    return chosen;
}
