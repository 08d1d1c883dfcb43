/* Two-dimensional convolution (cross-correlation), NHWC, direct: no im2col buffer.
 *
 *     y[oh][ow][oc] = b[oc] + Σ_{fh,fw,ic} x[oh·s − p + fh·d][ow·s − p + fw·d][ic] · w[fh][fw][ic][oc]
 *
 * x [in_h][in_w][in_c], w [filter_h][filter_w][in_c/groups][out_c], y [out_h][out_w][out_c]; within group g, input
 * channels g·in_c/groups … and output channels g·out_c/groups ….
 * Here: the descriptor, and who computes each pass: FORWARD, DATA and WEIGHTS are each given, once, to the first of a list of
 * algorithms that fits. A convolution may have a table of connections, pairs of an input and an output channel, and weights
 * for these alone: conv2d_table.c.
 * Threads: PACK by items of packed weights, WEIGHTS of few weights by chunks of images, one partial [w_size + b_size] each,
 * summed by REDUCE; the rest as the algorithm says, in lanes by parts of chunks. WEIGHTS of many weights sums each block of them
 * over the batch, or (fc_set_halvings) over units of it, whose sums it adds by halves while they are in cache. */
#include <float.h>

#include "conv2d.h"

#define LARGEST_SCRATCH ((ptrdiff_t)1 << 30) /* floats per thread: a window that spans more is refused */
#define FEW_WEIGHTS 65536                    /* floats; partials of up to 256 KiB */
#define INT8_FILTERS 16                      /* of a group: fewer leave the vectors of int8 products empty */
#define INT8_SUM 66311                       /* products of 255 · 127 below 2^31 */

static const fc_conv2d_algorithm *const algorithms[] = { /* best first; the last one always fits */
    &fc_conv2d_int8, &fc_conv2d_table_lanes, &fc_conv2d_table, &fc_conv2d_winograd_lanes, &fc_conv2d_lanes,
    &fc_conv2d_depthwise, &fc_conv2d_winograd, &fc_conv2d_winograd_rows, &fc_conv2d_planar, &fc_conv2d_direct,
};

const fc_conv2d_algorithm *fc_conv2d_by(const fc_op *op, fc_pass pass) { return algorithms[op->u.conv2d.algorithm[pass]]; }

/* Finds an algorithm for each pass. */
static fc_status choose(fc_op *op)
{
    static const fc_pass passes[] = {FC_FORWARD, FC_DATA, FC_WEIGHTS};
    op->packed_size = op->packed_t_size = op->scratch = op->images = 0;
    op->partial = fc_conv2d_flat(op) || op->w_size <= FEW_WEIGHTS ? op->w_size + op->b_size : 0;
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
        unsigned char a = 0;
        while (!algorithms[a]->fits(op, passes[i])) a++;
        op->u.conv2d.algorithm[passes[i]] = a;
        const fc_status status = algorithms[a]->size(op, passes[i]);
        if (status != FC_OK) return status;
    }
    return op->scratch > LARGEST_SCRATCH ? FC_OVERFLOW : FC_OK;
}

fc_status fc_conv2d_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t out_c,
                         const fc_conv2d *window, ptrdiff_t pad_bottom, ptrdiff_t pad_right, int bias)
{
    memset(op, 0, sizeof *op);
    fc_conv2d *o = &op->u.conv2d;
    *o = *window;
    o->x_scale = 0;
    const ptrdiff_t positive[] = {in_h, in_w, in_c, out_c, o->filter_h, o->filter_w, o->stride_h, o->stride_w,
                                  o->dilation_h, o->dilation_w, o->groups};
    const ptrdiff_t limit = (ptrdiff_t)1 << 31, span = (ptrdiff_t)1 << 20;
    const ptrdiff_t pads[] = {o->pad_top, pad_bottom, o->pad_left, pad_right};
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++) {
        if (positive[i] < 1) return FC_INVALID;
        if (positive[i] >= limit) return FC_OVERFLOW;
    }
    for (int i = 0; i < 4; i++) {
        if (pads[i] < 0) return FC_INVALID;
        if (pads[i] > span) return FC_OVERFLOW;
    }
    if (in_c % o->groups || out_c % o->groups) return FC_INVALID;
    const ptrdiff_t span_h = (o->filter_h - 1) * o->dilation_h + 1, span_w = (o->filter_w - 1) * o->dilation_w + 1;
    if (span_h > span || span_w > span) return FC_OVERFLOW;
    const ptrdiff_t padded_h = in_h + o->pad_top + pad_bottom, padded_w = in_w + o->pad_left + pad_right;
    if (span_h > padded_h || span_w > padded_w) return FC_EMPTY;
    op->kind = FC_CONV2D;
    op->in_h = in_h, op->in_w = in_w, op->in_c = in_c, op->out_c = out_c;
    op->out_h = (padded_h - span_h) / o->stride_h + 1;
    op->out_w = (padded_w - span_w) / o->stride_w + 1;
    op->in_size = in_h, op->out_size = op->out_h, op->w_size = o->filter_h;
    if (!fc_grow(&op->in_size, in_w) || !fc_grow(&op->in_size, in_c) || !fc_grow(&op->out_size, op->out_w) ||
        !fc_grow(&op->out_size, out_c) || !fc_grow(&op->w_size, o->filter_w) ||
        !fc_grow(&op->w_size, in_c / o->groups) || !fc_grow(&op->w_size, out_c))
        return FC_OVERFLOW;
    ptrdiff_t padded = padded_h;
    if (!fc_grow(&padded, padded_w) || !fc_grow(&padded, in_c)) return FC_OVERFLOW;
    op->b_size = bias ? out_c : 0;
    if (o->connections) {
        if (o->groups > 1 || o->connections < out_c || o->connections > in_c * out_c) return FC_INVALID;
        op->w_size = o->filter_h * o->filter_w * o->connections; /* fewer than all, which have been checked */
    }
    op->cost = (double)op->out_h * (double)op->out_w * (double)op->w_size;
    return choose(op);
}

