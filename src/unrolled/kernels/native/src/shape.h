/* The sizes that follow from a call and its cell, and the places of gates in storage. */
#ifndef UNROLLED_SHAPE_H
#define UNROLLED_SHAPE_H

#include "cell.h"

struct shape {
    ptrdiff_t input, hidden;
    ptrdiff_t padded;          /* hidden, rounded up to LANES */
    ptrdiff_t panels, panel_units; /* panels of the cell's slots, and the units in one */
    ptrdiff_t blocks;          /* of PANEL neighbouring units: the panels of ∂L/∂h */
    ptrdiff_t input_blocks;    /* of PANEL neighbouring inputs: the panels of ∂L/∂x */
};

static inline ptrdiff_t ceil_div(ptrdiff_t n, ptrdiff_t by) { return (n + by - 1) / by; }
static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

static inline struct shape shape_of(const struct layer *layer, const struct cell *cell) {
    ptrdiff_t panel_units = cell->wide ? PANEL : LANES;
    return (struct shape){
        .input = layer->input,
        .hidden = layer->hidden,
        .padded = ceil_div(layer->hidden, LANES) * LANES,
        .panels = ceil_div(layer->hidden, panel_units),
        .panel_units = panel_units,
        .blocks = ceil_div(layer->hidden, PANEL),
        .input_blocks = ceil_div(layer->input, PANEL),
    };
}

/* Units of a panel or block that exist. */
static inline ptrdiff_t units_in(ptrdiff_t size, ptrdiff_t width, ptrdiff_t index) { return least(width, size - index * width); }

/* Vectors of a product that are worth computing: a wide panel at the end may have fewer than SLOTS. */
static inline int vectors_in(ptrdiff_t size, ptrdiff_t block) { return (int)ceil_div(units_in(size, PANEL, block), LANES); }

/* The row of a weight matrix that lane `lane` of a slot stands for, or -1 for padding. */
static inline ptrdiff_t weight_row(const struct shape *shape, const struct cell *cell, int gate, ptrdiff_t panel, int slot,
                                   ptrdiff_t lane) {
    ptrdiff_t unit = panel * shape->panel_units + (cell->wide ? slot * LANES : 0) + lane;
    return unit < shape->hidden ? (cell->wide ? 0 : gate * shape->hidden) + unit : -1;
}

#endif
