/* Two-dimensional convolution (cross-correlation), NHWC, direct: no im2col buffer.
 *
 *     y[oh][ow][oc] = b[oc] + Σ_{fh,fw,ic} x[oh·s − p + fh·d][ow·s − p + fw·d][ic] · w[fh][fw][ic][oc]
 *
 * x [in_h][in_w][in_c], w [filter_h][filter_w][in_c/groups][out_c], y [out_h][out_w][out_c]; within group g, input
 * channels g·in_c/groups … and output channels g·out_c/groups ….
 * Padding is a zero-edged copy of the rows at hand. Here: the descriptor, FORWARD, and who takes each pass: gradients are in
 * conv2d_data.c and conv2d_weights.c, other algorithms in conv2d_winograd.c, conv2d_depthwise.c and conv2d_lanes.c.
 * A convolution may have a table of connections, pairs of an input and an output channel, and weights for these alone: conv2d_table.c.
 * Threads: FORWARD by blocks of rows. */
#include "conv2d.h"
#include "correlate.h"
#include "in_lanes.h"

#define LARGEST_SCRATCH ((ptrdiff_t)1 << 30) /* floats per thread: a window that spans more is refused */

fc_status fc_conv2d_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t out_c,
                         const fc_conv2d *window, ptrdiff_t pad_bottom, ptrdiff_t pad_right, int bias)
{
    memset(op, 0, sizeof *op);
    fc_conv2d *o = &op->u.conv2d;
    *o = *window;
    o->winograd = o->depthwise = 0, o->connections = 0;
    const ptrdiff_t positive[] = {in_h, in_w, in_c, out_c, o->filter_h, o->filter_w, o->stride_h, o->stride_w,
                                  o->dilation_h, o->dilation_w, o->groups};
    const ptrdiff_t limit = (ptrdiff_t)1 << 31, span = (ptrdiff_t)1 << 20, pads[] = {o->pad_top, pad_bottom, o->pad_left, pad_right};
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++) {
        if (positive[i] < 1) return FC_INVALID;
        if (positive[i] >= limit) return FC_OVERFLOW;
    }
    for (int i = 0; i < 4; i++) {
        if (pads[i] < 0) return FC_INVALID;
        if (pads[i] > span) return FC_OVERFLOW;
    }
    if (in_c % o->groups || out_c % o->groups) return FC_INVALID;
    const ptrdiff_t span_h = (o->filter_h - 1) * o->dilation_h + 1, span_w = (o->filter_w - 1) * o->dilation_w + 1;
    if (span_h > span || span_w > span) return FC_OVERFLOW;
    const ptrdiff_t padded_h = in_h + o->pad_top + pad_bottom, padded_w = in_w + o->pad_left + pad_right;
    if (span_h > padded_h || span_w > padded_w) return FC_EMPTY;
    op->kind = FC_CONV2D;
    op->in_h = in_h, op->in_w = in_w, op->in_c = in_c, op->out_c = out_c;
    op->out_h = (padded_h - span_h) / o->stride_h + 1;
    op->out_w = (padded_w - span_w) / o->stride_w + 1;
    op->in_size = in_h, op->out_size = op->out_h, op->w_size = o->filter_h;
    if (!fc_grow(&op->in_size, in_w) || !fc_grow(&op->in_size, in_c) || !fc_grow(&op->out_size, op->out_w) ||
        !fc_grow(&op->out_size, out_c) || !fc_grow(&op->w_size, o->filter_w) ||
        !fc_grow(&op->w_size, in_c / o->groups) || !fc_grow(&op->w_size, out_c))
        return FC_OVERFLOW;
    ptrdiff_t padded = padded_h;
    if (!fc_grow(&padded, padded_w) || !fc_grow(&padded, in_c)) return FC_OVERFLOW;
    op->b_size = bias ? out_c : 0;
    op->packed_size = op->w_size / out_c * o->groups * fc_round_up(out_c / o->groups, fc_k->nr);
    op->cost = (double)op->out_h * (double)op->out_w * (double)op->w_size;
    o->block_h = fc_balanced(op->out_h, FC_PIXELS / op->out_w);
    const ptrdiff_t rows = (o->block_h - 1) * o->stride_h + span_h;
    op->scratch = rows * ((op->out_w - 1) * o->stride_w + span_w) * in_c + 2 * o->filter_h * o->filter_w + 64;
    fc_status status = fc_depthwise_init(op);
    if (status == FC_OK && !o->depthwise) status = fc_conv2d_size_data(op);
    if (status == FC_OK && !o->depthwise) status = fc_conv2d_size_weights(op);
    if (status == FC_OK && window->connections)
        status = fc_conv2d_set_table(op, window->connections);
    else if (status == FC_OK && !o->depthwise && !o->exact)
        fc_winograd_init(op);
    return status == FC_OK && op->scratch > LARGEST_SCRATCH ? FC_OVERFLOW : status;
}