static ptrdiff_t pack_items(const fc_op *op, fc_pass pass)
{
    const fc_conv2d_algorithm *a = fc_conv2d_by(op, pass);
    return a->pack_items ? a->pack_items(op, pass) : 0;
}

static void pack(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t forward_items = pack_items(op, FC_FORWARD);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const fc_pass pass = item < forward_items ? FC_FORWARD : FC_DATA;
        float *packed = pass == FC_FORWARD ? io->packed : io->packed_t;
        const ptrdiff_t at = pass == FC_FORWARD ? item : item - forward_items;
        if (packed) fc_conv2d_by(op, pass)->pack(op, io, pass, at, packed, work->scratch);
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    fc_conv2d_by(op, FC_FORWARD)->forward(op, io, work);
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    fc_conv2d_by(op, FC_DATA)->data(op, io, work, NULL, FC_LINEAR);
}

/* Block `item` over images [from, to): the sum of the first half of their units and that of the second, each likewise; the
 * latter waits in `spare`. */
static void add_halves(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t item, ptrdiff_t from, ptrdiff_t to, float *dw,
                       float *db, float *spare)
{
    const fc_conv2d_algorithm *a = fc_conv2d_by(op, FC_WEIGHTS);
    const ptrdiff_t middle = op->halvings ? fc_middle(from, to, work->unit) : to;
    if (middle == to) {
        a->weights(op, io, work, item, item + 1, from, to, dw, db);
        return;
    }
    add_halves(op, io, work, item, from, middle, dw, db, spare);
    add_halves(op, io, work, item, middle, to, spare, db ? spare + op->w_size : NULL, spare + op->w_size + op->b_size);
    a->add(op, item, spare, dw, db);
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_conv2d_algorithm *a = fc_conv2d_by(op, FC_WEIGHTS);
    if (!op->partial) {
        for (ptrdiff_t item = work->first; item < work->last; item++)
            add_halves(op, io, work, item, work->from, work->to, io->dw, io->db, io->partial);
        return;
    }
    for (fc_part p = {0}; fc_next_part(work, a->items(op, FC_WEIGHTS), &p);) {
        float *dw = io->partial + p.chunk * (op->w_size + op->b_size), *db = io->db ? dw + op->w_size : NULL;
        const ptrdiff_t from = p.chunk * work->chunk, to = fc_min(from + work->chunk, work->batch);
        a->weights(op, io, work, p.first, p.last, from, to, dw, db);
    }
}

static const char *algorithm(const fc_op *op, fc_pass pass)
{
    if (pass != FC_FORWARD && pass != FC_DATA && pass != FC_WEIGHTS) return fc_conv2d_direct.name;
    const fc_conv2d_algorithm *a = fc_conv2d_by(op, pass);
    return a->variant ? a->variant(op, pass) : a->name;
}

fc_cut fc_conv2d_cut(const fc_op *op, fc_pass pass)
{
    if (pass == FC_PACK || pass == FC_REDUCE) return FC_BY_BLOCK;
    if (pass == FC_WEIGHTS) return op->partial ? FC_BY_CHUNK : FC_BY_BLOCK;
    return op->lanes ? FC_BY_CHUNK : FC_BY_IMAGE;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    switch (pass) {
    case FC_PACK: return pack_items(op, FC_FORWARD) + pack_items(op, FC_DATA);
    case FC_REDUCE: return fc_reduce_items(op);
    case FC_MASK: return fc_plain_items(op, pass);
    default: return fc_conv2d_by(op, pass)->items(op, pass);
    }
}

