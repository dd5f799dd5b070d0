/* From logits to a symbol. */
#ifndef UNROLLED_CHOOSE_H
#define UNROLLED_CHOOSE_H

#include "vec.h"

/* How to choose. The Python page generation/choice.py says the same in words, and is what the tests hold this to. */
struct choice {
    double temperature; /* T of softmax(z/T); 0: the likeliest */
    double top_p;       /* keep the likeliest symbols that together have this share; 1: all */
    int64_t top_k;      /* keep so many of the likeliest; 0: all */
    uint64_t seed;
};

/* What a chosen symbol's probability is made of, at T = 1 and among all: log p = margin - ln mass. */
struct likelihood {
    float margin, mass;
};

/* The number in [0, 1) that chooses row `row`'s symbol at `place`, whatever else is drawn. */
double uniform_at(uint64_t seed, uint64_t row, uint64_t place);

/* A symbol for z [symbols]; -1: a logit is not finite. z is padded to whole vectors, and the padding is written over.
 * weights [padded] and order [symbols] are scratch. `likelihood` NULL: not wanted. */
ptrdiff_t choose(float *z, ptrdiff_t symbols, const struct choice *choice, double uniform, float *weights, int32_t *order,
                 struct likelihood *likelihood);

#endif
