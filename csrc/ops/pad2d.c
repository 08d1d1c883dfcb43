/* Zeros around an image; rows and columns cut away from it are negative ones.
 *
 *     y[oh][ow][c] = x[oh − top][ow − left][c], 0 outside x       dx[ih][iw][c] = dy[ih + top][iw + left][c], 0 outside dy
 *
 * x [in_h][in_w][in_c], y [out_h][out_w][in_c]; DATA is the same with the other sign. Threads: by rows. */
#include "ops.h"

fc_status fc_pad2d_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t top, ptrdiff_t bottom,
                        ptrdiff_t left, ptrdiff_t right)
{
    memset(op, 0, sizeof *op);
    const ptrdiff_t limit = (ptrdiff_t)1 << 31, sizes[] = {in_h, in_w, in_c}, edges[] = {top, bottom, left, right};
    for (int i = 0; i < 3; i++) {
        if (sizes[i] < 1) return FC_INVALID;
        if (sizes[i] >= limit) return FC_OVERFLOW;
    }
    for (int i = 0; i < 4; i++)
        if (edges[i] >= limit || edges[i] <= -limit) return FC_OVERFLOW;
    op->kind = FC_PAD2D;
    op->in_h = in_h, op->in_w = in_w, op->in_c = op->out_c = in_c;
    op->out_h = in_h + top + bottom, op->out_w = in_w + left + right;
    if (op->out_h < 1 || op->out_w < 1) return FC_EMPTY;
    op->in_size = in_h, op->out_size = op->out_h;
    if (!fc_grow(&op->in_size, in_w) || !fc_grow(&op->in_size, in_c) || !fc_grow(&op->out_size, op->out_w) ||
        !fc_grow(&op->out_size, in_c))
        return FC_OVERFLOW;
    op->u.pad2d = (fc_pad2d){top, left};
    op->cost = (double)fc_max(op->in_size, op->out_size);
    return FC_OK;
}

/* A row of `to_w` pixels from one of `from_w`, moved `left` pixels to the right; from NULL: zeros. */
static void move_row(const float *from, ptrdiff_t from_w, float *to, ptrdiff_t to_w, ptrdiff_t left, ptrdiff_t c)
{
    const ptrdiff_t first = fc_min(to_w, fc_max(0, left)), skip = fc_max(0, -left);
    const ptrdiff_t inside = from ? fc_max(0, fc_min(from_w - skip, to_w - first)) : 0;
    memset(to, 0, (size_t)(first * c) * sizeof *to);
    if (inside) memcpy(to + first * c, from + skip * c, (size_t)(inside * c) * sizeof *to);
    memset(to + (first + inside) * c, 0, (size_t)((to_w - first - inside) * c) * sizeof *to);
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t c = op->in_c, top = op->u.pad2d.top, left = op->u.pad2d.left;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / op->out_h, row = item % op->out_h, from = row - top;
        const float *x = from < 0 || from >= op->in_h ? NULL : fc_row(&io->x, image, work) + from * op->in_w * c;
        move_row(x, op->in_w, fc_row(&io->y, image, work) + row * op->out_w * c, op->out_w, left, c);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t c = op->in_c, top = op->u.pad2d.top, left = op->u.pad2d.left;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / op->in_h, row = item % op->in_h, from = row + top;
        const float *dy = from < 0 || from >= op->out_h ? NULL : fc_row(&io->dy, image, work) + from * op->out_w * c;
        move_row(dy, op->out_w, fc_row(&io->dx, image, work) + row * op->in_w * c, op->in_w, -left, c);
    }
}

static ptrdiff_t items(const fc_op *op, fc_pass pass) { return pass == FC_FORWARD ? op->out_h : op->in_h; }

const fc_op_class fc_pad2d_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_DX | FC_DY},
};
