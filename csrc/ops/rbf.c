/* Euclidean radial basis function units: LeNet-5's output, whose prototypes are drawings of the classes.
 *
 *     y[i] = Σ_j (x[j] − w[i][j])²     dx[j] = Σ_i 2·dy[i]·(x[j] − w[i][j])     dw[i][j] = −Σ_image 2·dy[i]·(x[j] − w[i][j])
 *
 * Of second derivatives: curvature.c. x [in], w [units][in], y [units]. Threads: FORWARD and DATA by image, WEIGHTS by units, each summing over all images. */
#include "ops.h"

fc_status fc_rbf_init(fc_op *op, ptrdiff_t in, ptrdiff_t units)
{
    memset(op, 0, sizeof *op);
    if (in < 1 || units < 1) return FC_INVALID;
    op->kind = FC_RBF;
    op->in_h = op->in_w = op->out_h = op->out_w = 1;
    op->in_c = op->in_size = in, op->out_c = op->out_size = units;
    op->w_size = units;
    if (in >= (ptrdiff_t)1 << 40 || units >= (ptrdiff_t)1 << 40 || !fc_grow(&op->w_size, in)) return FC_OVERFLOW;
    op->cost = (double)op->w_size;
    return FC_OK;
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++)
        fc_k->rbf(op->in_c, op->out_c, fc_row(&io->x, image, work), io->w, fc_row(&io->y, image, work));
}

static float positive(double x) { return x > 0 ? (float)x : 0.0f; }

static void data_curvature(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        const float *g = fc_row(&io->x2, image, work);
        double sum = 0;
        for (ptrdiff_t i = 0; i < op->out_c; i++) sum += g[i];
        fc_k->rbf_curvature(op->in_c, op->out_c, fc_row(&io->x, image, work), io->w, fc_row(&io->dy, image, work),
                            positive(2 * sum), fc_row(&io->dx, image, work));
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->curvature) {
        data_curvature(op, io, work);
        return;
    }
    for (ptrdiff_t image = work->first; image < work->last; image++)
        fc_k->rbf_backward(op->in_c, op->out_c, fc_row(&io->x, image, work), io->w, fc_row(&io->dy, image, work),
                           fc_row(&io->dx, image, work));
}

static void weights_curvature(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t i = work->first; i < work->last; i++) {
        const float *w = io->w + i * op->in_c;
        float *hw = io->dw + i * op->in_c;
        memset(hw, 0, (size_t)op->in_c * sizeof *hw);
        for (ptrdiff_t image = work->from; image < work->to; image++) {
            const float *x = fc_row(&io->x, image, work), h = 4.0f * fc_row(&io->dy, image, work)[i];
            const float g = positive(2.0 * fc_row(&io->x2, image, work)[i]);
            for (ptrdiff_t j = 0; j < op->in_c; j++) hw[j] += h * (x[j] - w[j]) * (x[j] - w[j]) + g;
        }
    }
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->curvature) {
        weights_curvature(op, io, work);
        return;
    }
    for (ptrdiff_t i = work->first; i < work->last; i++) {
        float *dw = io->dw + i * op->in_c;
        memset(dw, 0, (size_t)op->in_c * sizeof *dw);
        for (ptrdiff_t image = work->from; image < work->to; image++)
            fc_k->rbf_weights(op->in_c, fc_row(&io->dy, image, work)[i], fc_row(&io->x, image, work), io->w + i * op->in_c, dw);
    }
}

static fc_cut cut(const fc_op *op, fc_pass pass)
{
    (void)op;
    return pass == FC_WEIGHTS ? FC_BY_BLOCK : FC_BY_IMAGE;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass) { return pass == FC_WEIGHTS ? op->out_c : 1; }

static unsigned correct(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch, unsigned needs)
{
    (void)io, (void)batch;
    return op->curvature && pass != FC_FORWARD ? needs | FC_X2 : needs;
}

const fc_op_class fc_rbf_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data, [FC_WEIGHTS] = weights}, cut, items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y | FC_W, [FC_DATA] = FC_X | FC_DX | FC_DY | FC_W,
              [FC_WEIGHTS] = FC_X | FC_DY | FC_W | FC_DW},
    .correct = correct, .set_curvature = fc_of_curvature,
};
