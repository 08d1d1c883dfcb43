/* Photographs as a network takes them: cropped, mirrored, centred, scaled, relit, and mixed in pairs.
 *
 *     image(i)[h][w][c] = (x[i][top + h][left + w′][c] − mean)·scale[c] + light[c]·scale[c],   w′ = w, or crop_w − 1 − w
 *     y[i] = image(i),   or with partners   weight·image(i) + (1 − weight)·image(partner[i])
 *
 * pixels: uint8 [batch][in_h][in_w][in_c]; y: [batch][crop_h][crop_w][in_c]. The mean is a number per channel, or an image
 * [in_h][in_w][in_c] that is cropped and mirrored alike. light = (eigenvectors · eigenvalues · α), α three normal numbers.
 *
 * An image has one draw per seed and epoch, in both its roles: block 2·index of Philox holds top, left and flip, block
 * 2·index + 1 the normal numbers. So results depend on neither the cut into batches nor threads. Threads: by image. */
#include <math.h>

#include "ops.h"

#define STREAM ((uint64_t)1 << 63) /* of the counter's high half: apart from dropout's numbers */

fc_status fc_augment_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t crop_h, ptrdiff_t crop_w,
                          const fc_augment *augment)
{
    memset(op, 0, sizeof *op);
    if (in_c < 1 || in_c > FC_PIXEL || crop_h < 1 || crop_w < 1 || crop_h > in_h || crop_w > in_w) return FC_INVALID;
    if (augment->lit && in_c != 3) return FC_INVALID;
    op->kind = FC_AUGMENT;
    op->in_h = in_h, op->in_w = in_w, op->in_c = op->out_c = in_c, op->out_h = crop_h, op->out_w = crop_w;
    op->in_size = in_h;
    if (!fc_grow(&op->in_size, in_w) || !fc_grow(&op->in_size, in_c)) return FC_OVERFLOW;
    op->out_size = crop_h * crop_w * in_c; /* ≤ in_size */
    op->u.augment = *augment;
    op->scratch = 5 * fc_round_up(crop_w * in_c + 4, FC_LINE);
    op->cost = 8.0 * (double)op->out_size;
    return FC_OK;
}

typedef struct {
    ptrdiff_t top, left;
    int flip;
    float light[FC_PIXEL];
} draw;

static double uniform(uint32_t word) { return (double)word * 0x1p-32; }

/* Three normal numbers of four words, by Box and Muller. */
static void relight(const fc_augment *a, const uint32_t word[4], float light[FC_PIXEL])
{
    const double turn = 6.283185307179586;
    const double r = sqrt(-2.0 * log(uniform(word[0]) + 0x1p-32)), s = sqrt(-2.0 * log(uniform(word[2]) + 0x1p-32));
    const double normal[3] = {r * cos(turn * uniform(word[1])), r * sin(turn * uniform(word[1])),
                              s * cos(turn * uniform(word[3]))};
    for (int c = 0; c < 3; c++)
        light[c] = (float)(a->light[c][0] * normal[0] + a->light[c][1] * normal[1] + a->light[c][2] * normal[2]);
}

static draw draw_for(const fc_op *op, const fc_io *io, ptrdiff_t image)
{
    const fc_augment *a = &op->u.augment;
    const uint64_t number = (uint64_t)(io->index ? io->index[image] : image), high = io->step | STREAM;
    const ptrdiff_t room_h = op->in_h - op->out_h, room_w = op->in_w - op->out_w;
    uint32_t word[4];
    fc_k->philox(2 * number, high, io->seed, word);
    draw d = {.flip = a->flip == FC_ALWAYS || (a->flip == FC_SOMETIMES && word[2] >> 31)};
    switch (a->position) {
    case FC_RANDOM:
        d.top = (ptrdiff_t)(uniform(word[0]) * (double)(room_h + 1));
        d.left = (ptrdiff_t)(uniform(word[1]) * (double)(room_w + 1));
        break;
    case FC_TOP_LEFT: break;
    case FC_TOP_RIGHT: d.left = room_w; break;
    case FC_BOTTOM_LEFT: d.top = room_h; break;
    case FC_BOTTOM_RIGHT: d.top = room_h, d.left = room_w; break;
    default: d.top = room_h / 2, d.left = room_w / 2;
    }
    if (a->lit) {
        fc_k->philox(2 * number + 1, high, io->seed, word);
        relight(a, word, d.light);
    }
    return d;
}

