/* FORWARD in eight bits, by direct sums: what is read becomes whole numbers of 0 … 255, weights such of −127 … 127.
 *
 *     y[oc] = s·t[oc] · Σ q·u + b[oc],    q = round(x/s) in −z … 255 − z,    u = round(w/t),    t[oc] = max |w| / 127
 *
 * s and z belong to the op (fc_conv2d_set_int8); t is 0 below 2^-126, and NaN if a weight of the channel is NaN or infinite. The
 * sums are exact: of bytes where the CPU has instructions for them (kernels/int8.h), else of floats, so few at a time that all
 * are whole numbers below 2^24. So bits depend on nothing but the formula.
 * packed [group][tile]: s·t [NR], −z·Σu [NR], u. Threads: as conv2d_direct.c. */
#include <float.h>
#include <math.h>

#include "conv2d_direct.h"
#include "correlate.h"

#define EXACT 512 /* products of a sum of floats: 512 · 255 · 127 < 2^24 */

/* Products of a tap's row, as they are packed: of bytes four at a time. */
static ptrdiff_t depth(const fc_op *op)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t row = o->filter_w * (op->in_c / o->groups);
    return fc_has_dots ? fc_ceil_div(row, 4) : row;
}

static ptrdiff_t tiles(const fc_op *op) { return fc_ceil_div(op->out_c / op->u.conv2d.groups, fc_k->nr); }
static ptrdiff_t tile_size(const fc_op *op) { return (2 + op->u.conv2d.filter_h * depth(op)) * fc_k->nr; }

static int fits(const fc_op *op, fc_pass pass) { return pass == FC_FORWARD && op->u.conv2d.x_scale > 0; }

static fc_status size(fc_op *op, fc_pass pass)
{
    const fc_status status = fc_conv2d_direct.size(op, pass); /* its scratch is for floats, and for all groups */
    op->packed_size = op->u.conv2d.groups * tiles(op) * tile_size(op);
    return status;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass) { return fc_conv2d_direct.items(op, pass); }

static ptrdiff_t pack_items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return op->u.conv2d.groups * tiles(op);
}

static void pack(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t item, float *packed, float *scratch)
{
    (void)pass, (void)scratch;
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t ocg = op->out_c / o->groups, nr = fc_k->nr, first = item % tiles(op) * nr, n = fc_min(nr, ocg - first);
    const ptrdiff_t k = op->w_size / op->out_c, row = k / o->filter_h;
    const float *w = io->w + item / tiles(op) * ocg + first;
    float *scale = packed + item * tile_size(op), *u = scale + 2 * nr, step[FC_MAX_NR] = {0};
    int32_t *start = (int32_t *)(scale + nr);
    memset(scale, 0, (size_t)tile_size(op) * sizeof *scale);
    for (ptrdiff_t i = 0; i < k; i++)
        for (ptrdiff_t j = 0; j < n; j++) {
            const float a = fabsf(w[i * op->out_c + j]);
            if (a > step[j] || a != a) step[j] = a; /* NaN stays */
        }
    for (ptrdiff_t j = 0; j < n; j++) {
        const float t = step[j] / 127.0f;
        step[j] = t >= FLT_MIN && t <= FLT_MAX ? t : 0.0f;
        scale[j] = t <= FLT_MAX ? o->x_scale * step[j] : NAN;
    }
    for (ptrdiff_t i = 0; i < k; i++)
        for (ptrdiff_t j = 0; j < n; j++) {
            const float q = step[j] > 0 ? rintf(w[i * op->out_c + j] / step[j]) : 0.0f;
            const ptrdiff_t at = i % row;
            start[j] -= o->x_zero * (int32_t)q;
            if (fc_has_dots)
                ((int8_t *)u)[((i / row * depth(op) + at / 4) * nr + j) * 4 + at % 4] = (int8_t)q;
            else
                u[i * nr + j] = q;
        }
}

/* Rows from `row0` and columns from `col0` on of group g, zero outside the image, as bytes q + z or as floats q. */
static void quantized(const fc_op *op, const float *x, ptrdiff_t g, ptrdiff_t row0, ptrdiff_t rows, ptrdiff_t col0, ptrdiff_t cols,
                      void *copy)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t c = op->in_c / o->groups, left = fc_min(cols, fc_max(0, -col0)), from = fc_max(0, col0);
    const ptrdiff_t inside = fc_max(0, fc_min(op->in_w - from, cols - left)), size = fc_has_dots ? 1 : sizeof(float);
    const ptrdiff_t pieces = o->groups > 1 ? inside : 1, n = inside * c / fc_max(1, pieces);
    const float low = -(float)o->x_zero, high = 255.0f - (float)o->x_zero, inverse = 1.0f / o->x_scale;
    memset(copy, fc_has_dots ? o->x_zero : 0, (size_t)(rows * cols * c * size));
    for (ptrdiff_t r = fc_max(0, -row0); r < rows && row0 + r < op->in_h; r++)
        for (ptrdiff_t p = 0; p < pieces && inside > 0; p++) {
            const float *from_x = x + ((row0 + r) * op->in_w + from + p) * op->in_c + g * c;
            const ptrdiff_t at = (r * cols + left + p) * c;
            fc_k->quantize(n, from_x, inverse, low, high, fc_has_dots ? NULL : (float *)copy + at, (uint8_t *)copy + at);
        }
}

