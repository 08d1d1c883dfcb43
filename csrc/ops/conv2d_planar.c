/* FORWARD of one plane by few filters, direct: vectors of neighbouring pixels times single weights, as they lie, V × filters
 * at a time, turned round on the way out. Sums keep the order of conv2d_direct.c. Threads: by blocks of rows. */
#include "conv2d_direct.h"
#include "correlate.h"

#define PAIRED 6 /* filters whose sums over two vectors that overlap stay in registers (kernels/lanes.h: LANES_M) */

static int fits(const fc_op *op, fc_pass pass)
{
    const fc_conv2d *o = &op->u.conv2d;
    return pass == FC_FORWARD && fc_k->v > 1 && op->in_c == 1 && op->out_c <= fc_k->v && o->stride_w == 1 &&
           op->out_w >= fc_k->v && o->filter_h * o->filter_w <= FC_DEPTH;
}

static fc_status size(fc_op *op, fc_pass pass)
{
    const fc_status status = fc_conv2d_direct.size(op, pass);
    op->packed_size = 0;
    return status;
}

static void forward_rows(const fc_op *op, const fc_io *io, const float *x, float *y, ptrdiff_t row, ptrdiff_t rows,
                         ptrdiff_t channel, ptrdiff_t channels, float *scratch)
{
    (void)channel, (void)channels; /* all: they are one tile */
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t v = fc_k->v, n = op->out_c, span_h = (o->filter_h - 1) * o->dilation_h + 1;
    const ptrdiff_t span_w = (o->filter_w - 1) * o->dilation_w + 1;
    const ptrdiff_t apart = op->out_w >= 2 * v ? v : n <= PAIRED ? op->out_w - v : 0; /* of two vectors; 0: of one */
    const ptrdiff_t width = v + apart;
    float tile[2 * FC_MAX_NR * FC_MAX_NR];
    ptrdiff_t step;
    const float *src = fc_conv2d_padded(x, op->in_h, op->in_w, 1, row * o->stride_h - o->pad_top,
                                        (rows - 1) * o->stride_h + span_h, -o->pad_left, op->out_w - 1 + span_w, scratch,
                                        &step);
    const fc_lanes in = {.runs = o->filter_h, .len = o->filter_w, .chains = fc_chains_of(o->filter_h, o->filter_w, 0),
                         .a_run = o->filter_w * n, .a_step = n, .a_row = 1, .b_run = o->dilation_h * step, .b_step = o->dilation_w,
                         .b_pixel = apart, .c_pixel = n * v};
    for (ptrdiff_t r = 0; r < rows; r++, src += o->stride_h * step, y += op->out_w * n) {
        for (ptrdiff_t p = 0; p < op->out_w; p += width) {
            const ptrdiff_t at = fc_min(p, op->out_w - width);
            fc_k->lanes_gemm(n, apart ? 2 : 1, &in, io->w, src + at, io->b, tile);
            for (ptrdiff_t i = 0; i <= (apart > 0); i++) fc_k->from_lanes(v, n, tile + i * n * v, y + (at + i * apart) * n, n);
        }
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work) { fc_direct_forward(op, io, work, forward_rows); }

static ptrdiff_t items(const fc_op *op, fc_pass pass) { return fc_conv2d_direct.items(op, pass); }

const fc_conv2d_algorithm fc_conv2d_planar = {
    .name = "direct", .fits = fits, .size = size, .items = items, .forward = forward,
};
