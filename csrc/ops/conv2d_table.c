/* Convolution with a table of connections: output channel o sees the input channels that the table pairs it with, no others, as
 * LeNet-5's C3 does. Stride, padding and dilation as in conv2d.c; one group.
 *
 *     y[oh][ow][o] = b[o] + Σ_{fh,fw} Σ_{k: out(k) = o} x[oh·s − p + fh·d][ow·s − p + fw·d][in(k)] · w[fh][fw][k]
 *
 * w [filter_h][filter_w][connections]. io->table lists (in(k), out(k)) by output and then input channel; every output has a
 * connection.
 *
 * In lanes each output, and for DATA each input, goes through the channels it is connected with, so multiply-adds are as few as
 * weights: packed are w as [out][fh][fw][its inputs] and, taps in reverse, as [in][fh][fw][its outputs]. DATA pads dy's columns with
 * zeros, whose products it computes, and leaves out rows that fall outside.
 * With channels as lanes a vector holds outputs that are connected with different inputs, and zeros would fill it: w is written
 * out with a zero for each missing connection (at the head of packed and packed_t), and the dense op, direct, does the rest. Of
 * its weight gradient the connections are kept.
 * Threads: as conv2d.c, PACK in two items; WEIGHTS by chunks, one partial each. */
#include "conv2d.h"
#include "in_lanes.h"

static ptrdiff_t taps(const fc_op *op) { return op->u.conv2d.filter_h * op->u.conv2d.filter_w; }
static ptrdiff_t all_weights(const fc_op *op) { return taps(op) * op->in_c * op->out_c; }
static ptrdiff_t written_out(const fc_op *op) { return fc_round_up(all_weights(op), 16); }

fc_status fc_conv2d_set_table(fc_op *op, ptrdiff_t connections)
{
    fc_conv2d *o = &op->u.conv2d;
    if (o->groups > 1 || connections < op->out_c || connections > op->in_c * op->out_c) return FC_INVALID;
    o->connections = connections;
    op->packed_size += written_out(op), op->packed_t_size += written_out(op);
    op->scratch += written_out(op) + fc_round_up(op->out_c, 16);
    op->w_size = taps(op) * connections; /* fewer than all, which have been checked */
    op->cost = (double)op->out_h * (double)op->out_w * (double)op->w_size;
    op->partial = 1;
    return FC_OK;
}

/* The op with all connections, and its buffers. */
static fc_op whole(const fc_op *op)
{
    fc_op all = *op;
    all.u.conv2d.connections = 0;
    all.w_size = all_weights(op);
    all.packed_size -= written_out(op), all.packed_t_size -= written_out(op);
    return all;
}

static fc_io whole_io(const fc_op *op, const fc_io *io)
{
    fc_io all = *io;
    if (io->packed) all.packed += written_out(op);
    if (io->packed_t) all.packed_t += written_out(op);
    return all;
}

static void write_out(const fc_op *op, const fc_io *io, float *to)
{
    const ptrdiff_t n = op->u.conv2d.connections;
    memset(to, 0, (size_t)all_weights(op) * sizeof *to);
    for (ptrdiff_t t = 0; t < taps(op); t++)
        for (ptrdiff_t k = 0; k < n; k++)
            to[(t * op->in_c + io->table[2 * k]) * op->out_c + io->table[2 * k + 1]] = io->w[t * n + k];
}

/* In lanes */

/* The connections of one channel: side 1, an output's; side 0, an input's. Their numbers, in order; how many. */
static ptrdiff_t connected(const fc_op *op, const fc_io *io, int side, ptrdiff_t channel, int32_t *k)
{
    ptrdiff_t count = 0;
    for (ptrdiff_t i = 0; i < op->u.conv2d.connections; i++)
        if (io->table[2 * i + side] == channel) k[count++] = (int32_t)i;
    return count;
}

/* Scratch: the connections of a channel, the places they reach (two floats hold one), a padded copy. */
typedef struct {
    int32_t *k;
    ptrdiff_t *at;
    float *copy;
} lane_space;

static ptrdiff_t list_size(const fc_op *op) { return fc_round_up(fc_max(op->in_c, op->out_c), 16); }
static ptrdiff_t lists_size(const fc_op *op) { return list_size(op) + 2 * taps(op) * list_size(op); }

static lane_space get_space(const fc_op *op, float *scratch)
{
    return (lane_space){(int32_t *)scratch, (ptrdiff_t *)(scratch + list_size(op)), scratch + lists_size(op)};
}