static fc_status set_lanes(fc_op *op)
{
    const fc_conv2d *o = &op->u.conv2d;
    if (op->sums || op->y_c || o->x_scale > 0) return FC_INVALID;
    if (o->stride_h > 1 || o->stride_w > 1 || o->dilation_h > 1 || o->dilation_w > 1 || o->groups > 1) return FC_INVALID;
    op->lanes = 1;
    return choose(op);
}

static fc_status set_sum(fc_op *op) { return op->u.conv2d.connections || op->pooled ? FC_INVALID : fc_with_sum(op); }

static fc_status set_join(fc_op *op)
{
    const fc_conv2d_algorithm *a = fc_conv2d_by(op, FC_FORWARD);
    const int can = a == &fc_conv2d_direct || a == &fc_conv2d_winograd || a == &fc_conv2d_winograd_rows || a == &fc_conv2d_int8;
    return can ? FC_OK : FC_INVALID;
}

fc_status fc_conv2d_set_pool(fc_op *op, const fc_op *pool)
{
    const fc_pool2d *p = &pool->u.pool2d;
    if (op->kind != FC_CONV2D || fc_conv2d_by(op, FC_FORWARD) != &fc_conv2d_planar || op->sums || op->y_c || op->pooled)
        return FC_INVALID;
    if ((pool->kind != FC_MAX_POOL2D && pool->kind != FC_AVG_POOL2D) || pool->in_size != op->out_size || pool->in_w != op->out_w ||
        pool->in_c != op->out_c || pool->lanes || p->adaptive)
        return FC_INVALID;
    if (p->pool_h != 2 || p->pool_w != 2 || p->stride_h != 2 || p->stride_w != 2 || p->dilation_h > 1 || p->dilation_w > 1 ||
        p->pad_top || p->pad_left || 2 * pool->out_h > op->out_h || 2 * pool->out_w > op->out_w)
        return FC_INVALID;
    op->pooled = pool->kind;
    op->out_h = pool->out_h, op->out_w = pool->out_w, op->out_size = pool->out_size;
    return fc_conv2d_planar.size(op, FC_FORWARD);
}

fc_status fc_set_halvings(fc_op *op, ptrdiff_t halvings)
{
    if (op->kind != FC_CONV2D || op->partial || !fc_conv2d_by(op, FC_WEIGHTS)->add) return FC_INVALID;
    op->halvings = halvings;
    return FC_OK;
}

static fc_status set_alone(fc_op *op)
{
    if (op->pooled) return FC_INVALID; /* its window has the sizes of what it pools no more */
    op->alone = 1;
    return choose(op);
}

static fc_status set_trained(fc_op *op)
{
    op->trained = 1;
    return choose(op);
}

fc_status fc_conv2d_set_int8(fc_op *op, float x_scale, int x_zero)
{
    fc_conv2d *o = &op->u.conv2d;
    if (op->kind != FC_CONV2D || op->lanes || o->connections || o->dilation_w > 1 || op->out_c / o->groups < INT8_FILTERS ||
        op->w_size / op->out_c > INT8_SUM || !(x_scale >= FLT_MIN && x_scale <= FLT_MAX) || x_zero < 0 || x_zero > 255)
        return FC_INVALID;
    o->x_scale = x_scale, o->x_zero = x_zero;
    return choose(op);
}

/* By direct sums: Winograd's of both signs would leave small second derivatives negative. */
static fc_status set_curvature(fc_op *op)
{
    op->curvature = op->u.conv2d.exact = 1;
    return choose(op);
}

static unsigned correct(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch, unsigned needs)
{
    (void)io, (void)pass, (void)batch;
    return op->u.conv2d.connections ? needs : needs & ~(unsigned)FC_TABLE;
}

const fc_op_class fc_conv2d_class = {
    {[FC_PACK] = pack, [FC_FORWARD] = forward, [FC_MASK] = fc_mask, [FC_DATA] = data, [FC_WEIGHTS] = weights,
     [FC_REDUCE] = fc_reduce}, fc_conv2d_cut, items,
    .needs = {[FC_PACK] = FC_W | FC_TABLE, [FC_FORWARD] = FC_X | FC_Y | FC_PACKED | FC_B | FC_TABLE, [FC_MASK] = FC_Y | FC_DY,
              [FC_DATA] = FC_DX | FC_DY | FC_PACKED_T | FC_TABLE,
              [FC_WEIGHTS] = FC_X | FC_DY | FC_PARTIAL | FC_DW | FC_DB | FC_TABLE, [FC_REDUCE] = FC_PARTIAL | FC_DW | FC_DB},
    .correct = correct, .algorithm = algorithm, .set_lanes = set_lanes, .set_curvature = set_curvature,
    .set_sum = set_sum, .set_join = set_join, .set_alone = set_alone, .set_trained = set_trained, .folds = 1,
};
