/* FORWARD of one plane by few filters, direct: vectors of neighbouring pixels times single weights, as they lie, V × filters
 * at a time, turned round on the way out. Sums keep the order of conv2d_direct.c.
 * Where pooling of 2 × 2 is fused behind it (fc_conv2d_set_pool), two rows at a time are pooled before they are turned round. The
 * results are those of the two ops, bit for bit.
 * Threads: by blocks of rows. */
#include "conv2d_direct.h"
#include "correlate.h"

#define PAIRED 6     /* filters whose sums over two vectors that overlap stay in registers (kernels/lanes.h: LANES_M) */
#define COPIED 4096  /* floats of the zero-edged copy for pooled rows: they stay in L1 */

/* A row of sums, which is computed `vectors` vectors at a time, the second `apart` columns behind the first. */
typedef struct {
    ptrdiff_t w, vectors, apart, width;
} planar_row;

/* Columns that pooling leaves out are not computed. */
static planar_row row_of(const fc_op *op)
{
    const ptrdiff_t v = fc_k->v, w = op->pooled ? 2 * op->out_w : op->out_w;
    const ptrdiff_t apart = w >= 2 * v ? v : op->out_c <= PAIRED ? w - v : 0;
    return (planar_row){w, apart ? 2 : 1, apart, v + apart};
}

static int fits(const fc_op *op, fc_pass pass)
{
    const fc_conv2d *o = &op->u.conv2d;
    return pass == FC_FORWARD && fc_k->v > 1 && op->in_c == 1 && op->out_c <= fc_k->v && o->stride_w == 1 &&
           op->out_w >= fc_k->v && o->filter_h * o->filter_w <= FC_DEPTH;
}

static ptrdiff_t span_h(const fc_conv2d *o) { return (o->filter_h - 1) * o->dilation_h + 1; }
static ptrdiff_t span_w(const fc_conv2d *o) { return (o->filter_w - 1) * o->dilation_w + 1; }

/* Rows of the zero-edged copy for `rows` rows that are pooled; rows that are pooled at once. */
static ptrdiff_t copied(const fc_conv2d *o, ptrdiff_t rows) { return (2 * rows - 1) * o->stride_h + span_h(o); }
static ptrdiff_t together(const fc_op *op)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t fit = COPIED / (2 * op->out_w - 1 + span_w(o));
    return fc_min(op->out_h, fc_max(1, (fit - span_h(o)) / (2 * o->stride_h)));
}

static fc_status size(fc_op *op, fc_pass pass)
{
    const fc_status status = fc_conv2d_direct.size(op, pass);
    op->packed_size = 0;
    if (op->pooled)
        op->scratch = fc_max(op->scratch, copied(&op->u.conv2d, together(op)) * (2 * op->out_w - 1 + span_w(&op->u.conv2d)) + FC_MARGIN);
    return status;
}

static fc_lanes products(const fc_op *op, const planar_row *k, ptrdiff_t step)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t n = op->out_c;
    return (fc_lanes){.runs = o->filter_h, .len = o->filter_w, .chains = fc_chains_of(o->filter_h, o->filter_w, 0),
                      .a_run = o->filter_w * n, .a_step = n, .a_row = 1, .b_run = o->dilation_h * step, .b_step = o->dilation_w,
                      .b_pixel = k->apart, .c_pixel = n * fc_k->v};
}

static void forward_rows(const fc_op *op, const fc_io *io, const float *x, float *y, ptrdiff_t row, ptrdiff_t rows,
                         ptrdiff_t channel, ptrdiff_t channels, float *scratch)
{
    (void)channel, (void)channels; /* all: they are one tile */
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t v = fc_k->v, n = op->out_c;
    const planar_row k = row_of(op);
    float tile[2 * FC_MAX_NR * FC_MAX_NR];
    ptrdiff_t step;
    const float *src = fc_conv2d_padded(x, op->in_h, op->in_w, 1, row * o->stride_h - o->pad_top, (rows - 1) * o->stride_h + span_h(o),
                                        -o->pad_left, k.w - 1 + span_w(o), scratch, &step);
    const fc_lanes in = products(op, &k, step);
    for (ptrdiff_t r = 0; r < rows; r++, src += o->stride_h * step, y += op->out_w * n) {
        for (ptrdiff_t p = 0; p < k.w; p += k.width) {
            const ptrdiff_t at = fc_min(p, k.w - k.width);
            fc_k->lanes_gemm(n, k.vectors, &in, io->w, src + at, io->b, tile);
            for (ptrdiff_t i = 0; i < k.vectors; i++) fc_k->from_lanes(v, n, tile + i * n * v, y + (at + i * k.apart) * n, n);
        }
    }
}

/* The pooled row y, of the two rows of sums whose windows begin at x and `down` floats behind it. */
static void pool_row(const fc_op *op, const fc_io *io, const planar_row *k, const fc_lanes *in, const float *x, ptrdiff_t down, float *y)
{
    const ptrdiff_t v = fc_k->v, n = op->out_c, all = k->vectors * n * v, half = v / 2 * n;
    float sums[4 * FC_MAX_NR * FC_MAX_NR], planes[FC_MAX_NR * FC_MAX_NR], pixels[FC_MAX_NR * FC_MAX_NR];
    for (ptrdiff_t p = 0; p < k->w; p += k->width) {
        const ptrdiff_t at = fc_min(p, k->w - k->width);
        for (ptrdiff_t i = 0; i < 2; i++) fc_k->lanes_gemm(n, k->vectors, in, io->w, x + i * down + at, io->b, sums + i * all);
        if (op->activation != FC_LINEAR) fc_k->activate(op->activation, op->alpha, 2 * all, sums, sums);
        fc_k->pool_planes(op->pooled == FC_MAX_POOL2D, n, sums, sums + all, (k->vectors - 1) * n * v, planes);
        fc_k->from_lanes(v, n, planes, pixels, n);
        for (ptrdiff_t i = 0; i < k->vectors; i++)
            memcpy(y + (at + i * k->apart) / 2 * n, pixels + i * half, (size_t)half * sizeof *y);
    }
}

static void forward_pooled(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_conv2d *o = &op->u.conv2d;
    const planar_row k = row_of(op);
    const ptrdiff_t most = together(op), y_row = op->out_w * op->out_c;
    for (fc_part p = {0}; fc_next_part(work, op->out_h, &p);)
        for (ptrdiff_t row = p.first, rows; row < p.last; row += rows) {
            ptrdiff_t step;
            rows = fc_min(most, p.last - row);
            const float *x = fc_conv2d_padded(fc_row(&io->x, p.chunk, work), op->in_h, op->in_w, 1, 2 * row * o->stride_h - o->pad_top,
                                              copied(o, rows), -o->pad_left, k.w - 1 + span_w(o), work->scratch, &step);
            const fc_lanes in = products(op, &k, step);
            const ptrdiff_t down = o->stride_h * step;
            float *y = fc_row(&io->y, p.chunk, work) + row * y_row;
            for (ptrdiff_t r = 0; r < rows; r++) pool_row(op, io, &k, &in, x + 2 * r * down, down, y + r * y_row);
        }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->pooled)
        forward_pooled(op, io, work);
    else
        fc_direct_forward(op, io, work, forward_rows);
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    return op->pooled ? op->out_h : fc_conv2d_direct.items(op, pass);
}

const fc_conv2d_algorithm fc_conv2d_planar = {
    .name = "direct", .fits = fits, .size = size, .items = items, .forward = forward,
};
