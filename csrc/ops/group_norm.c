/* Normalization of each image's groups of channels, over pixels and channels: by its own mean and spread.
 *
 *     y = γ·x̂ + β, x̂ = (x − μ)/√(σ² + ε), μ and σ² those of the image's group
 *     dx = (γ·dy − Σ γ·dy/n − x̂·Σ γ·dy·x̂/n)/√(σ² + ε), sums over the group's n values     dγ = Σ dy·x̂     dβ = Σ dy
 *
 * x, y: [pixels][groups][width]; w: γ, b: β [groups][width], either may be absent (1, 0). Images of one pixel, and what is normalized
 * pixel by pixel, are rows: layer_norm.c. partial: [chunks][w_size + b_size].
 * The mean is taken as the mean offset from the first pixel, then the squared deviations from it, rows in float, their sums in
 * double (norm_rows.h); what the mean loses as a float goes into β. Nothing is kept for the backward passes, which take moments again.
 * Threads: FORWARD and DATA by image; WEIGHTS by chunks, REDUCE by blocks. */
#include <math.h>

#include "norm_rows.h"

fc_status fc_group_norm_init(fc_op *op, ptrdiff_t samples, ptrdiff_t pixels, ptrdiff_t groups, ptrdiff_t width, float epsilon,
                             int scale, int center)
{
    memset(op, 0, sizeof *op);
    if (samples < 1 || pixels < 1 || groups < 1 || width < 1 || (samples > 1 && pixels > 1) || !(epsilon >= 0)) return FC_INVALID;
    op->kind = pixels > 1 ? FC_GROUP_NORM : FC_LAYER_NORM;
    op->in_c = groups;
    if (!fc_grow(&op->in_c, width)) return FC_OVERFLOW;
    op->out_c = op->in_size = op->in_c;
    if (!fc_grow(&op->in_size, samples) || !fc_grow(&op->in_size, pixels)) return FC_OVERFLOW;
    op->in_h = op->out_h = samples * pixels, op->in_w = op->out_w = 1;
    op->out_size = op->in_size;
    op->w_size = scale ? op->in_c : 0, op->b_size = center ? op->in_c : 0;
    op->partial = op->w_size + op->b_size;
    op->u.group_norm = (fc_group_norm){groups, width, fc_norm_row(pixels, op->in_c), epsilon};
    op->scratch = 8 * op->in_c + 6 * groups + 6 * op->u.group_norm.row + FC_MARGIN;
    op->cost = 2.0 * (double)op->in_size;
    return FC_OK;
}

/* A thread's scratch: sums of an image and of its chunk [2][c], moments [groups], rows. */
typedef struct {
    fc_norm_rows r;
    double *sums, *all, *rest, *inverse;
    float *s, *t, *mean, *scale, *k, *l;
} space;

static space get_space(const fc_op *op, const fc_work *work)
{
    const ptrdiff_t c = op->in_c, row = op->u.group_norm.row;
    double *d = (double *)work->scratch;
    float *f = work->scratch + 8 * c + 4 * op->u.group_norm.groups;
    return (space){{op->in_size, row, c}, d, d + 2 * c, d + 4 * c, d + 4 * c + op->u.group_norm.groups,
                   f, f + row, f + 2 * row, f + 3 * row, f + 4 * row, f + 5 * row};
}

static void clear(ptrdiff_t n, double *sums)
{
    for (ptrdiff_t i = 0; i < n; i++) sums[i] = 0;
}

/* Each group's mean as a float (a row) and what that leaves, and 1/√(σ² + ε). */
static void moments(const fc_op *op, const space *s, const float *x)
{
    const ptrdiff_t c = op->in_c, width = op->u.group_norm.width;
    const double n = (double)op->in_h * (double)width;
    for (ptrdiff_t i = 0; i < c; i++) fc_norm_repeat(&s->r, i, x[i], s->mean);
    clear(c, s->sums);
    fc_norm_add(&s->r, fc_k->norm_offset, x, s->mean, s->s, s->sums);
    for (ptrdiff_t g = 0; g < op->u.group_norm.groups; g++) {
        double mean = 0;
        for (ptrdiff_t i = g * width; i < (g + 1) * width; i++) mean += ((double)op->in_h * (double)x[i] + s->sums[i]) / n;
        s->rest[g] = mean - (double)(float)mean;
        for (ptrdiff_t i = g * width; i < (g + 1) * width; i++) fc_norm_repeat(&s->r, i, (float)mean, s->mean);
    }
    clear(c, s->sums);
    fc_norm_add(&s->r, fc_k->norm_spread, x, s->mean, s->s, s->sums);
    for (ptrdiff_t g = 0; g < op->u.group_norm.groups; g++) {
        double spread = 0;
        for (ptrdiff_t i = g * width; i < (g + 1) * width; i++) spread += s->sums[i];
        s->inverse[g] = 1 / sqrt(fmax(spread / n - s->rest[g] * s->rest[g], 0) + (double)op->u.group_norm.epsilon);
    }
}

