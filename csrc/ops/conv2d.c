/* Two-dimensional convolution (cross-correlation), NHWC, direct: no im2col buffer.
 *
 *     y[oh][ow][oc] = b[oc] + Σ_{fh,fw,ic} x[oh·s − p + fh·d][ow·s − p + fw·d][ic] · w[fh][fw][ic][oc]
 *     dx[ih][iw][ic] = Σ over (fh, fw, oc) with oh·s − p + fh·d = ih of dy[oh][ow][oc] · w[fh][fw][ic][oc]
 *
 * x [in_h][in_w][in_c], w [filter_h][filter_w][in_c/groups][out_c], y [out_h][out_w][out_c]; within group g, input
 * channels g·in_c/groups … and output channels g·out_c/groups ….
 * Padding is a zero-edged copy of the rows at hand. DATA: input rows ih = q·s + residue; for each residue, dx is a stride-1
 * correlation of dy with the taps whose offset δ = (residue + p − f·d)/s is whole. A *class* is a range of residues in
 * both directions; its columns are (residue_h, residue_w, ic), where taps that a column lacks weigh 0 (so NaN and infinity
 * in dy reach its neighbours within a stride). Weights gradient: conv2d_weights.c.
 * A convolution may have a table of connections, pairs of an input and an output channel, and weights for these alone: conv2d_table.c.
 * Threads: FORWARD and DATA by blocks of rows. */
#include "conv2d.h"
#include "correlate.h"
#include "in_lanes.h"

#define LARGEST_SCRATCH ((ptrdiff_t)1 << 30) /* floats per thread: a window that spans more is refused */

#define DATA_COPY 45056 /* floats of dy, zero edge included, that a block of DATA may copy: 176 KiB of 512 KiB of L2 */

#define MOST_JOINED 64  /* columns of a class of all residues */

/* What one residue class of DATA is made of. */
typedef struct {
    ptrdiff_t h0, h1, w0, w1;                  /* residues */
    ptrdiff_t top, bottom, left, right;        /* δ ranges */
    ptrdiff_t taps, columns;                   /* valid (δh, δw); columns per group */
} data_class;

/* The filter index that carries dy[q + delta] to dx[q·stride + residue], or −1. */
static ptrdiff_t tap(ptrdiff_t residue, ptrdiff_t pad, ptrdiff_t delta, ptrdiff_t stride, ptrdiff_t dilation,
                     ptrdiff_t filter)
{
    const ptrdiff_t t = residue + pad - delta * stride;
    return t >= 0 && t % dilation == 0 && t / dilation < filter ? t / dilation : -1;
}

/* Is any residue of [r0, r1) reached through this delta? */
static int reaches(ptrdiff_t r0, ptrdiff_t r1, ptrdiff_t pad, ptrdiff_t delta, ptrdiff_t stride, ptrdiff_t dilation,
                   ptrdiff_t filter)
{
    for (ptrdiff_t r = r0; r < r1; r++)
        if (tap(r, pad, delta, stride, dilation, filter) >= 0) return 1;
    return 0;
}

/* Valid deltas of one direction: their number, and the first and last. */
static ptrdiff_t deltas(ptrdiff_t r0, ptrdiff_t r1, ptrdiff_t pad, ptrdiff_t stride, ptrdiff_t dilation, ptrdiff_t filter,
                        ptrdiff_t *first, ptrdiff_t *last)
{
    ptrdiff_t count = 0;
    *first = *last = 0;
    for (ptrdiff_t d = fc_floor_div(r0 + pad - (filter - 1) * dilation, stride); d <= fc_floor_div(r1 - 1 + pad, stride); d++)
        if (reaches(r0, r1, pad, d, stride, dilation, filter)) {
            if (count++ == 0) *first = d;
            *last = d;
        }
    return count;
}

static ptrdiff_t residues(ptrdiff_t stride, ptrdiff_t in) { return fc_min(stride, in); }

