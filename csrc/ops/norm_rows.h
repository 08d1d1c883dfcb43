/* Sums of each channel down [pixels][c], as batch_norm.c and group_norm.c take them: sums of FC_NORM_BLOCK rows in float,
 * theirs in double.
 *
 * A row is the channels again and again, so that few of them fill vectors; the last one of an image may be shorter. */
#ifndef FC_NORM_ROWS_H
#define FC_NORM_ROWS_H
#include "ops.h"

#define FC_NORM_ROW 256  /* floats that a row has at least, if an image has as many */
#define FC_NORM_BLOCK 64 /* rows whose sums are taken in float */

typedef struct {
    ptrdiff_t size, row, c; /* floats of an image and of a row; channels */
} fc_norm_rows;

static inline ptrdiff_t fc_norm_row(ptrdiff_t pixels, ptrdiff_t c) { return c * fc_min(pixels, fc_ceil_div(FC_NORM_ROW, c)); }

/* γ may be absent. */
static inline unsigned fc_norm_correct(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch, unsigned needs)
{
    (void)io, (void)pass, (void)batch;
    return op->w_size ? needs : needs & ~(unsigned)(FC_W | FC_DW);
}

/* A channel's value wherever it stands in a row. */
static inline void fc_norm_repeat(const fc_norm_rows *r, ptrdiff_t channel, float value, float *row)
{
    for (ptrdiff_t i = channel; i < r->row; i += r->c) row[i] = value;
}

/* sums[channel] += the row's floats of that channel */
static inline void fc_norm_fold(ptrdiff_t n, ptrdiff_t c, const float *row, double *sums)
{
    for (ptrdiff_t at = 0; at < n; at += c)
        for (ptrdiff_t i = 0; i < c; i++) sums[i] += (double)row[at + i];
}

/* Calls BODY(count, n, at) for blocks of at most `most` rows of n floats, from `at` on to `end`. */
#define FC_EACH_ROWS(r, at, end, most, BODY) \
    for (ptrdiff_t n = (r)->row, count; at < (end); at += count * n) { \
        count = fc_min(most, ((end) - at) / n); \
        if (count == 0) count = 1, n = (end) - at; \
        BODY \
    }

typedef void fc_norm_sum(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *from, float *y);

/* sums [c] += what the kernel sums of an image; `sum` is a row. */
static inline void fc_norm_add(const fc_norm_rows *r, fc_norm_sum *kernel, const float *x, const float *mean, float *sum, double *sums)
{
    ptrdiff_t at = 0;
    FC_EACH_ROWS(r, at, r->size, FC_NORM_BLOCK, {
        memset(sum, 0, (size_t)n * sizeof *sum);
        kernel(count, n, x + at, mean, sum);
        fc_norm_fold(n, r->c, sum, sums);
    })
}

/* sums [2][c] += Σ dy and Σ dy·(x − mean) of an image; s and t are rows. */
static inline void fc_norm_add_products(const fc_norm_rows *r, const float *x, const float *dy, const float *mean, float *s, float *t,
                                        double *sums)
{
    ptrdiff_t at = 0;
    FC_EACH_ROWS(r, at, r->size, FC_NORM_BLOCK, {
        memset(s, 0, (size_t)n * sizeof *s);
        memset(t, 0, (size_t)n * sizeof *t);
        fc_k->norm_sums(count, n, x + at, dy + at, mean, s, t);
        fc_norm_fold(n, r->c, s, sums);
        fc_norm_fold(n, r->c, t, sums + r->c);
    })
}

#endif
