/* An array with its axes in another order.
 *
 *     y[i₀][i₁]… = x at Σ iₖ·stepₖ        dx likewise from dy, by the inverse order
 *
 * Axes that stay neighbours are one. Where the last axis of the result is the source's, rows are copied; else the axes that
 * are contiguous on either side are walked in squares, so that lines of the cache are used up. Threads: by image. */
#include "ops.h"

#define MOST_AXES 32
#define SQUARE 16 /* floats: a line */

/* The walk that writes axes order[0], order[1] … of an array of these sizes. 0: more than FC_AXES remain. */
static int make_walk(int axes, const ptrdiff_t *size, const int *order, fc_walk *walk)
{
    walk->axes = 0;
    for (int i = 0; i < axes; i++) {
        const ptrdiff_t n = size[order[i]];
        ptrdiff_t step = 1;
        for (int j = order[i] + 1; j < axes; j++) step *= size[j];
        if (n == 1) continue;
        if (walk->axes && walk->step[walk->axes - 1] == n * step) {
            walk->size[walk->axes - 1] *= n, walk->step[walk->axes - 1] = step;
            continue;
        }
        if (walk->axes == FC_AXES) return 0;
        walk->size[walk->axes] = n, walk->step[walk->axes] = step;
        walk->axes++;
    }
    if (walk->axes == 0) walk->axes = 1, walk->size[0] = walk->step[0] = 1;
    return 1;
}

fc_status fc_permute_init(fc_op *op, int axes, const ptrdiff_t *size, const int *order)
{
    memset(op, 0, sizeof *op);
    if (axes < 1 || axes > MOST_AXES) return FC_INVALID;
    ptrdiff_t moved[MOST_AXES];
    int back[MOST_AXES];
    unsigned seen = 0;
    op->in_size = 1;
    for (int i = 0; i < axes; i++) {
        if (size[i] < 1 || order[i] < 0 || order[i] >= axes || seen >> order[i] & 1) return FC_INVALID;
        if (!fc_grow(&op->in_size, size[i])) return FC_OVERFLOW;
        seen |= 1u << order[i];
        moved[i] = size[order[i]], back[order[i]] = i;
    }
    op->kind = FC_PERMUTE;
    op->in_h = op->out_h = op->in_w = op->out_w = 1;
    op->in_c = op->out_c = op->out_size = op->in_size;
    op->cost = 2.0 * (double)op->in_size;
    const int fits = make_walk(axes, size, order, &op->u.permute.forward) &&
                     make_walk(axes, moved, back, &op->u.permute.data);
    return fits ? FC_OK : FC_INVALID;
}

/* y[j][i] = x[i][j]: i < m is contiguous in y, j < n in x. */
static void turn(ptrdiff_t m, ptrdiff_t n, const float *x, ptrdiff_t x_step, float *y, ptrdiff_t y_step)
{
    for (ptrdiff_t j0 = 0; j0 < n; j0 += SQUARE)
        for (ptrdiff_t i0 = 0; i0 < m; i0 += SQUARE)
            for (ptrdiff_t j = j0; j < fc_min(j0 + SQUARE, n); j++)
                for (ptrdiff_t i = i0; i < fc_min(i0 + SQUARE, m); i++) y[j * y_step + i] = x[i * x_step + j];
}

static void permute(const fc_walk *walk, const float *x, float *y)
{
    const int last = walk->axes - 1;
    ptrdiff_t y_step[FC_AXES], outer = 1;
    int across = last; /* the axis that is contiguous in x */
    for (int i = last; i >= 0; i--) {
        y_step[i] = i == last ? 1 : y_step[i + 1] * walk->size[i + 1];
        if (walk->step[i] == 1) across = i;
    }
    for (int i = 0; i < last; i++)
        if (i != across) outer *= walk->size[i];
    for (ptrdiff_t n = 0; n < outer; n++) {
        ptrdiff_t rest = n, from = 0, to = 0;
        for (int i = last - 1; i >= 0; i--) {
            if (i == across) continue;
            from += rest % walk->size[i] * walk->step[i], to += rest % walk->size[i] * y_step[i];
            rest /= walk->size[i];
        }
        if (across == last)
            memcpy(y + to, x + from, (size_t)walk->size[last] * sizeof *y);
        else
            turn(walk->size[last], walk->size[across], x + from, walk->step[last], y + to, y_step[across]);
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++)
        permute(&op->u.permute.forward, fc_row(&io->x, image, work), fc_row(&io->y, image, work));
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++)
        permute(&op->u.permute.data, fc_row(&io->dy, image, work), fc_row(&io->dx, image, work));
}

const fc_op_class fc_permute_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, fc_one_item,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_DX | FC_DY},
};
