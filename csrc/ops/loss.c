/* Losses: one number per image, and its gradient times scale · sample_weight.
 *
 *     softmax cross-entropy       L = −Σ t_i·log p_i, p = softmax(x)       dx_i = p_i·Σt − t_i      y = p
 *     categorical cross-entropy   L = −Σ t_i·log q_i, q = clip(x/Σx)       dx from q; 0 where clipped
 *     binary cross-entropy        L = mean of −t·log q − (1−t)·log(1−q), q = clip(x), or q = sigmoid(x) from logits
 *     mean squared error          L = mean of (x − t)²
 *
 * x, target: [in_size] per image; sparse: target is one int32 label. Sums in double. Threads: by image. */
#include <math.h>

#include "ops.h"

#define CLIP 1e-7 /* Keras' epsilon */

static double weight(const fc_io *io, ptrdiff_t image) { return io->sample_weight ? io->sample_weight[image] : 1.0; }

static double target(const fc_op *op, const fc_io *io, ptrdiff_t image, ptrdiff_t i)
{
    if (op->sparse) return ((const int32_t *)io->target)[image] == i;
    return ((const float *)io->target)[image * op->in_size + i];
}

static double clip(double p) { return p < CLIP ? CLIP : p > 1 - CLIP ? 1 - CLIP : p; }
static int inside(double p) { return p > CLIP && p < 1 - CLIP; }

static double sum(const float *x, ptrdiff_t n)
{
    double s = 0;
    for (ptrdiff_t i = 0; i < n; i++) s += x[i];
    return s;
}

static double softmax_loss(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x, float *y)
{
    double loss = 0;
    fc_k->log_softmax(1, op->in_size, x, y);
    if (op->sparse)
        loss = -y[((const int32_t *)io->target)[image]];
    else
        for (ptrdiff_t i = 0; i < op->in_size; i++) {
            const double t = target(op, io, image, i);
            if (t != 0) loss -= t * y[i];
        }
    fc_k->softmax(1, op->in_size, x, y);
    return loss;
}

static double categorical_loss(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x)
{
    double loss = 0;
    const double s = sum(x, op->in_size);
    for (ptrdiff_t i = 0; i < op->in_size; i++) {
        const double t = target(op, io, image, i);
        if (t != 0) loss -= t * log(clip(x[i] / s));
    }
    return loss;
}

static double binary_loss(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x)
{
    double loss = 0;
    for (ptrdiff_t i = 0; i < op->in_size; i++) {
        const double t = target(op, io, image, i), v = x[i], p = clip(v);
        loss += op->from_logits ? fmax(v, 0) - v * t + log1p(exp(-fabs(v))) : -t * log(p) - (1 - t) * log1p(-p);
    }
    return loss / (double)op->in_size;
}

static double squared_loss(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x)
{
    double loss = 0;
    for (ptrdiff_t i = 0; i < op->in_size; i++) {
        const double d = x[i] - target(op, io, image, i);
        loss += d * d;
    }
    return loss / (double)op->in_size;
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        const float *x = fc_row(&io->x, image, work);
        double loss;
        switch (op->kind) {
        case FC_SOFTMAX_CROSS_ENTROPY: loss = softmax_loss(op, io, image, x, fc_row(&io->y, image, work)); break;
        case FC_CATEGORICAL_CROSS_ENTROPY: loss = categorical_loss(op, io, image, x); break;
        case FC_BINARY_CROSS_ENTROPY: loss = binary_loss(op, io, image, x); break;
        default: loss = squared_loss(op, io, image, x); break;
        }
        io->loss[image] = (float)(loss * weight(io, image));
    }
}

static void softmax_gradient(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *p, double scale, float *dx)
{
    double total = op->sparse ? 1.0 : 0.0;
    for (ptrdiff_t i = 0; !op->sparse && i < op->in_size; i++) total += target(op, io, image, i);
    for (ptrdiff_t i = 0; i < op->in_size; i++) dx[i] = (float)((p[i] * total - target(op, io, image, i)) * scale);
}

static void categorical_gradient(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x, double scale,
                                 float *dx)
{
    const double s = sum(x, op->in_size);
    double dot = 0; /* Σ dq_i·q_i, q = x/s before the clip */
    for (ptrdiff_t i = 0; i < op->in_size; i++) {
        const double q = x[i] / s;
        if (inside(q)) dot -= target(op, io, image, i);
    }
    for (ptrdiff_t i = 0; i < op->in_size; i++) {
        const double q = x[i] / s, dq = inside(q) ? -target(op, io, image, i) / q : 0;
        dx[i] = (float)((dq - dot) / s * scale);
    }
}

static void binary_gradient(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x, double scale, float *dx)
{
    for (ptrdiff_t i = 0; i < op->in_size; i++) {
        const double t = target(op, io, image, i), v = x[i];
        double d = 0;
        if (op->from_logits)
            d = (v >= 0 ? 1 / (1 + exp(-v)) : exp(v) / (1 + exp(v))) - t;
        else if (inside(v))
            d = (v - t) / (v * (1 - v));
        dx[i] = (float)(d * scale / (double)op->in_size);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        const float *x = fc_row(&io->x, image, work);
        float *dx = fc_row(&io->dx, image, work);
        const double scale = io->scale * weight(io, image);
        switch (op->kind) {
        case FC_SOFTMAX_CROSS_ENTROPY:
            softmax_gradient(op, io, image, fc_row(&io->y, image, work), scale, dx);
            break;
        case FC_CATEGORICAL_CROSS_ENTROPY: categorical_gradient(op, io, image, x, scale, dx); break;
        case FC_BINARY_CROSS_ENTROPY: binary_gradient(op, io, image, x, scale, dx); break;
        default:
            for (ptrdiff_t i = 0; i < op->in_size; i++)
                dx[i] = (float)(2 * (x[i] - target(op, io, image, i)) * scale / (double)op->in_size);
        }
    }
}

static fc_cut cut(const fc_op *op, fc_pass pass)
{
    (void)op, (void)pass;
    return FC_BY_IMAGE;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    (void)op, (void)pass;
    return 1;
}

#define LOSS(op, title) const fc_op_class fc_##op##_class = {title, {[FC_FORWARD] = forward, [FC_DATA] = data}, cut, items}
LOSS(softmax_cross_entropy, "softmax_cross_entropy");
LOSS(categorical_cross_entropy, "categorical_cross_entropy");
LOSS(binary_cross_entropy, "binary_cross_entropy");
LOSS(mean_squared_error, "mean_squared_error");
