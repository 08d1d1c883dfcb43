/* Losses: one number per image, and its gradient times scale · sample_weight.
 *
 *     softmax cross-entropy       L = −Σ t_i·log p_i, p = softmax(x)       dx_i = p_i·Σt − t_i      y = p
 *     categorical cross-entropy   L = −Σ t_i·log q_i, q = clip(x/Σx)       dx from q; 0 where clipped
 *     binary cross-entropy        L = mean of −t·log q − (1−t)·log(1−q), q = clip(x), or q = sigmoid(x) from logits
 *     mean squared error          L = mean of d², d = x − t
 *     mean absolute error         L = mean of |d|
 *     huber                       L = mean of d²/2 where |d| ≤ δ, else δ·(|d| − δ/2)
 *     hinge, squared hinge        L = mean of m, of m²; m = max(1 − t·x, 0), and a target 0 stands for −1
 *     categorical hinge           L = max(0, 1 + max((1−t_i)·x_i) − Σ t_i·x_i)
 *     multiclass hinge            L = Σ_{i≠label} max(0, 1 + x_i − x_label)
 *
 * t is smoothed first: t·(1−s) + s/n for softmax and categorical cross-entropy, + s/2 for binary. Where a function has a
 * corner, its gradient there is 0, or that of the first of equal maxima.
 * x, target: [in_size] per image; sparse: target is one int32 label; below 0 the image is of no class: no loss, no gradient.
 * Sums in double. Threads: by image. */
#include <math.h>
#include <string.h>

#include "loss.h"

#define CLIP 1e-7 /* Keras' epsilon */

fc_status fc_loss_init(fc_op *op, fc_kind kind, ptrdiff_t size, const fc_loss *constants)
{
    const fc_status status = fc_plain_init(op, kind, 1, size);
    op->u.loss = *constants;
    return status;
}

static double target(const fc_op *op, const fc_io *io, ptrdiff_t image, ptrdiff_t i)
{
    const double s = op->u.loss.smoothing;
    const double t = op->sparse ? fc_label(io, image) == i : ((const float *)io->target)[image * op->in_size + i];
    if (s == 0) return t;
    return t * (1 - s) + (op->kind == FC_BINARY_CROSS_ENTROPY ? s / 2 : s / (double)op->in_size);
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
    if (op->sparse && op->u.loss.smoothing == 0) {
        const int32_t own = fc_label(io, image);
        loss = own < 0 ? 0 : -y[own];
    } else {
        for (ptrdiff_t i = 0; i < op->in_size; i++) {
            const double t = target(op, io, image, i);
            if (t != 0) loss -= t * y[i];
        }
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

/* The place of max((1−t_i)·x_i), the first of equals. */
static ptrdiff_t rival(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x)
{
    ptrdiff_t best = 0;
    double most = 0;
    for (ptrdiff_t i = 0; i < op->in_size; i++) {
        const double v = (1 - target(op, io, image, i)) * x[i];
        if (i == 0 || v > most) best = i, most = v;
    }
    return best;
}

static double categorical_hinge_loss(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x)
{
    const ptrdiff_t other = rival(op, io, image, x);
    double margin = 1 + (1 - target(op, io, image, other)) * x[other];
    for (ptrdiff_t i = 0; i < op->in_size; i++) margin -= target(op, io, image, i) * x[i];
    return margin < 0 ? 0 : margin; /* NaN stays NaN */
}

static double multiclass_hinge_loss(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x)
{
    const int32_t own = fc_label(io, image);
    double loss = 0;
    for (ptrdiff_t i = 0; i < op->in_size; i++) {
        const double margin = 1 + (double)x[i] - x[own];
        if (i != own && !(margin <= 0)) loss += margin;
    }
    return loss;
}

/* Of losses that are means: what x adds. */
static double term(const fc_op *op, double x, double t)
{
    const double d = x - t, far = fabs(d), delta = op->u.loss.delta, p = clip(x), m = 1 - (t == 0 ? -1 : t) * x;
    switch (op->kind) {
    case FC_BINARY_CROSS_ENTROPY:
        return op->from_logits ? fmax(x, 0) - x * t + log1p(exp(-fabs(x))) : -t * log(p) - (1 - t) * log1p(-p);
    case FC_MEAN_ABSOLUTE_ERROR: return far;
    case FC_HUBER: return far <= delta ? d * d / 2 : delta * (far - delta / 2);
    case FC_HINGE: return m < 0 ? 0 : m;
    case FC_SQUARED_HINGE: return m < 0 ? 0 : m * m;
    default: return d * d;
    }
}

/* Its derivative. */
static double slope(const fc_op *op, double x, double t)
{
    const double d = x - t, sign = d > 0 ? 1 : d < 0 ? -1 : d, delta = op->u.loss.delta, s = t == 0 ? -1 : t, m = 1 - s * x;
    switch (op->kind) {
    case FC_BINARY_CROSS_ENTROPY:
        if (op->from_logits) return (x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x))) - t;
        return inside(x) ? (x - t) / (x * (1 - x)) : 0;
    case FC_MEAN_ABSOLUTE_ERROR: return sign;
    case FC_HUBER: return fabs(d) > delta ? delta * sign : d;
    case FC_HINGE: return m <= 0 ? 0 : m > 0 ? -s : m;
    case FC_SQUARED_HINGE: return m <= 0 ? 0 : -2 * s * m;
    default: return 2 * d;
    }
}

