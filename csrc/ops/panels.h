/* Weights in fewer bits, in panels (kernels.h): how large they are, and where a block of them lies. */
#ifndef FC_PANELS_H
#define FC_PANELS_H
#include "ops.h"

#define FC_HALF_ROWS 256 /* rows that share a scale */

/* Rows from k and columns from j on, within a panel: rows are `step` weights apart. */
typedef struct {
    void *p;
    float *scales;
    ptrdiff_t step;
} fc_half;

static inline ptrdiff_t fc_half_columns(const fc_op *op) { return fc_round_up(op->out_c, FC_PANEL_PAD); }
static inline ptrdiff_t fc_half_bytes(const fc_op *op) { return op->format == FC_FLOAT16 ? 2 : 1; }

static inline fc_half fc_half_at(const fc_op *op, const fc_io *io, ptrdiff_t k, ptrdiff_t j)
{
    const ptrdiff_t columns = fc_half_columns(op), panel = j / FC_PANEL * FC_PANEL;
    const ptrdiff_t step = fc_min(FC_PANEL, columns - panel), at = panel * op->in_c + k * step + j - panel;
    return (fc_half){(char *)io->half + at * fc_half_bytes(op),
                     io->scales ? io->scales + k / FC_HALF_ROWS * columns + j : NULL, step};
}

/* Sets the sizes of an op's arrays. */
static inline fc_status fc_half_sizes(fc_op *op)
{
    if (op->format != FC_FLOAT16 && op->format != FC_INT8) return FC_INVALID;
    ptrdiff_t size = op->in_c, scales = op->format == FC_INT8 ? fc_ceil_div(op->in_c, FC_HALF_ROWS) : 0;
    if (!fc_grow(&size, fc_half_columns(op)) || !fc_grow(&scales, fc_half_columns(op))) return FC_OVERFLOW;
    op->half_size = size / 4 * fc_half_bytes(op); /* columns are a multiple of four */
    op->scales_size = scales;
    return FC_OK;
}

#endif
