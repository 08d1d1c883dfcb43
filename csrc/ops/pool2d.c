/* Max, average, sum, soft and Lp pooling, NHWC.
 *
 *     y[oh][ow][c] = max, mean, sum, softmax-weighted mean or p-norm of x[oh·s − pad + i·d][ow·s − pad + j·d][c], i < pool_h, j < pool_w,
 *     padding left out (average with count_pad: the divisor is the part of the window within the padded image)
 * adaptive average: rows ⌊oh·in_h/out_h⌋ … ⌈(oh + 1)·in_h/out_h⌉, columns likewise; where these are steps of one size, as pool2d
 * Backward computes again from x what it needs: no index tensor.
 * In lanes a chunk is one image of V times as many channels.
 * Threads: by output rows; DATA, where windows meet, by image; in lanes by chunks. */
#include "ops.h"

/* Pixels from a window's first to its last, both counted. */
static ptrdiff_t reach(ptrdiff_t pool, ptrdiff_t dilation) { return (pool - 1) * dilation + 1; }

/* How many of a window's pixels from `at` on lie below `end`. */
static ptrdiff_t below(ptrdiff_t at, ptrdiff_t pool, ptrdiff_t dilation, ptrdiff_t end)
{
    return fc_min(pool, fc_max(0, dilation == 1 ? end - at : fc_ceil_div(end - at, dilation)));
}

/* Of a window's pixels from `at` on, the first inside an axis of size `in`, and how many there are. */
static ptrdiff_t inside(ptrdiff_t at, ptrdiff_t pool, ptrdiff_t dilation, ptrdiff_t in, ptrdiff_t *count)
{
    const ptrdiff_t outside = at < 0 ? below(at, pool, dilation, 0) : 0;
    *count = below(at, pool, dilation, in) - outside;
    return at + outside * dilation;
}

/* Has every window a pixel? One that begins before the image, and steps over it, has not. */
static int all_inside(ptrdiff_t out, ptrdiff_t in, ptrdiff_t before, ptrdiff_t pool, ptrdiff_t stride, ptrdiff_t dilation)
{
    ptrdiff_t count = dilation <= in || before < 1 << 20;
    for (ptrdiff_t i = 0; dilation > in && count && i < out && i * stride < before; i++)
        inside(i * stride - before, pool, dilation, in, &count);
    return count > 0;
}

/* out = ⌊(in + pads − pool)/s⌋ + 1 of windows that reach over so many pixels; ceil_mode rounds up but drops a window that would start
 * beyond in + pad_begin. */
static ptrdiff_t extent(ptrdiff_t in, ptrdiff_t before, ptrdiff_t after, ptrdiff_t pool, ptrdiff_t stride, int ceil_mode)
{
    const ptrdiff_t room = in + before + after - pool + (ceil_mode ? stride - 1 : 0);
    const ptrdiff_t out = room < 0 ? 0 : room / stride + 1;
    return ceil_mode && (out - 1) * stride >= in + before ? out - 1 : out;
}

fc_status fc_pool2d_init(fc_op *op, fc_kind kind, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c,
                         const fc_pool2d *window, int ceil_mode)
{
    memset(op, 0, sizeof *op);
    const fc_pool2d *o = window;
    op->u.pool2d = *window;
    const ptrdiff_t positive[] = {in_h, in_w, in_c, o->pool_h, o->pool_w, o->stride_h, o->stride_w, o->dilation_h, o->dilation_w};
    const ptrdiff_t pads[] = {o->pad_top, o->pad_bottom, o->pad_left, o->pad_right}, limit = (ptrdiff_t)1 << 31;
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++) {
        if (positive[i] < 1) return FC_INVALID;
        if (positive[i] >= limit) return FC_OVERFLOW;
    }
    const ptrdiff_t rows = reach(o->pool_h, o->dilation_h), cols = reach(o->pool_w, o->dilation_w);
    if (rows >= limit || cols >= limit) return FC_OVERFLOW;
    for (int i = 0; i < 4; i++)
        if (pads[i] < 0 || pads[i] >= (i < 2 ? rows : cols)) return FC_INVALID;
    if (kind == FC_LP_POOL2D && !(o->p >= 1)) return FC_INVALID;
    op->kind = kind;
    op->in_h = in_h, op->in_w = in_w, op->in_c = op->out_c = in_c;
    op->out_h = extent(in_h, o->pad_top, o->pad_bottom, rows, o->stride_h, ceil_mode);
    op->out_w = extent(in_w, o->pad_left, o->pad_right, cols, o->stride_w, ceil_mode);
    if (op->out_h < 1 || op->out_w < 1) return FC_EMPTY;
    if (!all_inside(op->out_h, in_h, o->pad_top, o->pool_h, o->stride_h, o->dilation_h) ||
        !all_inside(op->out_w, in_w, o->pad_left, o->pool_w, o->stride_w, o->dilation_w))
        return FC_INVALID;
    op->in_size = in_h, op->out_size = op->out_h;
    if (!fc_grow(&op->in_size, in_w) || !fc_grow(&op->in_size, in_c) || !fc_grow(&op->out_size, op->out_w) ||
        !fc_grow(&op->out_size, in_c))
        return FC_OVERFLOW;
    op->cost = (double)op->out_size * (double)fc_min(o->pool_h, in_h) * (double)fc_min(o->pool_w, in_w);
    op->cost *= kind == FC_SOFT_POOL2D || kind == FC_LP_POOL2D ? 4 : 0.125;
    return FC_OK;
}