/* n pixels of `size` bytes, last first; all but the first are moved as `move` ≥ size bytes, which may spoil the four behind
 * the last. */
static inline void reverse_by(ptrdiff_t n, ptrdiff_t size, size_t move, const char *from, char *to)
{
    from += (n - 1) * size;
    memcpy(to, from, (size_t)size);
    for (ptrdiff_t i = 1; i < n; i++) memcpy(to + i * size, from - i * size, move);
}

static void reverse(ptrdiff_t n, ptrdiff_t size, const void *from, void *to)
{
    switch (size) { /* constants, so that a move is an instruction or two */
    case 1: reverse_by(n, 1, 1, from, to); break;
    case 2: reverse_by(n, 2, 2, from, to); break;
    case 3: reverse_by(n, 3, 4, from, to); break;
    case 4: reverse_by(n, 4, 4, from, to); break;
    case 8: reverse_by(n, 8, 8, from, to); break;
    case 12: reverse_by(n, 12, 12, from, to); break;
    default: reverse_by(n, 16, 16, from, to);
    }
}

/* y (+)= weight·image(i). Scratch: rows of scales, shifts, means, mirrored means and mirrored bytes. */
static void convert(const fc_op *op, const fc_io *io, ptrdiff_t image, float weight, int accumulate, float *scratch, float *y)
{
    const fc_augment *a = &op->u.augment;
    const ptrdiff_t c = op->in_c, n = op->out_w * c, step = op->in_w * c, row = op->scratch / 5;
    const draw d = draw_for(op, io, image);
    float *scale = scratch, *shift = scale + row, *means = shift + row, *turned_means = means + row;
    uint8_t *turned = (uint8_t *)(turned_means + row);
    for (ptrdiff_t i = 0; i < n; i += c)
        for (ptrdiff_t j = 0; j < c; j++) {
            scale[i + j] = weight * a->scale[j];
            shift[i + j] = scale[i + j] * d.light[j];
            means[i + j] = a->mean[j];
        }
    const ptrdiff_t corner = d.top * step + d.left * c;
    const uint8_t *x = io->pixels + image * op->in_size + corner;
    const float *mean = a->mean_image ? io->mean + corner : means;
    for (ptrdiff_t h = 0; h < op->out_h; h++, x += step, y += n, mean += a->mean_image ? step : 0) {
        if (d.flip) reverse(op->out_w, c, x, turned);
        if (d.flip && a->mean_image) reverse(op->out_w, 4 * c, mean, turned_means);
        fc_k->convert_pixels(n, d.flip ? turned : x, d.flip && a->mean_image ? turned_means : mean, scale, shift, accumulate,
                             y);
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        float *y = fc_row(&io->y, image, work);
        convert(op, io, image, io->partner ? io->scale : 1.0f, 0, work->scratch, y);
        if (io->partner) convert(op, io, io->partner[image], 1.0f - io->scale, 1, work->scratch, y);
    }
}

static unsigned correct(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch, unsigned needs)
{
    (void)io, (void)pass, (void)batch;
    return op->u.augment.mean_image ? needs : needs & ~(unsigned)FC_MEAN;
}

const fc_op_class fc_augment_class = {
    {[FC_FORWARD] = forward}, fc_by_image, fc_one_item,
    .needs = {[FC_FORWARD] = FC_PIXELS | FC_Y | FC_MEAN},
    .correct = correct,
};