const float *fc_conv2d_padded(const float *x, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, ptrdiff_t row0, ptrdiff_t rows,
                              ptrdiff_t col0, ptrdiff_t cols, float *copy, ptrdiff_t *row_step)
{
    if (row0 >= 0 && row0 + rows <= h && col0 >= 0 && col0 + cols <= w) {
        *row_step = w * c;
        return x + (row0 * w + col0) * c;
    }
    *row_step = cols * c;
    const ptrdiff_t left = fc_min(cols, fc_max(0, -col0)), from = fc_max(0, col0);
    const ptrdiff_t inside = fc_max(0, fc_min(w - from, cols - left));
    for (ptrdiff_t r = 0; r < rows; r++) {
        float *d = copy + r * cols * c;
        if (row0 + r < 0 || row0 + r >= h || inside == 0) {
            memset(d, 0, (size_t)(cols * c) * sizeof *d);
            continue;
        }
        memset(d, 0, (size_t)(left * c) * sizeof *d);
        memcpy(d + left * c, x + ((row0 + r) * w + from) * c, (size_t)(inside * c) * sizeof *d);
        memset(d + (left + inside) * c, 0, (size_t)((cols - left - inside) * c) * sizeof *d);
    }
    return copy;
}

/* PACK, forward: item = (group, column tile); packed [group][tile][filter_h][filter_w][in_c/groups][NR]. */
static void pack_forward(const fc_op *op, const float *w, float *packed, ptrdiff_t item)
{
    const ptrdiff_t groups = op->u.conv2d.groups, ocg = op->out_c / groups, nr = fc_k->nr;
    const ptrdiff_t tiles = fc_ceil_div(ocg, nr), g = item / tiles, t = item % tiles, k = op->w_size / op->out_c;
    fc_k->pack(k, fc_min(nr, ocg - t * nr), w + g * ocg + t * nr, op->out_c, packed + item * k * nr);
}

/* Items of PACK for the forward pass, and for the data pass. */
static ptrdiff_t pack_items(const fc_op *op, fc_pass pass)
{
    const ptrdiff_t groups = op->u.conv2d.groups;
    if (fc_depthwise_serves(op, pass)) return 0;
    if (pass == FC_FORWARD) return groups * fc_ceil_div(op->out_c / groups, fc_k->nr);
    return groups * (fc_winograd_serves(op, FC_DATA) ? fc_ceil_div(op->in_c / groups, fc_k->nr) : 1);
}

static void pack(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->u.conv2d.connections) {
        fc_conv2d_table_pack(op, io, work);
        return;
    }
    if (op->lanes) {
        fc_conv2d_lanes_pack(op, io);
        return;
    }
    const ptrdiff_t tiles = pack_items(op, FC_FORWARD);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const fc_pass pass = item < tiles ? FC_FORWARD : FC_DATA;
        float *packed = item < tiles ? io->packed : io->packed_t;
        const ptrdiff_t at = item < tiles ? item : item - tiles;
        if (!packed) continue;
        if (fc_winograd_serves(op, pass))
            fc_winograd_pack(op, pass, io->w, packed, at);
        else if (pass == FC_FORWARD)
            pack_forward(op, io->w, packed, at);
        else
            fc_conv2d_pack_data(op, io, at);
    }
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
                                        (op->out_w - 1) * o->stride_w + span_w, scratch + fc_round_up(2 * runs, 16), &step);
    for (ptrdiff_t r = 0; r < runs; r++)
        run[r] = whole ? r * o->dilation_h * step
                       : r / o->filter_w * o->dilation_h * step + r % o->filter_w * o->dilation_w * op->in_c;
    for (ptrdiff_t g = 0; g < o->groups; g++) {
        const fc_correlation c = {
            .src = src + g * icg, .src_row = o->stride_h * step, .src_col = o->stride_w * op->in_c,
            .dst = y + g * ocg, .dst_row = op->out_w * op->out_c, .dst_col = op->out_c,
            .rows = rows, .cols = op->out_w,
            .run = run, .runs = runs, .len = whole ? o->filter_w * icg : icg,
            .packed = io->packed + g * (op->packed_size / o->groups), .n = ocg,
            .bias = io->b ? io->b + g * ocg : NULL,
        };
        fc_correlate(&c);
    }
    if (op->activation != FC_LINEAR) fc_k->activate(op->activation, op->alpha, rows * op->out_w * op->out_c, y, y);
}

