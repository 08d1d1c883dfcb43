/* Second derivatives of the loss, diagonal, by Gauss and Newton (LeCun, Bottou, Bengio, Haffner 1998, appendix C).
 *
 * An op *of curvature* (fc_op.curvature) has the same passes, but they take h_y = ∂²L/∂y² for dy and give h_x for dx, h_w for dw:
 *
 *     conv2d, dense, scale      h_x = Σ w²·h_y     h_w = Σ x²·h_y     h_b = Σ h_y
 *     activation, MASK          h ← f′(y)²·h
 *     max, sum, average         h to the maximum; to all; times the square of the divisor's reciprocal
 *     rbf                       h_x[j] = Σ_i 4·(x[j] − w[i][j])²·h_y[i] + 2·max(0, Σ_i g[i])     g = ∂L/∂y
 *                               h_w[i][j] = Σ_image 4·(x[j] − w[i][j])²·h_y[i] + 2·max(0, g[i])
 *     losses                    ∂²L/∂x_i², times scale · sample_weight; and ∂L/∂x_i to dx2, if it is bound
 *
 * Where the first line's ops are concerned the caller binds w² for w and x² for x (*square* makes them): their passes are what they
 * were. rbf wants g bound as x2. Weights that are shared sum over their places, as in the paper. Nothing here is negative.
 *
 * square: y = x², any number of floats per image; what goes back from y goes back from x as it is. Threads: by blocks of floats. */
#include "ops.h"

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const fc_plain b = fc_plain_of(op, item);
        fc_k->square(b.n, fc_row(&io->x, b.image, work) + b.at, fc_row(&io->y, b.image, work) + b.at);
    }
}

const fc_op_class fc_square_class = {
    {[FC_FORWARD] = forward}, fc_by_image, fc_plain_items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y},
};
