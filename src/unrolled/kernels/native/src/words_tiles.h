/* The body of words.c's products. Included once for each kind of word, with
 *   KIND                 a name
 *   TARGET               the instructions that MULTIPLY needs beyond the variant's own
 *   SUM                  vf or vi
 *   MULTIPLY(sum, x, w)  sum + Σ over the k's of a word
 *   STARTS, SCALED       whether sums begin at `start` and are scaled
 * One row keeps two sums for each slot, so that two chains of additions are in flight.
 */
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(x) JOIN(KIND, x)

TARGET static inline __attribute__((always_inline)) void NAME(body)(const int rows, const int slots, const int chains, float *out,
                                                                    const uint32_t *row, ptrdiff_t row_stride, ptrdiff_t groups,
                                                                    const uint32_t *weights, const float *row_scale,
                                                                    const float *scale, const int32_t *start) {
    SUM sum[4][2][SLOTS];
    UNROLL for (int r = 0; r < rows; ++r) {
        UNROLL for (int c = 0; c < chains; ++c) {
            UNROLL for (int s = 0; s < slots; ++s) {
                sum[r][c][s] = (SUM){0};
                if (STARTS && c == 0) memcpy(&sum[r][c][s], start + s * LANES, sizeof(SUM));
            }
        }
    }
    ptrdiff_t k = 0;
    for (; k + chains <= groups; k += chains) {
        UNROLL for (int c = 0; c < chains; ++c) {
            vi w[SLOTS];
            UNROLL for (int s = 0; s < slots; ++s) memcpy(&w[s], weights + (c * slots + s) * LANES, sizeof(vi));
            UNROLL for (int r = 0; r < rows; ++r) {
                vi x = (int32_t)row[r * row_stride + k + c] - (vi){0};
                UNROLL for (int s = 0; s < slots; ++s) sum[r][c][s] = MULTIPLY(sum[r][c][s], x, w[s]);
            }
        }
        weights += chains * slots * LANES;
    }
    if (k < groups) {
        UNROLL for (int r = 0; r < rows; ++r) {
            vi x = (int32_t)row[r * row_stride + k] - (vi){0};
            UNROLL for (int s = 0; s < slots; ++s) {
                vi w;
                memcpy(&w, weights + s * LANES, sizeof w);
                sum[r][0][s] = MULTIPLY(sum[r][0][s], x, w);
            }
        }
    }
    UNROLL for (int r = 0; r < rows; ++r) {
        UNROLL for (int s = 0; s < slots; ++s) {
            SUM total = sum[r][0][s];
            if (chains > 1) total += sum[r][1][s];
            float *to = out + r * PANEL + s * LANES;
            if (SCALED) {
                store(to, load(to) + __builtin_convertvector(total, vf) * (load(scale + s * LANES) * row_scale[r]));
            } else {
                store(to, load(to) + (vf)total);
            }
        }
    }
}

#define DEFINE(R, S)                                                                                                        \
    TARGET static void NAME(R##_##S)(float *out, const uint32_t *row, ptrdiff_t row_stride, ptrdiff_t groups,               \
                                     const uint32_t *weights, const float *row_scale, const float *scale,                   \
                                     const int32_t *start) {                                                                \
        NAME(body)(R, S, R == 1 ? 2 : 1, out, row, row_stride, groups, weights, row_scale, scale, start);                   \
    }
#define DEFINE_ROWS(R) DEFINE(R, 1) DEFINE(R, 2) DEFINE(R, 3) DEFINE(R, 4)
DEFINE_ROWS(1)
DEFINE_ROWS(2)
DEFINE_ROWS(4)

#define LIST(R) {NAME(R##_1), NAME(R##_2), NAME(R##_3), NAME(R##_4)}
static const struct words_kernel NAME(kernel) = {{LIST(1), LIST(2), LIST(4)}, DEPTH, STARTS};

#undef LIST
#undef DEFINE_ROWS
#undef DEFINE
#undef NAME
#undef JOIN
#undef JOIN_
#undef KIND
#undef TARGET
#undef SUM
#undef MULTIPLY
#undef STARTS
#undef SCALED
#undef DEPTH