static double mean_loss(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x)
{
    double loss = 0;
    for (ptrdiff_t i = 0; i < op->in_size; i++) loss += term(op, x[i], target(op, io, image, i));
    return loss / (double)op->in_size;
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        const float *x = fc_row(&io->x, image, work);
        const int counts = !op->sparse || fc_label(io, image) >= 0;
        double loss = 0;
        switch (op->kind) {
        case FC_SOFTMAX_CROSS_ENTROPY: loss = softmax_loss(op, io, image, x, fc_row(&io->y, image, work)); break;
        case FC_CATEGORICAL_CROSS_ENTROPY: loss = categorical_loss(op, io, image, x); break;
        case FC_CATEGORICAL_HINGE: loss = categorical_hinge_loss(op, io, image, x); break;
        case FC_MULTICLASS_HINGE: loss = counts ? multiclass_hinge_loss(op, io, image, x) : 0; break;
        default: loss = mean_loss(op, io, image, x); break;
        }
        io->loss[image] = counts ? (float)(loss * fc_sample_weight(io, image)) : 0;
    }
}

/* Σ t */
static double total_target(const fc_op *op, const fc_io *io, ptrdiff_t image)
{
    double total = op->sparse ? 1.0 : 0.0;
    for (ptrdiff_t i = 0; !op->sparse && i < op->in_size; i++) total += target(op, io, image, i);
    return total;
}

static void softmax_gradient(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *p, double scale, float *dx)
{
    const double total = total_target(op, io, image);
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

static void categorical_hinge_gradient(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x, double scale,
                                       float *dx)
{
    const ptrdiff_t other = rival(op, io, image, x);
    const double loss = categorical_hinge_loss(op, io, image, x);
    for (ptrdiff_t i = 0; i < op->in_size; i++) {
        const double t = target(op, io, image, i);
        dx[i] = (float)(loss == 0 ? 0 : ((i == other ? 1 - t : 0) - t) * scale);
    }
}

static void multiclass_hinge_gradient(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x, double scale,
                                      float *dx)
{
    const int32_t own = fc_label(io, image);
    ptrdiff_t count = 0;
    for (ptrdiff_t i = 0; i < op->in_size; i++) {
        const int reaches = i != own && !(1 + (double)x[i] - x[own] <= 0);
        dx[i] = (float)(reaches * scale);
        count += reaches;
    }
    dx[own] = (float)(-(double)count * scale);
}

/* Second derivatives along each output (curvature.c); the first ones go to dx2, if it is bound. */
static void data_curvature(const fc_op *op, const fc_io *io, ptrdiff_t image, const float *x, const float *y, double scale,
                           float *dx)
{
    const double n = (double)op->in_size;
    const double total = op->kind == FC_SOFTMAX_CROSS_ENTROPY ? total_target(op, io, image) : 0;
    for (ptrdiff_t i = 0; i < op->in_size; i++) {
        double h = 2 / n;
        if (op->kind == FC_SOFTMAX_CROSS_ENTROPY) {
            h = y[i] * (1.0 - y[i]) * total;
        } else if (op->kind == FC_BINARY_CROSS_ENTROPY && op->from_logits) {
            const double e = exp(-fabs((double)x[i]));
            h = e / ((1 + e) * (1 + e)) / n;
        } else if (op->kind == FC_BINARY_CROSS_ENTROPY) {
            const double t = target(op, io, image, i), p = x[i];
            h = inside(p) ? (t / (p * p) + (1 - t) / ((1 - p) * (1 - p))) / n : 0;
        }
        dx[i] = (float)(h * scale);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        const float *x = fc_row(&io->x, image, work);
        float *dx = fc_row(&io->dx, image, work);
        const double scale = io->scale * fc_sample_weight(io, image);
        if (op->sparse && fc_label(io, image) < 0) {
            memset(dx, 0, (size_t)op->in_size * sizeof *dx);
            continue;
        }
        if (op->curvature) {
            data_curvature(op, io, image, x, io->y.p ? fc_row(&io->y, image, work) : NULL, scale, dx);
            if (!io->dx2.p) continue;
            dx = fc_row(&io->dx2, image, work);
        }
        switch (op->kind) {
        case FC_SOFTMAX_CROSS_ENTROPY:
            softmax_gradient(op, io, image, fc_row(&io->y, image, work), scale, dx);
            break;
        case FC_CATEGORICAL_CROSS_ENTROPY: categorical_gradient(op, io, image, x, scale, dx); break;
        case FC_CATEGORICAL_HINGE: categorical_hinge_gradient(op, io, image, x, scale, dx); break;
        case FC_MULTICLASS_HINGE: multiclass_hinge_gradient(op, io, image, x, scale, dx); break;
        default:
            for (ptrdiff_t i = 0; i < op->in_size; i++)
                dx[i] = (float)(slope(op, x[i], target(op, io, image, i)) * scale / (double)op->in_size);
        }
    }
}

FC_LOSS_CLASS(softmax_cross_entropy, FC_Y, fc_of_curvature);
FC_LOSS_CLASS(categorical_cross_entropy, 0, NULL);
FC_LOSS_CLASS(binary_cross_entropy, 0, fc_of_curvature);
FC_LOSS_CLASS(mean_squared_error, 0, fc_of_curvature);
FC_LOSS_CLASS(mean_absolute_error, 0, NULL);
FC_LOSS_CLASS(huber, 0, NULL);
FC_LOSS_CLASS(hinge, 0, NULL);
FC_LOSS_CLASS(squared_hinge, 0, NULL);
FC_LOSS_CLASS(categorical_hinge, 0, NULL);
FC_LOSS_CLASS(multiclass_hinge, 0, NULL);