/* One plane, few filters: vectors of neighbouring pixels times single weights, V × filters at a time, turned round on the way
 * out. Sums keep the order of forward_rows. */
static int is_planar(const fc_op *op)
{
    const fc_conv2d *o = &op->u.conv2d;
    return fc_k->v > 1 && op->in_c == 1 && op->out_c <= fc_k->v && o->stride_w == 1 && op->out_w >= fc_k->v &&
           o->filter_h * o->filter_w <= FC_DEPTH;
}

static void forward_planar(const fc_op *op, const fc_io *io, const float *x, float *y, ptrdiff_t row, ptrdiff_t rows,
                           float *scratch)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t v = fc_k->v, n = op->out_c, span_h = (o->filter_h - 1) * o->dilation_h + 1;
    const ptrdiff_t span_w = (o->filter_w - 1) * o->dilation_w + 1;
    float tile[2 * FC_MAX_NR * FC_MAX_NR];
    ptrdiff_t step;
    const float *src = fc_conv2d_padded(x, op->in_h, op->in_w, 1, row * o->stride_h - o->pad_top,
                                        (rows - 1) * o->stride_h + span_h, -o->pad_left, op->out_w - 1 + span_w, scratch,
                                        &step);
    const fc_lanes in = {.runs = o->filter_h, .len = o->filter_w, .a_run = o->filter_w * n, .a_step = n, .a_row = 1,
                         .b_run = o->dilation_h * step, .b_step = o->dilation_w, .b_pixel = v, .c_pixel = n * v};
    const ptrdiff_t width = op->out_w < 2 * v ? v : 2 * v; /* the last vectors of a row overlap others */
    for (ptrdiff_t r = 0; r < rows; r++, src += o->stride_h * step, y += op->out_w * n) {
        for (ptrdiff_t p = 0; p < op->out_w; p += width) {
            const ptrdiff_t at = fc_min(p, op->out_w - width);
            fc_k->lanes_gemm(n, width / v, &in, io->w, src + at, io->b, tile);
            for (ptrdiff_t i = 0; i < width / v; i++) fc_k->from_lanes(v, n, tile + i * n * v, y + (at + i * v) * n, n);
        }
    }
    if (op->activation != FC_LINEAR) {
        const ptrdiff_t size = rows * op->out_w * n;
        fc_k->activate(op->activation, op->alpha, size, y - size, y - size);
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->u.conv2d.connections) {
        fc_conv2d_table_forward(op, io, work);
        return;
    }
    if (op->lanes) {
        fc_conv2d_lanes_forward(op, io, work);
        return;
    }
    if (fc_depthwise_serves(op, FC_FORWARD)) {
        fc_depthwise_forward(op, io, work);
        return;
    }
    if (fc_winograd_serves(op, FC_FORWARD)) {
        fc_winograd_forward(op, io, work);
        return;
    }
    const ptrdiff_t block = op->u.conv2d.block_h, blocks = fc_ceil_div(op->out_h, block);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / blocks, row = item % blocks * block;
        float *y = fc_row(&io->y, image, work) + row * op->out_w * op->out_c;
        (is_planar(op) ? forward_planar : forward_rows)(op, io, fc_row(&io->x, image, work), y, row,
                                                        fc_min(block, op->out_h - row), work->scratch);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->u.conv2d.connections)
        fc_conv2d_table_data(op, io, work);
    else if (op->lanes)
        fc_conv2d_lanes_data(op, io, work);
    else
        fc_conv2d_data(op, io, work, NULL, FC_LINEAR);
}