void fc_conv2d_table_size_lanes(fc_op *op)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t in_w = fc_max(op->in_w, op->out_w + o->filter_w - 1); /* to_lanes may widen the image */
    const ptrdiff_t dy = op->out_h * (in_w + o->filter_w - 1) * op->out_c * fc_k->v;
    op->packed_size = op->packed_t_size = op->w_size;
    op->scratch = fc_max(op->scratch, dy + 64) + lists_size(op);
}

static void pack_lanes(const fc_op *op, const fc_io *io, int side, int32_t *k, float *to)
{
    const ptrdiff_t n = op->u.conv2d.connections, last = taps(op) - 1;
    for (ptrdiff_t channel = 0; channel < (side ? op->out_c : op->in_c); channel++) {
        const ptrdiff_t count = connected(op, io, side, channel, k);
        for (ptrdiff_t t = 0; t <= last; t++)
            for (ptrdiff_t i = 0; i < count; i++) *to++ = io->w[(side ? t : last - t) * n + k[i]];
    }
}

/* Where the taps of `count` connections lie: rows of taps `row` floats apart, pixels of `c` channels in lanes. */
static void find_places(const fc_op *op, const fc_io *io, int side, const int32_t *k, ptrdiff_t count, ptrdiff_t row, ptrdiff_t c,
                        ptrdiff_t *at)
{
    const fc_conv2d *o = &op->u.conv2d;
    for (ptrdiff_t fh = 0; fh < o->filter_h; fh++)
        for (ptrdiff_t fw = 0; fw < o->filter_w; fw++)
            for (ptrdiff_t i = 0; i < count; i++)
                *at++ = fh * row + (fw * c + io->table[2 * k[i] + (side ? 0 : 1)]) * fc_k->v;
}

static const float *padded(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t image, float *copy, ptrdiff_t *row)
{
    const fc_conv2d *o = &op->u.conv2d;
    return fc_conv2d_padded(fc_row(&io->x, image, work), op->in_h, op->in_w, op->in_c * fc_k->v, -o->pad_top,
                            op->out_h + o->filter_h - 1, -o->pad_left, op->out_w + o->filter_w - 1, copy, row);
}

static void lanes_forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t v = fc_k->v, y_row = op->out_w * op->out_c * v;
    const lane_space s = get_space(op, work->scratch);
    for (ptrdiff_t chunk = work->first; chunk < work->last; chunk++) {
        ptrdiff_t row;
        const float *x = padded(op, io, work, chunk * v, s.copy, &row), *w = io->packed;
        float *y = fc_row(&io->y, chunk * v, work);
        for (ptrdiff_t oc = 0; oc < op->out_c; oc++) {
            const ptrdiff_t count = connected(op, io, 1, oc, s.k);
            find_places(op, io, 1, s.k, count, row, op->in_c, s.at);
            for (ptrdiff_t oh = 0; oh < op->out_h; oh++)
                fc_k->lanes_dot(taps(op) * count, s.at, w, io->b ? io->b + oc : NULL, op->out_w, x + oh * row, op->in_c * v,
                                y + oh * y_row + oc * v, op->out_c * v);
            w += taps(op) * count;
        }
        if (op->activation != FC_LINEAR) fc_k->activate(op->activation, op->alpha, op->out_h * y_row, y, y);
    }
}

static void lanes_data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t v = fc_k->v, dx_row = op->in_w * op->in_c * v, above = o->filter_h - 1 - o->pad_top;
    const lane_space s = get_space(op, work->scratch);
    for (ptrdiff_t chunk = work->first; chunk < work->last; chunk++) {
        ptrdiff_t row;
        const float *dy = fc_conv2d_padded(fc_row(&io->dy, chunk * v, work), op->out_h, op->out_w, op->out_c * v, 0, op->out_h,
                                           o->pad_left - (o->filter_w - 1), op->in_w + o->filter_w - 1, s.copy, &row);
        float *dx = fc_row(&io->dx, chunk * v, work);
        const float *w = io->packed_t;
        for (ptrdiff_t ic = 0; ic < op->in_c; ic++) {
            const ptrdiff_t count = connected(op, io, 0, ic, s.k), per_row = o->filter_w * count;
            find_places(op, io, 0, s.k, count, row, op->out_c, s.at);
            for (ptrdiff_t ih = 0; ih < op->in_h; ih++) { /* the tap in row t, taps in reverse, is at row ih − above + t of dy */
                const ptrdiff_t first = fc_max(0, above - ih), last = fc_min(o->filter_h, op->out_h + above - ih);
                const ptrdiff_t rows = fc_max(0, last - first), from = rows ? first : 0;
                fc_k->lanes_dot(rows * per_row, s.at + from * per_row, w + from * per_row, NULL, op->in_w,
                                dy + (rows ? ih - above : 0) * row, op->out_c * v, dx + ih * dx_row + ic * v, op->in_c * v);
            }
            w += taps(op) * count;
        }
    }
}

