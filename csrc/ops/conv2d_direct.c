/* Convolution by direct sums, with no im2col buffer: FORWARD, and the algorithm as a whole.
 *
 * A block of rows of output pixels is a product: its rows are pixels that point into the image, whose padding is a zero-edged
 * copy of the rows at hand, its runs are the taps. packed [group][tile][filter_h][filter_w][in_c/groups][NR].
 * Threads: by blocks of rows. */
#include "conv2d_direct.h"
#include "correlate.h"

static int fits(const fc_op *op, fc_pass pass)
{
    (void)op, (void)pass;
    return 1;
}

static fc_status size(fc_op *op, fc_pass pass)
{
    fc_conv2d *o = &op->u.conv2d;
    if (pass == FC_DATA) return fc_direct_size_data(op);
    if (pass == FC_WEIGHTS) return fc_direct_size_weights(op);
    o->block_h = fc_balanced(op->out_h, FC_PIXELS / op->out_w);
    const ptrdiff_t rows = (o->block_h - 1) * o->stride_h + (o->filter_h - 1) * o->dilation_h + 1;
    const ptrdiff_t cols = (op->out_w - 1) * o->stride_w + (o->filter_w - 1) * o->dilation_w + 1;
    op->scratch = fc_max(op->scratch, rows * cols * op->in_c + 2 * o->filter_h * o->filter_w + FC_MARGIN);
    op->packed_size = op->w_size / op->out_c * o->groups * fc_round_up(op->out_c / o->groups, fc_k->nr);
    return FC_OK;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    if (pass == FC_DATA) return fc_direct_data_items(op);
    return pass == FC_WEIGHTS ? fc_direct_weight_items(op) : fc_ceil_div(op->out_h, op->u.conv2d.block_h);
}

/* Column tiles of all groups; of DATA groups. */
static ptrdiff_t pack_items(const fc_op *op, fc_pass pass)
{
    const ptrdiff_t groups = op->u.conv2d.groups;
    return pass == FC_DATA ? groups : groups * fc_ceil_div(op->out_c / groups, fc_k->nr);
}

static void pack(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t item, float *packed, float *scratch)
{
    (void)scratch;
    if (pass == FC_DATA) {
        fc_direct_pack_data(op, io->w, item, packed);
        return;
    }
    const ptrdiff_t groups = op->u.conv2d.groups, ocg = op->out_c / groups, nr = fc_k->nr;
    const ptrdiff_t tiles = fc_ceil_div(ocg, nr), g = item / tiles, t = item % tiles, k = op->w_size / op->out_c;
    fc_k->pack(k, fc_min(nr, ocg - t * nr), io->w + g * ocg + t * nr, op->out_c, packed + item * k * nr);
}

static void forward_rows(const fc_op *op, const fc_io *io, const float *x, float *y, ptrdiff_t row, ptrdiff_t rows,
                         float *scratch)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t icg = op->in_c / o->groups, ocg = op->out_c / o->groups;
    const ptrdiff_t span_h = (o->filter_h - 1) * o->dilation_h + 1, span_w = (o->filter_w - 1) * o->dilation_w + 1;
    ptrdiff_t *run = (ptrdiff_t *)scratch, step;
    const int whole = o->groups == 1 && o->dilation_w == 1; /* a filter row is contiguous */
    const ptrdiff_t runs = o->filter_h * (whole ? 1 : o->filter_w);
    const float *src = fc_conv2d_padded(x, op->in_h, op->in_w, op->in_c, row * o->stride_h - o->pad_top,
                                        (rows - 1) * o->stride_h + span_h, -o->pad_left,
                                        (op->out_w - 1) * o->stride_w + span_w, scratch + fc_round_up(2 * runs, FC_LINE), &step);
    for (ptrdiff_t r = 0; r < runs; r++)
        run[r] = whole ? r * o->dilation_h * step
                       : r / o->filter_w * o->dilation_h * step + r % o->filter_w * o->dilation_w * op->in_c;
    for (ptrdiff_t g = 0; g < o->groups; g++) {
        const fc_correlation c = {
            .src = src + g * icg, .src_row = o->stride_h * step, .src_col = o->stride_w * op->in_c,
            .dst = y + g * ocg, .dst_row = op->out_w * fc_y_c(op), .dst_col = fc_y_c(op),
            .rows = rows, .cols = op->out_w,
            .run = run, .runs = runs, .len = whole ? o->filter_w * icg : icg,
            .packed = io->packed + g * (op->packed_size / o->groups), .n = ocg,
            .bias = io->b ? io->b + g * ocg : NULL,
        };
        fc_correlate(&c);
    }
}

void fc_direct_forward(const fc_op *op, const fc_io *io, const fc_work *work, fc_direct_rows *compute)
{
    const ptrdiff_t block = op->u.conv2d.block_h, blocks = fc_ceil_div(op->out_h, block), line = op->out_w * fc_y_c(op);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / blocks, row = item % blocks * block, rows = fc_min(block, op->out_h - row);
        float *y = fc_row(&io->y, image, work) + row * line + op->y_at;
        compute(op, io, fc_row(&io->x, image, work), y, row, rows, work->scratch);
        if (!op->y_c)
            fc_finish(op, io, work, image, row * line, rows * line);
        else if (op->activation != FC_LINEAR)
            for (ptrdiff_t p = 0; p < rows * op->out_w; p++, y += op->y_c)
                fc_k->activate(op->activation, op->alpha, op->out_c, y, y);
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work) { fc_direct_forward(op, io, work, forward_rows); }

const fc_conv2d_algorithm fc_conv2d_direct = {
    .name = "direct", .fits = fits, .size = size, .items = items, .pack_items = pack_items, .pack = pack, .forward = forward,
    .data = fc_direct_data, .weights = fc_direct_weights, .add = fc_direct_add,
};
