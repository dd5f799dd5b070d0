/* A whole character model, ready to write: its weights packed once, then symbol after symbol without leaving C.
 *
 * The Python side fills these records (writer.py mirrors them, field by field). Every field is eight bytes.
 * Axes: B rows, I input, H hidden, V symbols, N gate rows of the cell.
 */
#ifndef UNROLLED_WRITER_H
#define UNROLLED_WRITER_H

#include "choose.h"

struct writer_weights {
    const float *w_ih, *w_hh; /* [N·H, I or H], [N·H, H] ([3·H, H] for the full peepholes) */
    const float *b_ih, *b_hh; /* [N·H], the same as w_hh's rows; NULL: zeros */
    const float *peephole;    /* [3·H], or NULL */
};

struct writer {
    int64_t kind, layers, input, hidden, symbols;
    int64_t precision, portable;          /* see words.h */
    const struct writer_weights *weights; /* [layers]; these are read by unrolled_writer_pack only */
    const float *embedding;               /* [V, I]; NULL: the input is one-hot and I = V */
    const float *w_out, *b_out;           /* [V, H], [V] or NULL */
    char *packed;                         /* unrolled_writer_bytes() of them, 64-byte aligned */
};

struct writing {
    int64_t threads, rows, steps;
    float *h, *c;               /* [layers, B, H], before and after; c NULL: the cell has none */
    int64_t *symbol;            /* [B]: the one to be read next, before and after */
    const int64_t *given;       /* [steps, B]: read these and choose none; NULL: choose */
    const int64_t *lengths;     /* [B]: how many of them; NULL: all */
    float *logits;              /* [steps, B, V] behind each symbol that is read; NULL: not wanted */
    int64_t *chosen;            /* [steps, B] */
    struct likelihood *likelihood; /* [steps, B], or NULL */
    const struct choice *choice;
    int64_t first_row, place;   /* numbers of the first row and the first step among all that are ever written */
};

#endif
