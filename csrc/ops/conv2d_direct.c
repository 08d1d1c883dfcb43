/* Convolution by direct sums, with no im2col buffer: FORWARD, and the algorithm as a whole.
 *
 * A block of rows of output pixels is a product: its rows are pixels that point into the image, whose padding is a zero-edged
 * copy of the rows at hand, its runs are the taps. packed [group][tile][filter_h][filter_w][in_c/groups][NR].
 * Threads: by blocks of rows, and, where these are few, by tiles of columns: a single image of 13×13 pixels under 1,000 filters
 * would keep one thread busy. An item's result does not depend on the others in its range, which are taken together: by rows, and
 * blocks of few rows with those that follow, as LeNet-5's c3 has 100 pixels, 9 tiles of 12, or 4 blocks of 3 tiles. */
#include "conv2d_direct.h"
#include "correlate.h"

#define MANY 16 /* blocks of rows, which are cut no further */

/* Column tiles of a group. */
static ptrdiff_t tiles(const fc_op *op) { return fc_ceil_div(op->out_c / op->u.conv2d.groups, fc_k->nr); }

/* Blocks of rows of an image. */
static ptrdiff_t blocks(const fc_op *op) { return fc_ceil_div(op->out_h, op->u.conv2d.block_h); }

/* Rows that are computed at once, at most. */
static ptrdiff_t together(const fc_op *op)
{
    return fc_max(op->u.conv2d.block_h, fc_min(op->out_h, FC_PIXELS / op->out_w));
}

/* Into how many parts the columns of a block of rows are cut: none, or all tiles of all groups. */
static ptrdiff_t parts(const fc_op *op)
{
    return blocks(op) < MANY ? op->u.conv2d.groups * tiles(op) : 1;
}

/* The output channel that a part begins with. */
static ptrdiff_t begins(const fc_op *op, ptrdiff_t part)
{
    const ptrdiff_t ocg = op->out_c / op->u.conv2d.groups;
    return part == parts(op) ? op->out_c : part / tiles(op) * ocg + part % tiles(op) * fc_k->nr;
}

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
    const ptrdiff_t most = fc_ceil_div(op->out_h, fc_ceil_div(FC_ITEMS, o->groups * tiles(op)));
    o->block_h = fc_balanced(op->out_h, fc_min(most, FC_PIXELS / op->out_w));
    const ptrdiff_t rows = (together(op) - 1) * o->stride_h + (o->filter_h - 1) * o->dilation_h + 1;
    const ptrdiff_t cols = (op->out_w - 1) * o->stride_w + (o->filter_w - 1) * o->dilation_w + 1;
    op->scratch = fc_max(op->scratch, rows * cols * op->in_c + 2 * o->filter_h * o->filter_w + FC_MARGIN);
    op->packed_size = op->w_size / op->out_c * o->groups * fc_round_up(op->out_c / o->groups, fc_k->nr);
    return FC_OK;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    if (pass == FC_DATA) return fc_direct_data_items(op);
    return pass == FC_WEIGHTS ? fc_direct_weight_items(op) : blocks(op) * parts(op);
}

/* Column tiles of all groups; of DATA groups. */
static ptrdiff_t pack_items(const fc_op *op, fc_pass pass)
{
    const ptrdiff_t groups = op->u.conv2d.groups;
    return pass == FC_DATA ? groups : groups * tiles(op);
}

static void pack(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t item, float *packed, float *scratch)
{
    (void)scratch;
    if (pass == FC_DATA) {
        fc_direct_pack_data(op, io->w, item, packed);
        return;
    }
    const ptrdiff_t groups = op->u.conv2d.groups, ocg = op->out_c / groups, nr = fc_k->nr;
    const ptrdiff_t g = item / tiles(op), t = item % tiles(op), k = op->w_size / op->out_c;
    fc_k->pack(k, fc_min(nr, ocg - t * nr), io->w + g * ocg + t * nr, op->out_c, packed + item * k * nr);
}

static void forward_rows(const fc_op *op, const fc_io *io, const float *x, float *y, ptrdiff_t row, ptrdiff_t rows,
                         ptrdiff_t channel, ptrdiff_t channels, float *scratch)
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
    for (ptrdiff_t c = channel, g = c / ocg, end; c < channel + channels; c = end, g++) {
        end = fc_min((g + 1) * ocg, channel + channels);
        const fc_correlation product = {
            .src = src + g * icg, .src_row = o->stride_h * step, .src_col = o->stride_w * op->in_c,
            .dst = y + c, .dst_row = op->out_w * fc_y_c(op), .dst_col = fc_y_c(op),
            .rows = rows, .cols = op->out_w,
            .run = run, .runs = runs, .len = whole ? o->filter_w * icg : icg,
            .packed = io->packed + g * (op->packed_size / o->groups) + (c - g * ocg) * (op->w_size / op->out_c), .n = end - c,
            .bias = io->b ? io->b + c : NULL,
        };
        fc_correlate(&product);
    }
}

void fc_direct_forward(const fc_op *op, const fc_io *io, const fc_work *work, fc_direct_rows *compute)
{
    const ptrdiff_t block = op->u.conv2d.block_h, all = parts(op), y_c = fc_y_c(op);
    for (ptrdiff_t item = work->first, next; item < work->last; item = next) {
        const ptrdiff_t part = item % all, at = item / all, image = at / blocks(op), row = at % blocks(op) * block;
        next = fc_min(work->last, item - part + all);
        const ptrdiff_t c = begins(op, part), channels = begins(op, part + next - item) - c;
        ptrdiff_t rows = fc_min(block, op->out_h - row);
        while (all == 1 && next < work->last && row + rows < op->out_h && fc_min(rows + block, op->out_h - row) <= together(op))
            rows = fc_min(rows + block, op->out_h - row), next++;
        const ptrdiff_t first = row * op->out_w, pixels = rows * op->out_w;
        float *y = fc_row(&io->y, image, work) + first * y_c + op->y_at;
        compute(op, io, fc_row(&io->x, image, work), y, row, rows, c, channels, work->scratch);
        if (channels == y_c)
            fc_finish(op, io, work, image, first * y_c, pixels * y_c);
        else if (op->sums || op->activation != FC_LINEAR)
            for (ptrdiff_t p = first; p < first + pixels; p++) fc_finish(op, io, work, image, p * y_c + op->y_at + c, channels);
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work) { fc_direct_forward(op, io, work, forward_rows); }

const fc_conv2d_algorithm fc_conv2d_direct = {
    .name = "direct", .fits = fits, .size = size, .items = items, .pack_items = pack_items, .pack = pack, .forward = forward,
    .data = fc_direct_data, .weights = fc_direct_weights, .add = fc_direct_add,
};