/* Where window i of an adaptive axis begins; where it ends. */
static ptrdiff_t begin(ptrdiff_t i, ptrdiff_t in, ptrdiff_t out) { return i * in / out; }
static ptrdiff_t end(ptrdiff_t i, ptrdiff_t in, ptrdiff_t out) { return fc_ceil_div((i + 1) * in, out); }

/* Are the windows of one size, in steps of one size? */
static int regular(ptrdiff_t in, ptrdiff_t out, ptrdiff_t *pool, ptrdiff_t *stride)
{
    *pool = end(0, in, out);
    *stride = out > 1 ? begin(1, in, out) : 1;
    for (ptrdiff_t i = 1; i < out && *stride > 0; i++)
        if (begin(i, in, out) != i * *stride || end(i, in, out) != i * *stride + *pool) return 0;
    return *stride > 0;
}

fc_status fc_adaptive_avg_pool2d_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t out_h,
                                      ptrdiff_t out_w)
{
    const ptrdiff_t limit = (ptrdiff_t)1 << 31;
    fc_pool2d windows = {.pool_h = 1, .pool_w = 1, .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1, .p = 1};
    fc_status status = fc_pool2d_init(op, FC_AVG_POOL2D, in_h, in_w, in_c, &windows, 0);
    if (status != FC_OK) return status;
    if (out_h < 1 || out_w < 1) return FC_INVALID;
    if (out_h >= limit || out_w >= limit) return FC_OVERFLOW;
    const int rows = regular(in_h, out_h, &windows.pool_h, &windows.stride_h);
    const int cols = regular(in_w, out_w, &windows.pool_w, &windows.stride_w);
    if (rows && cols) return fc_pool2d_init(op, FC_AVG_POOL2D, in_h, in_w, in_c, &windows, 0);
    op->u.pool2d.adaptive = 1;
    op->out_h = op->out_size = out_h, op->out_w = out_w;
    if (!fc_grow(&op->out_size, out_w) || !fc_grow(&op->out_size, in_c)) return FC_OVERFLOW;
    op->cost = 0.25 * ((double)op->in_size + (double)op->out_size);
    return FC_OK;
}

static ptrdiff_t channels(const fc_op *op) { return op->in_c * (op->lanes ? fc_k->v : 1); }

/* The window of output (oh, ow), clipped; returns where it starts in x. */
static ptrdiff_t clip(const fc_op *op, ptrdiff_t oh, ptrdiff_t ow, fc_window *win, float *scale)
{
    const fc_pool2d *o = &op->u.pool2d;
    win->c = channels(op);
    const ptrdiff_t row = op->in_w * win->c;
    win->row = row * o->dilation_h, win->step = win->c * o->dilation_w;
    if (o->adaptive) {
        const ptrdiff_t top = begin(oh, op->in_h, op->out_h), left = begin(ow, op->in_w, op->out_w);
        win->h = end(oh, op->in_h, op->out_h) - top, win->w = end(ow, op->in_w, op->out_w) - left;
        *scale = (float)(1 / ((double)win->h * (double)win->w));
        return top * row + left * win->c;
    }
    const ptrdiff_t h0 = oh * o->stride_h - o->pad_top, w0 = ow * o->stride_w - o->pad_left;
    const ptrdiff_t h = inside(h0, o->pool_h, o->dilation_h, op->in_h, &win->h);
    const ptrdiff_t w = inside(w0, o->pool_w, o->dilation_w, op->in_w, &win->w);
    double count = (double)win->h * (double)win->w;
    if (o->count_pad)
        count = (double)below(h0, o->pool_h, o->dilation_h, op->in_h + o->pad_bottom) *
                (double)below(w0, o->pool_w, o->dilation_w, op->in_w + o->pad_right);
    *scale = op->kind == FC_SUM_POOL2D ? 1.0f : count > 0 ? (float)(1.0 / count) : 0.0f;
    return h * row + w * win->c;
}