const char *fc_op_algorithm(const fc_op *op, fc_pass pass)
{
    if (op->kind == FC_CONV2D_TRANSPOSE) {
        const fc_op conv = fc_conv2d_transposed(op);
        return fc_op_algorithm(&conv, pass == FC_FORWARD ? FC_DATA : pass == FC_DATA ? FC_FORWARD : pass);
    }
    if (op->kind != FC_CONV2D) return "direct";
    if (fc_depthwise_serves(op, pass)) return "depthwise";
    return fc_winograd_serves(op, pass) ? fc_winograd_name(op, pass) : "direct";
}

fc_cut fc_conv2d_cut(const fc_op *op, fc_pass pass)
{
    if (pass == FC_PACK || pass == FC_REDUCE) return FC_BY_BLOCK;
    if (pass == FC_WEIGHTS) return op->partial ? FC_BY_CHUNK : FC_BY_BLOCK;
    return op->lanes ? FC_BY_CHUNK : FC_BY_IMAGE;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    const fc_conv2d *o = &op->u.conv2d;
    if (op->lanes && pass != FC_REDUCE && (pass != FC_PACK || !o->connections)) return 1;
    if (fc_depthwise_serves(op, pass)) return fc_depthwise_items(op, pass);
    if (fc_winograd_serves(op, pass)) return fc_winograd_items(op, pass);
    switch (pass) {
    case FC_PACK: return o->connections ? 2 : pack_items(op, FC_FORWARD) + pack_items(op, FC_DATA);
    case FC_FORWARD: return fc_ceil_div(op->out_h, o->block_h);
    case FC_DATA: return fc_conv2d_data_blocks(op);
    case FC_WEIGHTS: return fc_conv2d_weight_blocks(op);
    case FC_REDUCE: return fc_reduce_items(op);
    default: return 1;
    }
}

/* By direct sums: Winograd's of both signs would leave small second derivatives negative. */
static fc_status set_curvature(fc_op *op)
{
    if (op->u.conv2d.winograd) {
        fc_conv2d window = op->u.conv2d;
        const fc_activation activation = op->activation;
        const float alpha = op->alpha;
        const ptrdiff_t down = (op->out_h - 1) * window.stride_h + (window.filter_h - 1) * window.dilation_h + 1;
        const ptrdiff_t across = (op->out_w - 1) * window.stride_w + (window.filter_w - 1) * window.dilation_w + 1;
        window.exact = 1;
        const fc_status status = fc_conv2d_init(op, op->in_h, op->in_w, op->in_c, op->out_c, &window,
                                                fc_max(0, down - window.pad_top - op->in_h),
                                                fc_max(0, across - window.pad_left - op->in_w), op->b_size > 0);
        if (status != FC_OK) return status;
        op->activation = activation, op->alpha = alpha;
    }
    return fc_of_curvature(op);
}

static unsigned correct(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch, unsigned needs)
{
    (void)io, (void)batch;
    if (pass == FC_FORWARD && is_planar(op)) needs |= FC_W;
    return op->u.conv2d.connections ? needs : needs & ~(unsigned)FC_TABLE;
}

const fc_op_class fc_conv2d_class = {
    {[FC_PACK] = pack, [FC_FORWARD] = forward, [FC_MASK] = fc_mask, [FC_DATA] = data, [FC_WEIGHTS] = fc_conv2d_weights,
     [FC_REDUCE] = fc_reduce}, fc_conv2d_cut, items,
    .needs = {[FC_PACK] = FC_W | FC_TABLE, [FC_FORWARD] = FC_X | FC_Y | FC_PACKED | FC_B | FC_TABLE, [FC_MASK] = FC_Y | FC_DY,
              [FC_DATA] = FC_DX | FC_DY | FC_PACKED_T | FC_TABLE,
              [FC_WEIGHTS] = FC_X | FC_DY | FC_PARTIAL | FC_DW | FC_DB | FC_TABLE, [FC_REDUCE] = FC_PARTIAL | FC_DW | FC_DB},
    .correct = correct, .set_lanes = fc_conv2d_set_lanes, .set_curvature = set_curvature, .folds = 1,
};