static ptrdiff_t class_count(const fc_op *op)
{
    const fc_conv2d *o = &op->u.conv2d;
    return o->joined ? 1 : residues(o->stride_h, op->in_h) * residues(o->stride_w, op->in_w);
}

static data_class get_class(const fc_op *op, ptrdiff_t i)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t rh = residues(o->stride_h, op->in_h), rw = residues(o->stride_w, op->in_w);
    data_class k = {0, rh, 0, rw, 0, 0, 0, 0, 0, 0};
    if (!o->joined) k.h0 = i / rw, k.h1 = k.h0 + 1, k.w0 = i % rw, k.w1 = k.w0 + 1;
    k.taps = deltas(k.h0, k.h1, o->pad_top, o->stride_h, o->dilation_h, o->filter_h, &k.top, &k.bottom) *
             deltas(k.w0, k.w1, o->pad_left, o->stride_w, o->dilation_w, o->filter_w, &k.left, &k.right);
    k.columns = (k.h1 - k.h0) * (k.w1 - k.w0) * (op->in_c / o->groups);
    return k;
}

/* Floats of one group of one class in packed_t. */
static ptrdiff_t class_size(const fc_op *op, const data_class *k)
{
    return fc_round_up(k->columns, fc_k->nr) * k->taps * (op->out_c / op->u.conv2d.groups);
}

/* Rows of the class' grid: q with q·stride + h0 < in. */
static ptrdiff_t grid(ptrdiff_t in, ptrdiff_t residue, ptrdiff_t stride) { return fc_ceil_div(in - residue, stride); }

static fc_status size_data(fc_op *op)
{
    fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t icg = op->in_c / o->groups, rows = grid(op->in_h, 0, o->stride_h), cols = grid(op->in_w, 0, o->stride_w);
    const double joined = (double)o->stride_h * o->stride_w * icg;
    o->joined = (o->stride_h > 1 || o->stride_w > 1) && icg < 8 && joined <= MOST_JOINED;
    o->data_h = fc_balanced(rows, fc_max(FC_PIXELS / cols, DATA_COPY / (cols * op->out_c)));
    ptrdiff_t run = 0;
    for (ptrdiff_t i = 0; i < class_count(op); i++) {
        const data_class k = get_class(op, i);
        ptrdiff_t size = fc_round_up(k.columns, fc_k->nr), copy = o->data_h + k.bottom - k.top;
        if (!fc_grow(&size, k.taps) || !fc_grow(&size, op->out_c)) return FC_OVERFLOW;
        if (!fc_grow(&copy, cols + k.right - k.left) || !fc_grow(&copy, op->out_c)) return FC_OVERFLOW;
        op->packed_t_size += size;
        run = fc_max(run, k.taps);
        if (o->joined) copy += o->data_h * cols * k.columns;
        op->scratch = fc_max(op->scratch, copy + 2 * run + 64);
    }
    return FC_OK;
}

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
    if (status == FC_OK && !o->depthwise) status = size_data(op);
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

/* PACK, data: one class of one group; packed_t [class][group][tile][δh][δw][out_c/groups][NR]. */
static void pack_data(const fc_op *op, const data_class *k, const float *w, ptrdiff_t g, float *packed)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t nr = fc_k->nr, icg = op->in_c / o->groups, ocg = op->out_c / o->groups;
    for (ptrdiff_t j0 = 0; j0 < k->columns; j0 += nr)
        for (ptrdiff_t dh = k->top; dh <= k->bottom; dh++)
            for (ptrdiff_t dw = k->left; dw <= k->right; dw++) {
                if (!reaches(k->h0, k->h1, o->pad_top, dh, o->stride_h, o->dilation_h, o->filter_h) ||
                    !reaches(k->w0, k->w1, o->pad_left, dw, o->stride_w, o->dilation_w, o->filter_w))
                    continue;
                memset(packed, 0, (size_t)(ocg * nr) * sizeof *packed);
                for (ptrdiff_t j = j0; j < fc_min(j0 + nr, k->columns); j++) {
                    const ptrdiff_t ic = j % icg, residue = j / icg;
                    const ptrdiff_t rh = k->h0 + residue / (k->w1 - k->w0), rw = k->w0 + residue % (k->w1 - k->w0);
                    const ptrdiff_t fh = tap(rh, o->pad_top, dh, o->stride_h, o->dilation_h, o->filter_h);
                    const ptrdiff_t fw = tap(rw, o->pad_left, dw, o->stride_w, o->dilation_w, o->filter_w);
                    if (fh < 0 || fw < 0) continue;
                    const float *from = w + ((fh * o->filter_w + fw) * icg + ic) * op->out_c + g * ocg;
                    for (ptrdiff_t oc = 0; oc < ocg; oc++) packed[oc * nr + j - j0] = from[oc];
                }
                packed += ocg * nr;
            }
}