/* The same, `at` being the window before it in the row: whole windows differ by where they are alone. */
static ptrdiff_t next_window(const fc_op *op, ptrdiff_t oh, ptrdiff_t ow, ptrdiff_t at, fc_window *win, float *scale)
{
    const fc_pool2d *o = &op->u.pool2d;
    const ptrdiff_t w0 = ow * o->stride_w - o->pad_left;
    if (ow > 0 && !o->adaptive && w0 >= o->stride_w && w0 + reach(o->pool_w, o->dilation_w) <= op->in_w)
        return at + o->stride_w * win->c;
    return clip(op, oh, ow, win, scale);
}

/* Is every pixel in exactly one window? */
static int tiles(const fc_op *op)
{
    const fc_pool2d *o = &op->u.pool2d;
    return !o->adaptive && o->dilation_h == 1 && o->dilation_w == 1 && o->stride_h == o->pool_h &&
           o->stride_w == o->pool_w && !o->pad_top && !o->pad_left && op->out_h * o->pool_h == op->in_h &&
           op->out_w * o->pool_w == op->in_w;
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t v = op->lanes ? fc_k->v : 1, c = channels(op);
    for (ptrdiff_t row = work->first; row < work->last; row++) {
        const ptrdiff_t image = row / op->out_h * v, oh = row % op->out_h;
        const float *x = fc_row(&io->x, image, work);
        float *y = fc_row(&io->y, image, work) + oh * op->out_w * c;
        fc_window win;
        float scale = 1;
        for (ptrdiff_t ow = 0, at = 0; ow < op->out_w; ow++, y += c) {
            at = next_window(op, oh, ow, at, &win, &scale);
            switch (op->kind) {
            case FC_MAX_POOL2D: fc_k->max_pool(&win, x + at, y); break;
            case FC_SOFT_POOL2D: fc_k->soft_pool(&win, x + at, y); break;
            case FC_LP_POOL2D: fc_k->lp_pool(&win, op->u.pool2d.p, x + at, y); break;
            default: fc_k->avg_pool(&win, scale, x + at, y); break;
            }
        }
    }
}

static ptrdiff_t items(const fc_op *op, fc_pass pass) { return pass == FC_FORWARD || tiles(op) ? op->out_h : 1; }

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t v = op->lanes ? fc_k->v : 1, c = channels(op);
    const int fresh = tiles(op);
    for (fc_part p = {0}; fc_next_part(work, items(op, FC_DATA), &p);) {
        const ptrdiff_t image = p.chunk * v, from = fresh ? p.first : 0, to = fresh ? p.last : op->out_h;
        const float *x = io->x.p ? fc_row(&io->x, image, work) : NULL;
        const float *dy = fc_row(&io->dy, image, work) + from * op->out_w * c;
        float *dx = fc_row(&io->dx, image, work);
        if (!fresh) memset(dx, 0, (size_t)(op->in_size * v) * sizeof *dx);
        fc_window win = {.fresh = fresh};
        float scale = 1;
        for (ptrdiff_t oh = from; oh < to; oh++)
            for (ptrdiff_t ow = 0, at = 0; ow < op->out_w; ow++, dy += c) {
                at = next_window(op, oh, ow, at, &win, &scale);
                const float spread = op->curvature ? scale * scale : scale;
                switch (op->kind) {
                case FC_MAX_POOL2D: fc_k->max_pool_backward(&win, x + at, dy, dx + at); break;
                case FC_SOFT_POOL2D: fc_k->soft_pool_backward(&win, x + at, dy, dx + at); break;
                case FC_LP_POOL2D: fc_k->lp_pool_backward(&win, op->u.pool2d.p, x + at, dy, dx + at); break;
                default: fc_k->avg_pool_backward(&win, spread, dy, dx + at); break;
                }
            }
    }
}

/* `read`: what DATA reads beside dy. */
#define POOL(op, read, curvature) \
    const fc_op_class fc_##op##_class = { \
        {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_lanes, items, \
        .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = (read) | FC_DX | FC_DY}, \
        .set_lanes = fc_in_lanes, .set_curvature = curvature, \
    }
POOL(max_pool2d, FC_X, fc_of_curvature);
POOL(avg_pool2d, 0, fc_of_curvature);
POOL(sum_pool2d, 0, fc_of_curvature);
POOL(soft_pool2d, FC_X, NULL);
POOL(lp_pool2d, FC_X, NULL);
