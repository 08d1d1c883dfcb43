/* Images distorted by a planar affine map drawn at random: moved, scaled, squeezed, sheared (LeCun et al. 1998, III.A).
 *
 *     y[oh][ow][c] = (x at (h, w) − mean)·scale
 *     w = (in_w − 1)/2 + (u − shear·v)/across     u = ow − (out_w − 1)/2 − t_w     across = zoom·squeeze
 *     h = (in_h − 1)/2 + v/down                   v = oh − (out_h − 1)/2 − t_h     down = zoom/squeeze
 *
 * x between pixels is bilinear, outside the image it is the background. t_h and t_w are uniform in ± translation pixels, zoom in
 * 1 ± scaling, squeeze in 1 ± squeezing (wider and flatter, or narrower and taller), shear in ± shearing. Without any of
 * them the image is centred: padded with background, or cropped.
 *
 * pixels: uint8 [batch][in_h][in_w][in_c], or x: float32 likewise; y [batch][out_h][out_w][in_c]. An image has one draw per seed
 * and epoch: blocks 2^62 + 2·index and the next of Philox. Threads: by image. */
#include <math.h>

#include "ops.h"

#define STREAM ((uint64_t)1 << 62) /* of the counter's low half: apart from crops (augment.c) */
#define MOST 0.9f /* of scaling and squeezing: coordinates stay whole numbers that a ptrdiff_t holds */
#define EPOCHS ((uint64_t)1 << 63) /* of its high half: apart from dropout */

fc_status fc_distort_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t out_h, ptrdiff_t out_w,
                          const fc_distort *distort)
{
    memset(op, 0, sizeof *op);
    const ptrdiff_t sizes[] = {in_h, in_w, in_c, out_h, out_w}, limit = (ptrdiff_t)1 << 20;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i] < 1) return FC_INVALID;
        if (sizes[i] > limit) return FC_OVERFLOW;
    }
    const fc_distort *d = distort;
    if (!(d->translation >= 0 && d->translation <= (float)limit && d->shearing >= 0 && d->shearing <= (float)limit)) return FC_INVALID;
    if (!(d->scaling >= 0 && d->scaling <= MOST && d->squeezing >= 0 && d->squeezing <= MOST)) return FC_INVALID;
    op->kind = FC_DISTORT;
    op->in_h = in_h, op->in_w = in_w, op->in_c = op->out_c = in_c, op->out_h = out_h, op->out_w = out_w;
    op->in_size = in_h, op->out_size = out_h;
    if (!fc_grow(&op->in_size, in_w) || !fc_grow(&op->in_size, in_c) || !fc_grow(&op->out_size, out_w) ||
        !fc_grow(&op->out_size, in_c))
        return FC_OVERFLOW;
    op->u.distort = *d;
    op->cost = 16.0 * (double)op->out_size;
    return FC_OK;
}

/* (h, w) of an output pixel: (h0, w0) + oh·(h_down, w_down) + ow·(0, w_across) */
typedef struct {
    double h0, w0, h_down, w_down, w_across;
} map;

/* In [−1, 1). */
static double symmetric(uint32_t word) { return (double)word * 0x1p-31 - 1; }

static map draw(const fc_op *op, const fc_io *io, ptrdiff_t image)
{
    const fc_distort *d = &op->u.distort;
    const uint64_t number = (uint64_t)(io->index ? io->index[image] : image), high = io->step | EPOCHS;
    uint32_t word[4], more[4];
    fc_k->philox(STREAM + 2 * number, high, io->seed, word);
    fc_k->philox(STREAM + 2 * number + 1, high, io->seed, more);
    const double zoom = 1 + d->scaling * symmetric(word[2]), squeeze = 1 + d->squeezing * symmetric(word[3]);
    const double across = zoom * squeeze, down = zoom / squeeze, shear = d->shearing * symmetric(more[0]);
    const double v0 = -(double)(op->out_h - 1) / 2 - d->translation * symmetric(word[0]);
    const double u0 = -(double)(op->out_w - 1) / 2 - d->translation * symmetric(word[1]);
    return (map){.h0 = (double)(op->in_h - 1) / 2 + v0 / down, .h_down = 1 / down,
                 .w0 = (double)(op->in_w - 1) / 2 + (u0 - shear * v0) / across, .w_down = -shear / across, .w_across = 1 / across};
}

/* The whole part, and the rest in [0, 1). */
static ptrdiff_t split(double x, float *rest)
{
    const double whole = floor(x);
    *rest = (float)(x - whole);
    return (ptrdiff_t)whole;
}

static float value(const fc_op *op, const uint8_t *pixels, const float *x, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c)
{
    if (h < 0 || h >= op->in_h || w < 0 || w >= op->in_w) return op->u.distort.background;
    const ptrdiff_t at = (h * op->in_w + w) * op->in_c + c;
    return pixels ? (float)pixels[at] : x[at];
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_distort *d = &op->u.distort;
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        const map m = draw(op, io, image);
        const uint8_t *pixels = io->pixels ? io->pixels + image * op->in_size : NULL;
        const float *x = io->pixels ? NULL : fc_row(&io->x, image, work);
        float *y = fc_row(&io->y, image, work);
        for (ptrdiff_t oh = 0; oh < op->out_h; oh++) {
            float below, right;
            const ptrdiff_t h = split(m.h0 + (double)oh * m.h_down, &below);
            for (ptrdiff_t ow = 0; ow < op->out_w; ow++) {
                const ptrdiff_t w = split(m.w0 + (double)oh * m.w_down + (double)ow * m.w_across, &right);
                for (ptrdiff_t c = 0; c < op->in_c; c++) {
                    const float a = value(op, pixels, x, h, w, c), b = value(op, pixels, x, h, w + 1, c);
                    const float e = value(op, pixels, x, h + 1, w, c), f = value(op, pixels, x, h + 1, w + 1, c);
                    const float upper = a + right * (b - a), lower = e + right * (f - e);
                    *y++ = (upper + below * (lower - upper) - d->mean) * d->scale;
                }
            }
        }
    }
}

static unsigned correct(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch, unsigned needs)
{
    (void)op, (void)pass, (void)batch;
    return io->pixels ? needs & ~(unsigned)FC_X : needs;
}

const fc_op_class fc_distort_class = {
    {[FC_FORWARD] = forward}, fc_by_image, fc_one_item,
    .needs = {[FC_FORWARD] = FC_X | FC_Y},
    .correct = correct,
};
