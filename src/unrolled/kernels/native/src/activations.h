/* tanh and the logistic function on vectors, to about two roundings, relative to the value.
 *
 *   y = n·ln 2 + r,  n whole,  |r| ≤ ½·ln 2
 *   m = e^y - 1 = 2ⁿ·(e^r - 1) + (2ⁿ - 1),   e^r - 1 ≈ r + r²·Q(r), Q of degree 4      relative error 1.3e-8
 *   tanh(x) = m / (m + 2),  y = 2x
 *   σ(x) = 1 / (1 + e^y),   y = -x
 *
 * A gate that is almost closed keeps its digits, and so does its gradient σ(1 - σ): that is what a rational tanh, to
 * which σ is often brought back, loses. NaN gives NaN and ±∞ the limits, as in torch.
 */
#ifndef UNROLLED_ACTIVATIONS_H
#define UNROLLED_ACTIVATIONS_H

#include "vec.h"

/* 2ⁿ in *power and e^r - 1, for |y| ≤ 87. */
INLINE vf reduced_exponential(vf y, vf *power) {
    typedef uint32_t bits __attribute__((vector_size(LANES * 4))); /* unsigned, for a NaN overflows */
    const float whole = 12582912.0f; /* 1.5·2²³: what is added to it is rounded, and stands in its lowest bits */
    vf shifted = y * 1.44269504088896341f + whole;
    vf r = y - (shifted - whole) * 0.693147180559945309f;
    vf q = r * 1.388251083e-3f + 8.366547525e-3f;
    q = q * r + 4.166720062e-2f;
    q = q * r + 1.666654348e-1f;
    q = q * r + 4.999999702e-1f;
    *power = (vf)(((bits)shifted << 23) + 0x3f800000u);
    return r * r * q + r;
}

INLINE vf tanh_vf(vf x) {
    vf power, p = reduced_exponential(clamp(x, 9.1f) * 2.0f, &power);
    vf m = power * p + (power - 1.0f);
    return m * reciprocal(m + 2.0f);
}

INLINE vf sigmoid_vf(vf x) {
    vf power, p = reduced_exponential(clamp(x, 87.0f) * -1.0f, &power);
    return reciprocal(power * p + (power + 1.0f));
}

#endif