/* Items of PACK for the forward pass, and for the data pass. */
static ptrdiff_t pack_items(const fc_op *op, fc_pass pass)
{
    const ptrdiff_t groups = op->u.conv2d.groups;
    if (fc_depthwise_serves(op, pass)) return 0;
    if (pass == FC_FORWARD) return groups * fc_ceil_div(op->out_c / groups, fc_k->nr);
    return groups * (fc_winograd_serves(op, FC_DATA) ? fc_ceil_div(op->in_c / groups, fc_k->nr) : 1);
}

static void pack_direct_data(const fc_op *op, const fc_io *io, ptrdiff_t g)
{
    float *packed = io->packed_t;
    for (ptrdiff_t i = 0; i < class_count(op); i++) {
        const data_class k = get_class(op, i);
        pack_data(op, &k, io->w, g, packed + g * class_size(op, &k));
        packed += op->u.conv2d.groups * class_size(op, &k);
    }
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
            pack_direct_data(op, io, at);
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

/* Spreads columns (residue_h, residue_w, ic) of the grid rows at `from` over the pixels of dx. */
static void spread(const fc_op *op, const data_class *k, const float *from, ptrdiff_t q0, ptrdiff_t rows, ptrdiff_t cols,
                   ptrdiff_t g, float *dx)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t icg = op->in_c / o->groups;
    for (ptrdiff_t q = q0; q < q0 + rows; q++)
        for (ptrdiff_t p = 0; p < cols; p++, from += k->columns)
            for (ptrdiff_t rh = 0; rh < k->h1 && q * o->stride_h + rh < op->in_h; rh++) {
                const float *row = from + rh * k->w1 * icg;
                float *to = dx + ((q * o->stride_h + rh) * op->in_w + p * o->stride_w) * op->in_c + g * icg;
                const ptrdiff_t pixels = fc_min(k->w1, op->in_w - p * o->stride_w);
                if (icg == op->in_c) { /* all channels of the class: the residues of a row lie side by side */
                    memcpy(to, row, (size_t)(pixels * icg) * sizeof *to);
                    continue;
                }
                for (ptrdiff_t rw = 0; rw < pixels; rw++)
                    memcpy(to + rw * op->in_c, row + rw * icg, (size_t)icg * sizeof *to);
            }
}