/* What int8_gemm does, on floats. */
static void on_floats(ptrdiff_t m, ptrdiff_t n, const fc_rows *to, const fc_inner *in, const float *u, const float *scale,
                      const float *bias)
{
    const ptrdiff_t nr = fc_k->nr, runs = fc_max(1, EXACT / in->len);
    float part[FC_MAX_MR * FC_MAX_NR];
    int32_t sum[FC_MAX_MR * FC_MAX_NR] = {0};
    fc_rows rows;
    for (ptrdiff_t t = 0; t < fc_k->mr; t++) rows.c[t] = part + t * nr;
    for (ptrdiff_t r = 0; r < in->runs; r += runs)
        for (ptrdiff_t k = 0; k < in->len; k += EXACT) {
            const ptrdiff_t count = fc_min(runs, in->runs - r), len = fc_min(EXACT, in->len - k);
            const fc_inner some = {in->run + r, count, len, 1, nr, fc_chains_of(count, len, 0)};
            for (ptrdiff_t t = 0; t < fc_k->mr; t++) rows.a[t] = to->a[t] + k;
            fc_k->gemm(m, nr, &rows, &some, u + (r * in->len + k) * nr, NULL, 0);
            for (ptrdiff_t i = 0; i < m * nr; i++) sum[i] += (int32_t)part[i];
        }
    for (ptrdiff_t i = 0; i < m; i++)
        for (ptrdiff_t j = 0; j < n; j++) to->c[i][j] = (float)sum[i * nr + j] * scale[j] + (bias ? bias[j] : 0.0f);
}

/* Pixels, whose offsets in `copy` and y are given, times tiles from u on, of n channels. */
static void products(const fc_op *op, ptrdiff_t count, const ptrdiff_t *src, const ptrdiff_t *dst, const void *copy, float *y,
                     const fc_inner *in, const float *packed, ptrdiff_t n, const float *bias)
{
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr, height = fc_balanced(count, mr);
    for (ptrdiff_t j = 0; j < n; j += nr, packed += tile_size(op))
        for (ptrdiff_t i = 0; i < count; i += height) {
            const ptrdiff_t m = fc_min(height, count - i), columns = fc_min(nr, n - j);
            const float *u = packed + 2 * nr, *b = bias ? bias + j : NULL;
            fc_byte_rows bytes;
            fc_rows rows;
            for (ptrdiff_t t = 0; t < mr; t++) {
                const ptrdiff_t p = t < m ? i + t : i;
                rows.c[t] = bytes.c[t] = y + dst[p] + j;
                if (fc_has_dots)
                    bytes.a[t] = (const uint8_t *)copy + src[p];
                else
                    rows.a[t] = (const float *)copy + src[p];
            }
            if (fc_has_dots)
                fc_k->int8_gemm(m, columns, &bytes, in, (const int8_t *)u, (const int32_t *)(packed + nr), packed, b);
            else
                on_floats(m, columns, &rows, in, u, packed, b);
        }
}

static void forward_rows(const fc_op *op, const fc_io *io, const float *x, float *y, ptrdiff_t row, ptrdiff_t rows,
                         ptrdiff_t channel, ptrdiff_t channels, float *scratch)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t icg = op->in_c / o->groups, ocg = op->out_c / o->groups, y_c = fc_y_c(op), pixels = rows * op->out_w;
    const ptrdiff_t tall = (rows - 1) * o->stride_h + (o->filter_h - 1) * o->dilation_h + 1;
    const ptrdiff_t cols = (op->out_w - 1) * o->stride_w + o->filter_w;
    ptrdiff_t *run = (ptrdiff_t *)scratch, src[FC_PIXELS], dst[FC_PIXELS];
    void *copy = scratch + fc_round_up(2 * o->filter_h, FC_LINE);
    for (ptrdiff_t r = 0; r < o->filter_h; r++) run[r] = r * o->dilation_h * cols * icg;
    const fc_inner in = {run, o->filter_h, o->filter_w * icg, 1, fc_k->nr, fc_chains_of(o->filter_h, o->filter_w * icg, 0)};
    for (ptrdiff_t c = channel, g = c / ocg, end; c < channel + channels; c = end, g++) {
        end = fc_min((g + 1) * ocg, channel + channels);
        quantized(op, x, g, row * o->stride_h - o->pad_top, tall, -o->pad_left, cols, copy);
        const float *packed = io->packed + (g * tiles(op) + (c - g * ocg) / fc_k->nr) * tile_size(op);
        for (ptrdiff_t first = 0; first < pixels; first += FC_PIXELS) {
            const ptrdiff_t count = fc_min(FC_PIXELS, pixels - first);
            for (ptrdiff_t i = 0; i < count; i++) {
                const ptrdiff_t h = (first + i) / op->out_w, w = (first + i) % op->out_w;
                src[i] = (h * o->stride_h * cols + w * o->stride_w) * icg, dst[i] = (first + i) * y_c + c;
            }
            products(op, count, src, dst, copy, y, &in, packed, end - c, io->b ? io->b + c : NULL);
        }
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work) { fc_direct_forward(op, io, work, forward_rows); }

const fc_conv2d_algorithm fc_conv2d_int8 = {
    .name = "int8", .fits = fits, .size = size, .items = items, .pack_items = pack_items, .pack = pack, .forward = forward,
};
