/* Gradient of conv2d's input by direct sums.
 *
 *     dx[ih][iw][ic] = Σ over (fh, fw, oc) with oh·s − p + fh·d = ih of dy[oh][ow][oc] · w[fh][fw][ic][oc]
 *
 * Input rows ih = q·s + residue; for each residue, dx is a stride-1 correlation of dy with the taps whose offset
 * δ = (residue + p − f·d)/s is whole. A *class* is a range of residues in both directions; its columns are
 * (residue_h, residue_w, ic), where taps that a column lacks weigh 0 (so NaN and infinity in dy reach its neighbours within a
 * stride). Without a stride, few channels leave most of a vector empty: some pixels of a row, *beside* each other, then are
 * residues, too (LeNet-5's c3: two pixels of six channels, 30 taps for both in the place of 25 for each).
 * Padding is a zero-edged copy of the rows of dy at hand.
 * Threads: by blocks of rows. */
#include "conv2d_direct.h"
#include "correlate.h"

#define DATA_COPY 45056 /* floats of dy, zero edge included, that a block of DATA may copy: 176 KiB of 512 KiB of L2 */
#define MOST_JOINED 64  /* columns of a class of all residues, … */
#define FEW 8           /* … of fewer channels */

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

static ptrdiff_t residues(ptrdiff_t step, ptrdiff_t in) { return fc_min(step, in); }

/* Pixels of dx from one column of the grid to the next. */
static ptrdiff_t step_w(const fc_conv2d *o) { return fc_max(o->stride_w, o->beside); }

static ptrdiff_t class_count(const fc_op *op)
{
    const fc_conv2d *o = &op->u.conv2d;
    return o->joined ? 1 : residues(o->stride_h, op->in_h) * residues(o->stride_w, op->in_w);
}

/* Columns of dy that a row of the grid reads. */
static ptrdiff_t copy_w(const fc_conv2d *o, const data_class *k, ptrdiff_t cols)
{
    return (cols - 1) * (step_w(o) / o->stride_w) + 1 + k->right - k->left;
}

/* Pixels beside each other: as many as fit in a vector, where they have taps enough in common. */
static ptrdiff_t pixels_beside(const fc_op *op)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t n = fc_min(fc_k->v / op->in_c, op->in_w);
    if (o->stride_h > 1 || o->stride_w > 1 || o->dilation_w > 1 || o->groups > 1 || n < 2) return 1;
    return 4 * (o->filter_w + n - 1) <= 3 * n * o->filter_w ? n : 1;
}

static data_class get_class(const fc_op *op, ptrdiff_t i)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t rh = residues(o->stride_h, op->in_h), rw = residues(step_w(o), op->in_w);
    data_class k = {0, rh, 0, rw, 0, 0, 0, 0, 0, 0};
    if (!o->joined) k.h0 = i / rw, k.h1 = k.h0 + 1, k.w0 = i % rw, k.w1 = k.w0 + 1;
    k.taps = deltas(k.h0, k.h1, o->pad_top, o->stride_h, o->dilation_h, o->filter_h, &k.top, &k.bottom) *
             deltas(k.w0, k.w1, o->pad_left, o->stride_w, o->dilation_w, o->filter_w, &k.left, &k.right);
    k.columns = (k.h1 - k.h0) * (k.w1 - k.w0) * (op->in_c / o->groups);
    return k;
}

/* Does dy[q + (dh, dw)] reach any column of the class? */
static int is_valid(const fc_conv2d *o, const data_class *k, ptrdiff_t dh, ptrdiff_t dw)
{
    return reaches(k->h0, k->h1, o->pad_top, dh, o->stride_h, o->dilation_h, o->filter_h) &&
           reaches(k->w0, k->w1, o->pad_left, dw, o->stride_w, o->dilation_w, o->filter_w);
}

/* Floats of one group of one class in packed_t. */
static ptrdiff_t class_size(const fc_op *op, const data_class *k)
{
    return fc_round_up(k->columns, fc_k->nr) * k->taps * (op->out_c / op->u.conv2d.groups);
}

/* Rows of the class' grid: q with q·stride + h0 < in. */
static ptrdiff_t grid(ptrdiff_t in, ptrdiff_t residue, ptrdiff_t stride) { return fc_ceil_div(in - residue, stride); }