static void lanes_weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t v = fc_k->v, n = o->connections;
    const lane_space s = get_space(op, work->scratch);
    for (ptrdiff_t chunk = work->first; chunk < work->last; chunk++) {
        float *partial = io->partial + chunk * (op->w_size + op->b_size);
        ptrdiff_t row;
        const float *x = padded(op, io, work, chunk * v, s.copy, &row), *all = fc_row(&io->dy, chunk * v, work);
        for (ptrdiff_t k = 0; k < n;) {
            const int two = k + 1 < n && io->table[2 * k + 1] == io->table[2 * k + 3]; /* connections of one output */
            const ptrdiff_t in = io->table[2 * k] * v, apart = two ? io->table[2 * k + 2] * v - in : 0;
            const fc_plane dy = {all + io->table[2 * k + 1] * v, op->out_w * op->out_c * v, op->out_c * v};
            for (ptrdiff_t fh = 0; fh < o->filter_h; fh++) {
                const fc_plane from = {x + fh * row + in, row, op->in_c * v};
                fc_k->lanes_taps(o->filter_w, op->in_c * v, apart, op->out_h, op->out_w, &from, &dy,
                                 partial + fh * o->filter_w * n + k, n);
            }
            k += two ? 2 : 1;
        }
        if (op->b_size) fc_k->lanes_sum(op->out_h * op->out_w, op->out_c, all, partial + op->w_size);
    }
}

/* The passes */

void fc_conv2d_table_pack(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        float *packed = item ? io->packed_t : io->packed;
        if (!packed) continue;
        if (op->lanes) {
            pack_lanes(op, io, item == 0, (int32_t *)work->scratch, packed);
            continue;
        }
        const fc_op all = whole(op);
        fc_io all_io = whole_io(op, io);
        write_out(op, io, packed);
        all_io.w = packed;
        if (item)
            all_io.packed = NULL;
        else
            all_io.packed_t = NULL;
        fc_work every = *work;
        every.first = 0, every.last = fc_conv2d_class.items(&all, FC_PACK);
        fc_conv2d_class.pass[FC_PACK](&all, &all_io, &every);
    }
}

void fc_conv2d_table_forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->lanes) {
        lanes_forward(op, io, work);
        return;
    }
    const fc_op all = whole(op);
    const fc_io all_io = whole_io(op, io);
    fc_conv2d_class.pass[FC_FORWARD](&all, &all_io, work);
}

void fc_conv2d_table_data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->lanes) {
        lanes_data(op, io, work);
        return;
    }
    const fc_op all = whole(op);
    const fc_io all_io = whole_io(op, io);
    fc_conv2d_class.pass[FC_DATA](&all, &all_io, work);
}

void fc_conv2d_table_weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->lanes) {
        lanes_weights(op, io, work);
        return;
    }
    const fc_op all = whole(op);
    const ptrdiff_t n = op->u.conv2d.connections;
    fc_work inner = *work;
    float *dw = work->scratch, *db = dw + written_out(op);
    inner.scratch = db + fc_round_up(op->out_c, 16);
    for (ptrdiff_t chunk = work->first; chunk < work->last; chunk++) {
        float *partial = io->partial + chunk * (op->w_size + op->b_size);
        const ptrdiff_t from = chunk * work->chunk, to = fc_min(from + work->chunk, work->batch);
        fc_conv2d_weights_of(&all, io, &inner, from, to, dw, op->b_size ? db : NULL);
        for (ptrdiff_t t = 0; t < taps(op); t++)
            for (ptrdiff_t k = 0; k < n; k++)
                partial[t * n + k] = dw[(t * op->in_c + io->table[2 * k]) * op->out_c + io->table[2 * k + 1]];
        if (op->b_size) memcpy(partial + op->w_size, db, (size_t)op->out_c * sizeof *db);
    }
}
