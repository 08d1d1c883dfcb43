/* Images enlarged by whole factors: each pixel repeated, or bilinear interpolation between the centres of pixels.
 *
 *     nearest    y[oh][ow][c] = x[⌊oh/s⌋][⌊ow/s⌋][c]                     dx = Σ of dy over the s × s pixels
 *     bilinear   y[oh][ow] = Σ_{i,j} W(oh, i)·W(ow, j)·x[i][j]           dx[i][j] = Σ_{oh,ow} W(oh, i)·W(ow, j)·dy[oh][ow]
 *
 * W(o, i) is what pixel i has in output o, whose centre lies at (o + ½)/s − ½: 1 less its distance, at least 0; beyond the
 * first and the last centre they have all. x [in_h][in_w][in_c], y [in_h·s][in_w·s][in_c]. Rows are blended first, in scratch,
 * then pixels. Threads: by rows. */
#include "ops.h"

fc_status fc_upsample2d_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t size_h, ptrdiff_t size_w,
                             int bilinear)
{
    memset(op, 0, sizeof *op);
    const ptrdiff_t limit = (ptrdiff_t)1 << 31, sizes[] = {in_h, in_w, in_c, size_h, size_w};
    for (int i = 0; i < 5; i++) {
        if (sizes[i] < 1) return FC_INVALID;
        if (sizes[i] >= limit) return FC_OVERFLOW;
    }
    op->kind = FC_UPSAMPLE2D;
    op->in_h = in_h, op->in_w = in_w, op->in_c = op->out_c = in_c;
    op->in_size = op->out_size = 1;
    op->out_h = in_h * size_h, op->out_w = in_w * size_w;
    if (!fc_grow(&op->in_size, in_h) || !fc_grow(&op->in_size, in_w) || !fc_grow(&op->in_size, in_c) ||
        !fc_grow(&op->out_size, op->out_h) || !fc_grow(&op->out_size, op->out_w) || !fc_grow(&op->out_size, in_c))
        return FC_OVERFLOW;
    op->u.upsample2d = (fc_upsample2d){size_h, size_w, bilinear};
    op->scratch = bilinear ? op->out_w * in_c : 0;
    op->cost = (bilinear ? 4.0 : 1.0) * (double)op->out_size;
    return FC_OK;
}

/* The two pixels that output o lies between, the same one at an edge, and their parts. */
typedef struct {
    ptrdiff_t at[2];
    float part[2];
} place;

static place place_of(ptrdiff_t o, ptrdiff_t size, ptrdiff_t in)
{
    const ptrdiff_t twice = 2 * size, t = 2 * o + 1 + size, below = t / twice - 1, rest = t % twice; /* t: 2·size further */
    return (place){{fc_max(below, 0), fc_min(below + 1, in - 1)},
                   {(float)((double)(twice - rest) / (double)twice), (float)((double)rest / (double)twice)}};
}

/* W(o, i) */
static float part_of(ptrdiff_t o, ptrdiff_t i, ptrdiff_t size, ptrdiff_t in)
{
    const place p = place_of(o, size, in);
    return (p.at[0] == i ? p.part[0] : 0.0f) + (p.at[1] == i ? p.part[1] : 0.0f);
}

static void repeat_pixels(const fc_op *op, const float *x, float *y)
{
    const ptrdiff_t c = op->in_c;
    for (ptrdiff_t iw = 0; iw < op->in_w; iw++, x += c)
        for (ptrdiff_t i = 0; i < op->u.upsample2d.size_w; i++, y += c) memcpy(y, x, (size_t)c * sizeof *y);
}

static void blend_pixels(const fc_op *op, const float *row, float *y)
{
    const ptrdiff_t c = op->in_c;
    for (ptrdiff_t ow = 0; ow < op->out_w; ow++, y += c) {
        const place p = place_of(ow, op->u.upsample2d.size_w, op->in_w);
        fc_k->blend(c, p.part[0], row + p.at[0] * c, p.part[1], row + p.at[1] * c, y);
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_upsample2d *o = &op->u.upsample2d;
    const ptrdiff_t line = op->in_w * op->in_c;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / op->out_h, oh = item % op->out_h;
        const float *x = fc_row(&io->x, image, work);
        float *y = fc_row(&io->y, image, work) + oh * op->out_w * op->in_c;
        if (!o->bilinear) {
            repeat_pixels(op, x + oh / o->size_h * line, y);
            continue;
        }
        const place p = place_of(oh, o->size_h, op->in_h);
        fc_k->blend(line, p.part[0], x + p.at[0] * line, p.part[1], x + p.at[1] * line, work->scratch);
        blend_pixels(op, work->scratch, y);
    }
}

/* to = Σ_o W(o, i)·from[o], n floats each, `step` from one to the next. */
static void gather(ptrdiff_t i, ptrdiff_t size, ptrdiff_t in, const float *from, ptrdiff_t step, ptrdiff_t n, float *to)
{
    const ptrdiff_t first = fc_max(0, i - 1) * size, last = fc_min(in, i + 2) * size;
    memset(to, 0, (size_t)n * sizeof *to);
    for (ptrdiff_t o = first; o < last; o++) {
        const float part = part_of(o, i, size, in);
        if (part > 0) fc_k->blend(n, part, from + o * step, 1.0f, to, to);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_upsample2d *o = &op->u.upsample2d;
    const ptrdiff_t c = op->in_c, line = op->out_w * c;
    const fc_window win = {.h = o->size_h, .w = o->size_w, .row = line, .step = c, .c = c};
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / op->in_h, ih = item % op->in_h;
        const float *dy = fc_row(&io->dy, image, work);
        float *dx = fc_row(&io->dx, image, work) + ih * op->in_w * c;
        if (o->bilinear) gather(ih, o->size_h, op->in_h, dy, line, line, work->scratch);
        for (ptrdiff_t iw = 0; iw < op->in_w; iw++, dx += c) {
            if (o->bilinear)
                gather(iw, o->size_w, op->in_w, work->scratch, c, c, dx);
            else
                fc_k->avg_pool(&win, 1.0f, dy + ih * o->size_h * line + iw * o->size_w * c, dx);
        }
    }
}

static ptrdiff_t items(const fc_op *op, fc_pass pass) { return pass == FC_FORWARD ? op->out_h : op->in_h; }

const fc_op_class fc_upsample2d_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_DX | FC_DY},
};