static void data_rows(const fc_op *op, const data_class *k, const float *packed, const float *bias, const float *dy,
                      float *dx, ptrdiff_t q0, ptrdiff_t rows, float *scratch)
{
    float biases[MOST_JOINED];
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t icg = op->in_c / o->groups, ocg = op->out_c / o->groups, cols = grid(op->in_w, k->w0, o->stride_w);
    ptrdiff_t *run = (ptrdiff_t *)scratch, runs = 0, step;
    float *copy = scratch + fc_round_up(2 * k->taps, 16);
    const ptrdiff_t copy_w = cols + k->right - k->left, copy_h = rows + k->bottom - k->top;
    const float *src = fc_conv2d_padded(dy, op->out_h, op->out_w, op->out_c, q0 + k->top, copy_h, k->left, copy_w, copy,
                                        &step);
    float *joined = copy + copy_h * copy_w * op->out_c;
    for (ptrdiff_t dh = k->top; dh <= k->bottom; dh++)
        for (ptrdiff_t dw = k->left; dw <= k->right; dw++)
            if (reaches(k->h0, k->h1, o->pad_top, dh, o->stride_h, o->dilation_h, o->filter_h) &&
                reaches(k->w0, k->w1, o->pad_left, dw, o->stride_w, o->dilation_w, o->filter_w))
                run[runs++] = (dh - k->top) * step + (dw - k->left) * op->out_c;
    for (ptrdiff_t g = 0; g < o->groups; g++) {
        fc_correlation c = {
            .src = src + g * ocg, .src_row = step, .src_col = op->out_c,
            .dst = dx + ((q0 * o->stride_h + k->h0) * op->in_w + k->w0) * op->in_c + g * icg,
            .dst_row = o->stride_h * op->in_w * op->in_c, .dst_col = o->stride_w * op->in_c,
            .rows = rows, .cols = cols, .run = run, .runs = runs, .len = ocg,
            .packed = packed + g * class_size(op, k), .n = k->columns, .bias = bias ? bias + g * icg : NULL,
        };
        if (o->joined) {
            c.dst = joined, c.dst_row = cols * k->columns, c.dst_col = k->columns;
            for (ptrdiff_t j = 0; j < k->columns && bias; j++) biases[j] = bias[g * icg + j % icg];
            if (bias) c.bias = biases;
        }
        fc_correlate(&c);
        if (o->joined) spread(op, k, joined, q0, rows, cols, g, dx);
    }
}

void fc_conv2d_data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation)
{
    if (fc_depthwise_serves(op, FC_DATA)) {
        fc_depthwise_data(op, io, work, bias, activation);
        return;
    }
    if (fc_winograd_serves(op, FC_DATA)) {
        fc_winograd_data(op, io, work, bias, activation);
        return;
    }
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t blocks = fc_ceil_div(grid(op->in_h, 0, o->stride_h), o->data_h);
    const float *packed = io->packed_t;
    for (ptrdiff_t i = 0; i < class_count(op); i++) {
        const data_class k = get_class(op, i);
        for (ptrdiff_t item = work->first; item < work->last; item++) {
            const ptrdiff_t image = item / blocks, q0 = item % blocks * o->data_h;
            const ptrdiff_t rows = fc_min(o->data_h, grid(op->in_h, k.h0, o->stride_h) - q0);
            if (rows > 0)
                data_rows(op, &k, packed, bias, fc_row(&io->dy, image, work), fc_row(&io->dx, image, work), q0, rows,
                          work->scratch);
        }
        packed += o->groups * class_size(op, &k);
    }
    for (ptrdiff_t item = work->first; item < work->last && activation != FC_LINEAR; item++) {
        const ptrdiff_t row = item % blocks * o->data_h * o->stride_h, line = op->in_w * op->in_c;
        const ptrdiff_t rows = fc_min(o->data_h * o->stride_h, op->in_h - row);
        float *dx = fc_row(&io->dx, item / blocks, work) + row * line;
        fc_k->activate(activation, op->alpha, rows * line, dx, dx);
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
    case FC_DATA: return fc_ceil_div(grid(op->in_h, 0, o->stride_h), o->data_h);
    case FC_WEIGHTS: return fc_conv2d_weight_blocks(op);
    case FC_REDUCE: return fc_reduce_items(op);
    default: return 1;
    }
}

const fc_op_class fc_conv2d_class = {
    "conv2d",
    {[FC_PACK] = pack, [FC_FORWARD] = forward, [FC_MASK] = fc_mask, [FC_DATA] = data, [FC_WEIGHTS] = fc_conv2d_weights,
     [FC_REDUCE] = fc_reduce},
    fc_conv2d_cut, items,
};