fc_status fc_direct_size_data(fc_op *op)
{
    fc_conv2d *o = &op->u.conv2d;
    o->beside = pixels_beside(op);
    const ptrdiff_t icg = op->in_c / o->groups, rows = grid(op->in_h, 0, o->stride_h), cols = grid(op->in_w, 0, step_w(o));
    const double joined = (double)o->stride_h * o->stride_w * icg;
    o->joined = o->beside > 1 || ((o->stride_h > 1 || o->stride_w > 1) && icg < FEW && joined <= MOST_JOINED);
    o->data_h = fc_balanced(rows, fc_max(FC_PIXELS / cols, DATA_COPY / (cols * op->out_c)));
    ptrdiff_t run = 0;
    op->packed_t_size = 0;
    for (ptrdiff_t i = 0; i < class_count(op); i++) {
        const data_class k = get_class(op, i);
        ptrdiff_t size = fc_round_up(k.columns, fc_k->nr), copy = o->data_h + k.bottom - k.top;
        if (!fc_grow(&size, k.taps) || !fc_grow(&size, op->out_c)) return FC_OVERFLOW;
        if (!fc_grow(&copy, copy_w(o, &k, cols)) || !fc_grow(&copy, op->out_c)) return FC_OVERFLOW;
        op->packed_t_size += size;
        run = fc_max(run, k.taps);
        if (o->joined) copy += o->data_h * cols * k.columns;
        op->scratch = fc_max(op->scratch, copy + 2 * run + FC_MARGIN);
    }
    return FC_OK;
}

ptrdiff_t fc_direct_data_items(const fc_op *op)
{
    return fc_ceil_div(grid(op->in_h, 0, op->u.conv2d.stride_h), op->u.conv2d.data_h);
}

/* PACK, data: one class of one group; packed_t [class][group][tile][δh][δw][out_c/groups][NR]. */
static void pack_class(const fc_op *op, const data_class *k, const float *w, ptrdiff_t g, float *packed)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t nr = fc_k->nr, icg = op->in_c / o->groups, ocg = op->out_c / o->groups;
    for (ptrdiff_t j0 = 0; j0 < k->columns; j0 += nr)
        for (ptrdiff_t dh = k->top; dh <= k->bottom; dh++)
            for (ptrdiff_t dw = k->left; dw <= k->right; dw++) {
                if (!is_valid(o, k, dh, dw)) continue;
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

void fc_direct_pack_data(const fc_op *op, const float *w, ptrdiff_t g, float *packed)
{
    for (ptrdiff_t i = 0; i < class_count(op); i++) {
        const data_class k = get_class(op, i);
        pack_class(op, &k, w, g, packed + g * class_size(op, &k));
        packed += op->u.conv2d.groups * class_size(op, &k);
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
                float *to = dx + ((q * o->stride_h + rh) * op->in_w + p * step_w(o)) * op->in_c + g * icg;
                const ptrdiff_t pixels = fc_min(k->w1, op->in_w - p * step_w(o));
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
    const ptrdiff_t icg = op->in_c / o->groups, ocg = op->out_c / o->groups, cols = grid(op->in_w, k->w0, step_w(o));
    ptrdiff_t *run = (ptrdiff_t *)scratch, runs = 0, step;
    float *copy = scratch + fc_round_up(2 * k->taps, FC_LINE);
    const ptrdiff_t width = copy_w(o, k, cols), height = rows + k->bottom - k->top;
    const float *src = fc_conv2d_padded(dy, op->out_h, op->out_w, op->out_c, q0 + k->top, height, k->left, width, copy, &step);
    float *joined = copy + height * width * op->out_c;
    const int spreads = o->joined && !(o->beside > 1 && op->in_w % o->beside == 0); /* else dx has the columns as they are */
    for (ptrdiff_t dh = k->top; dh <= k->bottom; dh++)
        for (ptrdiff_t dw = k->left; dw <= k->right; dw++)
            if (is_valid(o, k, dh, dw)) run[runs++] = (dh - k->top) * step + (dw - k->left) * op->out_c;
    for (ptrdiff_t g = 0; g < o->groups; g++) {
        fc_correlation c = {
            .src = src + g * ocg, .src_row = step, .src_col = step_w(o) / o->stride_w * op->out_c,
            .dst = dx + ((q0 * o->stride_h + k->h0) * op->in_w + k->w0) * op->in_c + g * icg,
            .dst_row = o->stride_h * op->in_w * op->in_c, .dst_col = step_w(o) * op->in_c,
            .rows = rows, .cols = cols, .run = run, .runs = runs, .len = ocg,
            .packed = packed + g * class_size(op, k), .n = k->columns, .bias = bias ? bias + g * icg : NULL,
        };
        if (spreads) c.dst = joined, c.dst_row = cols * k->columns, c.dst_col = k->columns;
        if (o->joined) {
            for (ptrdiff_t j = 0; j < k->columns && bias; j++) biases[j] = bias[g * icg + j % icg];
            if (bias) c.bias = biases;
        }
        fc_correlate(&c);
        if (spreads) spread(op, k, joined, q0, rows, cols, g, dx);
    }
}

void fc_direct_data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t blocks = fc_direct_data_items(op);
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
