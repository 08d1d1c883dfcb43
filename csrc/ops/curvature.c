/* Second derivatives of the loss, diagonal, by Gauss and Newton (LeCun, Bottou, Bengio, Haffner 1998, appendix C).
 *
 * An op *of curvature* (fc_op.curvature) has the same passes, but they take h_y = ∂²L/∂y² for dy and give h_x for dx, h_w for dw:
 *
 *     conv2d, dense, scale      h_x = Σ w²·h_y     h_w = Σ x²·h_y     h_b = Σ h_y
 *     activation, MASK          h ← f′(y)²·h
 *     max, sum, average         h to the maximum; to all; times the square of the divisor's reciprocal
 *     rbf                       h_x[j] = Σ_i 4·(x[j] − w[i][j])²·h_y[i] + 2·max(0, Σ_i g[i])     g = ∂L/∂y
 *                               h_w[i][j] = Σ_image 4·(x[j] − w[i][j])²·h_y[i] + 2·max(0, g[i])
 *     losses                    ∂²L/∂x_i², times scale · sample_weight
 *
 * Where the first line's ops are concerned the caller binds w² for w and x² for x (*square* makes them): their passes are what they
 * were. rbf wants g bound as y. Weights that are shared sum over their places, as in the paper. Nothing here is negative.
 *
 * square: y = x², any number of floats per image. Threads: by blocks of floats. */
#include "conv2d.h"

fc_status fc_set_curvature(fc_op *op)
{
    if (op->lanes) return FC_INVALID;
    switch (op->kind) {
    case FC_CONV2D: { /* Winograd's sums of both signs would leave small second derivatives negative */
        if (!op->u.conv2d.winograd) break;
        fc_conv2d window = op->u.conv2d;
        const fc_activation activation = op->activation;
        const float alpha = op->alpha;
        const ptrdiff_t down = (op->out_h - 1) * window.stride_h + (window.filter_h - 1) * window.dilation_h + 1;
        const ptrdiff_t across = (op->out_w - 1) * window.stride_w + (window.filter_w - 1) * window.dilation_w + 1;
        window.exact = 1;
        const fc_status status = fc_conv2d_init(op, op->in_h, op->in_w, op->in_c, op->out_c, &window,
                                                fc_max(0, down - window.pad_top - op->in_h),
                                                fc_max(0, across - window.pad_left - op->in_w), op->b_size > 0);
        if (status != FC_OK) return status;
        op->activation = activation, op->alpha = alpha;
        break;
    }
    case FC_DENSE:
    case FC_SCALE:
    case FC_RBF:
    case FC_MAX_POOL2D:
    case FC_AVG_POOL2D:
    case FC_SUM_POOL2D:
    case FC_ACTIVATION:
    case FC_ACTIVATION_OF_X:
    case FC_SOFTMAX_CROSS_ENTROPY:
    case FC_BINARY_CROSS_ENTROPY:
    case FC_MEAN_SQUARED_ERROR:
    case FC_RBF_MEAN_SQUARED_ERROR:
    case FC_RBF_MAXIMUM_A_POSTERIORI: break;
    default: return FC_INVALID;
    }
    op->curvature = 1;
    return FC_OK;
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t blocks = fc_ceil_div(op->in_size, FC_PLAIN_ITEM);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / blocks, at = item % blocks * FC_PLAIN_ITEM;
        fc_k->square(fc_min(FC_PLAIN_ITEM, op->in_size - at), fc_row(&io->x, image, work) + at,
                     fc_row(&io->y, image, work) + at);
    }
}

const fc_op_class fc_square_class = {{[FC_FORWARD] = forward}, fc_by_image, fc_plain_items};