static double weight(const fc_io *io, ptrdiff_t channel) { return io->w ? (double)io->w[channel] : 1; }

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const space s = get_space(op, work);
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        const float *x = fc_row(&io->x, image, work);
        float *y = fc_row(&io->y, image, work);
        moments(op, &s, x);
        for (ptrdiff_t i = 0; i < op->in_c; i++) {
            const ptrdiff_t g = i / op->u.group_norm.width;
            const double scale = weight(io, i) * s.inverse[g];
            fc_norm_repeat(&s.r, i, (float)scale, s.scale);
            fc_norm_repeat(&s.r, i, (float)((io->b ? (double)io->b[i] : 0) - s.rest[g] * scale), s.k);
        }
        ptrdiff_t at = 0;
        FC_EACH_ROWS(&s.r, at, op->in_size, op->in_size, { fc_k->norm(count, n, x + at, s.mean, s.scale, s.k, y + at); })
    }
}

/* Moments, and each channel's Σ dy and Σ dy·(x − μ). */
static void products(const fc_op *op, const space *s, const float *x, const float *dy)
{
    const ptrdiff_t c = op->in_c;
    moments(op, s, x);
    clear(2 * c, s->sums);
    fc_norm_add_products(&s->r, x, dy, s->mean, s->s, s->t, s->sums);
    for (ptrdiff_t i = 0; i < c; i++) s->sums[c + i] -= s->rest[i / op->u.group_norm.width] * s->sums[i];
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const space s = get_space(op, work);
    const ptrdiff_t width = op->u.group_norm.width;
    const double values = (double)op->in_h * (double)width;
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        const float *x = fc_row(&io->x, image, work), *dy = fc_row(&io->dy, image, work);
        float *dx = fc_row(&io->dx, image, work);
        products(op, &s, x, dy);
        for (ptrdiff_t g = 0; g < op->u.group_norm.groups; g++) {
            const double inverse = s.inverse[g];
            double sum = 0, product = 0;
            for (ptrdiff_t i = g * width; i < (g + 1) * width; i++) {
                sum += weight(io, i) * s.sums[i];
                product += weight(io, i) * s.sums[op->in_c + i];
            }
            const double l = inverse * inverse * inverse * product / values, k = inverse * sum / values - s.rest[g] * l;
            for (ptrdiff_t i = g * width; i < (g + 1) * width; i++) {
                fc_norm_repeat(&s.r, i, (float)(weight(io, i) * inverse), s.scale);
                fc_norm_repeat(&s.r, i, (float)k, s.k);
                fc_norm_repeat(&s.r, i, (float)l, s.l);
            }
        }
        ptrdiff_t at = 0;
        FC_EACH_ROWS(&s.r, at, op->in_size, op->in_size, {
            fc_k->group_norm_backward(count, n, x + at, dy + at, s.mean, s.scale, s.k, s.l, dx + at);
        })
    }
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const space s = get_space(op, work);
    const ptrdiff_t c = op->in_c;
    for (ptrdiff_t chunk = work->first; chunk < work->last; chunk++) {
        float *partial = io->partial + chunk * op->partial;
        clear(2 * c, s.all);
        for (ptrdiff_t image = chunk * work->chunk; image < fc_min((chunk + 1) * work->chunk, work->batch); image++) {
            products(op, &s, fc_row(&io->x, image, work), fc_row(&io->dy, image, work));
            for (ptrdiff_t i = 0; i < c; i++) {
                s.all[i] += s.inverse[i / op->u.group_norm.width] * s.sums[c + i];
                s.all[c + i] += s.sums[i];
            }
        }
        for (ptrdiff_t i = 0; i < op->w_size; i++) partial[i] = (float)s.all[i];
        for (ptrdiff_t i = 0; i < op->b_size; i++) partial[op->w_size + i] = (float)s.all[c + i];
    }
}

static fc_cut cut(const fc_op *op, fc_pass pass)
{
    (void)op;
    return pass == FC_WEIGHTS ? FC_BY_CHUNK : pass == FC_REDUCE ? FC_BY_BLOCK : FC_BY_IMAGE;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass) { return pass == FC_REDUCE ? fc_reduce_items(op) : 1; }

const fc_op_class fc_group_norm_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data, [FC_WEIGHTS] = weights, [FC_REDUCE] = fc_reduce}, cut, items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y | FC_W | FC_B, [FC_DATA] = FC_X | FC_DX | FC_DY | FC_W,
              [FC_WEIGHTS] = FC_X | FC_DY | FC_PARTIAL, [FC_REDUCE] = FC_PARTIAL | FC_DW | FC_DB},
    .correct = fc_norm_correct,
};
