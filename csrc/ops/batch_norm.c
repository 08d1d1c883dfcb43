/* Batch normalization: over the batch's own statistics (batch_norm), or given ones (fixed_norm); and what folds given ones
 * into the weights before them (fold).
 *
 *     y = f((x − μ)·a + β + x2), a = γ/√(σ² + ε)     dβ = Σ dy        dγ = Σ dy·x̂, x̂ = (x − μ)/√(σ² + ε)
 *     dx = a·(dy − dβ/n − x̂·dγ/n), sums over the n values of a channel; with given statistics dx = a·dy
 *
 * f and x2, which may be absent, are an activation and another image, fused behind (fc_finish); MASK applies f′ to dy first.
 *
 * x, x2, y: [pixels][c]; w: γ [c], b: β [c], either may be absent (1, 0); moving_mean, moving_variance: [c].
 * packed: rows μ, a, β of `row` floats each, channels again and again so that few of them fill vectors, and 1/√(σ² + ε) [c];
 * packed_t: such rows of dβ/n and dγ/n/√(σ² + ε). partial: [chunks][2][c].
 *
 * STATISTICS takes a chunk's mean, as the mean offset from its first pixel, and its squared deviations from that, rows in
 * float, their sums in double (norm_rows.h): sums of x and x² would lose all digits of a small spread beside a large mean. COMBINE merges
 * the chunks in order (Chan, Golub, LeVeque 1979), moves the moving averages and fills `packed`; of given statistics PACK does.
 * WEIGHTS sums dy and dy·(x − μ) likewise, REDUCE adds the chunks and fills packed_t, which DATA reads.
 * Threads: STATISTICS and WEIGHTS by chunks, COMBINE, PACK and REDUCE by blocks of channels, the others by blocks of rows. */
#include <math.h>

#include "norm_rows.h"

#define CHANNELS 64 /* of a block */

fc_status fc_batch_norm_init(fc_op *op, int fixed, ptrdiff_t pixels, ptrdiff_t c, float momentum, float epsilon, int scale,
                             int center)
{
    memset(op, 0, sizeof *op);
    if (pixels < 1 || c < 1 || c >= (ptrdiff_t)1 << 40) return FC_INVALID;
    if (!(epsilon >= 0) || !(momentum >= 0 && momentum <= 1)) return FC_INVALID;
    op->kind = fixed ? FC_FIXED_NORM : FC_BATCH_NORM;
    op->in_h = op->out_h = pixels, op->in_w = op->out_w = 1, op->in_c = op->out_c = c;
    op->in_size = pixels;
    if (!fc_grow(&op->in_size, c)) return FC_OVERFLOW;
    op->out_size = op->in_size;
    op->w_size = scale ? c : 0, op->b_size = center ? c : 0;
    const ptrdiff_t row = fc_norm_row(pixels, c);
    op->u.batch_norm = (fc_batch_norm){row, momentum, epsilon};
    op->packed_size = 3 * row + c, op->packed_t_size = 2 * row;
    op->partial = 2 * c;
    op->scratch = 4 * c + 3 * row + FC_MARGIN;
    op->cost = (double)op->in_size;
    return FC_OK;
}

typedef struct {
    float *mean, *scale, *shift, *inverse;
} rows;

static rows rows_of(const fc_op *op, const fc_io *io)
{
    const ptrdiff_t row = op->u.batch_norm.row;
    return (rows){io->packed, io->packed + row, io->packed + 2 * row, io->packed + 3 * row};
}

static fc_norm_rows shape_of(const fc_op *op) { return (fc_norm_rows){op->in_size, op->u.batch_norm.row, op->in_c}; }

static void repeat(const fc_op *op, ptrdiff_t channel, float value, float *row)
{
    const fc_norm_rows r = shape_of(op);
    fc_norm_repeat(&r, channel, value, row);
}

/* The rows of one channel. */
static void settle(const fc_op *op, const fc_io *io, ptrdiff_t channel, double mean, double variance)
{
    const rows r = rows_of(op, io);
    const double inverse = 1 / sqrt(variance + (double)op->u.batch_norm.epsilon);
    repeat(op, channel, (float)mean, r.mean);
    repeat(op, channel, (float)(io->w ? io->w[channel] * inverse : inverse), r.scale);
    repeat(op, channel, io->b ? io->b[channel] : 0.0f, r.shift);
    r.inverse[channel] = (float)inverse;
}

static void pack(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t i = work->first * CHANNELS; i < fc_min(work->last * CHANNELS, op->in_c); i++)
        settle(op, io, i, (double)io->moving_mean[i], (double)io->moving_variance[i]);
}

static ptrdiff_t chunk_images(const fc_work *work, ptrdiff_t chunk)
{
    return fc_min((chunk + 1) * work->chunk, work->batch) - chunk * work->chunk;
}

static void statistics(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t c = op->in_c;
    const fc_norm_rows r = shape_of(op);
    double *sums = (double *)work->scratch;
    float *sum = work->scratch + 4 * c, *mean = sum + r.row;
    for (ptrdiff_t chunk = work->first; chunk < work->last; chunk++) {
        const ptrdiff_t images = chunk_images(work, chunk), first = chunk * work->chunk;
        const double count_all = (double)images * (double)op->in_h;
        const float *pivot = fc_row(&io->x, first, work);
        float *partial = io->partial + chunk * 2 * c;
        for (ptrdiff_t i = 0; i < c; i++) repeat(op, i, pivot[i], mean);
        for (int pass = 0; pass < 2; pass++) { /* the mean, the squared deviations from it */
            for (ptrdiff_t i = 0; i < c; i++) sums[i] = 0;
            for (ptrdiff_t image = first; image < first + images; image++)
                fc_norm_add(&r, pass ? fc_k->norm_spread : fc_k->norm_offset, fc_row(&io->x, image, work), mean, sum, sums);
            for (ptrdiff_t i = 0; i < c; i++) {
                partial[pass * c + i] = (float)(pass ? sums[i] : (double)pivot[i] + sums[i] / count_all);
                if (pass == 0) repeat(op, i, partial[i], mean);
            }
        }
    }
}

static void combine(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t c = op->in_c, chunks = fc_chunks(work->batch, work->chunk);
    const double keep = (double)op->u.batch_norm.momentum;
    for (ptrdiff_t i = work->first * CHANNELS; i < fc_min(work->last * CHANNELS, c); i++) {
        double count = 0, mean = 0, spread = 0;
        for (ptrdiff_t chunk = 0; chunk < chunks; chunk++) {
            const float *partial = io->partial + chunk * 2 * c;
            const double more = (double)chunk_images(work, chunk) * (double)op->in_h, apart = (double)partial[i] - mean;
            count += more;
            mean += apart * more / count;
            spread += (double)partial[c + i] + apart * apart * (count - more) * more / count;
        }
        const double variance = spread / count;
        settle(op, io, i, mean, variance);
        if (io->moving_mean) {
            io->moving_mean[i] = (float)(keep * (double)io->moving_mean[i] + (1 - keep) * mean);
            io->moving_variance[i] = (float)(keep * (double)io->moving_variance[i] + (1 - keep) * variance);
        }
    }
}

/* Floats of an item of forward and DATA: whole rows. */
static ptrdiff_t block(const fc_op *op)
{
    return op->u.batch_norm.row * fc_max(1, FC_PLAIN_ITEM / op->u.batch_norm.row);
}

/* Calls BODY(count, n, at) for the rows, and a shorter one, of each item. */
#define EACH_ITEM(BODY) \
    const fc_norm_rows shape = shape_of(op); \
    const ptrdiff_t size = block(op), blocks = fc_ceil_div(op->in_size, size); \
    for (ptrdiff_t item = work->first; item < work->last; item++) { \
        const ptrdiff_t image = item / blocks, end = fc_min((item % blocks + 1) * size, op->in_size); \
        ptrdiff_t at = item % blocks * size; \
        FC_EACH_ROWS(&shape, at, end, end, BODY) \
    }

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const rows r = rows_of(op, io);
    EACH_ITEM({
        fc_k->norm(count, n, fc_row(&io->x, image, work) + at, r.mean, r.scale, r.shift, fc_row(&io->y, image, work) + at);
        fc_finish(op, io, work, image, at, count * n);
    })
}

static void fixed_data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const rows r = rows_of(op, io);
    EACH_ITEM({
        fc_k->norm_scale(count, n, fc_row(&io->dy, image, work) + at, r.scale, fc_row(&io->dx, image, work) + at);
    })
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const rows r = rows_of(op, io);
    const float *k = io->packed_t, *l = k + op->u.batch_norm.row;
    EACH_ITEM({
        fc_k->norm_backward(count, n, fc_row(&io->x, image, work) + at, fc_row(&io->dy, image, work) + at, r.mean, r.scale,
                            k, l, fc_row(&io->dx, image, work) + at);
    })
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t c = op->in_c;
    const rows r = rows_of(op, io);
    const fc_norm_rows shape = shape_of(op);
    double *sums = (double *)work->scratch;
    float *s = work->scratch + 4 * c, *t = s + shape.row;
    for (ptrdiff_t chunk = work->first; chunk < work->last; chunk++) {
        const ptrdiff_t images = chunk_images(work, chunk), first = chunk * work->chunk;
        for (ptrdiff_t i = 0; i < 2 * c; i++) sums[i] = 0;
        for (ptrdiff_t image = first; image < first + images; image++)
            fc_norm_add_products(&shape, fc_row(&io->x, image, work), fc_row(&io->dy, image, work), r.mean, s, t, sums);
        for (ptrdiff_t i = 0; i < 2 * c; i++) io->partial[chunk * 2 * c + i] = (float)sums[i];
    }
}

static void reduce(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t c = op->in_c, chunks = fc_chunks(work->batch, work->chunk);
    const rows r = rows_of(op, io);
    const double n = (double)work->batch * (double)op->in_h;
    for (ptrdiff_t i = work->first * CHANNELS; i < fc_min(work->last * CHANNELS, c); i++) {
        double db = 0, dw = 0;
        for (ptrdiff_t chunk = 0; chunk < chunks; chunk++) {
            db += (double)io->partial[chunk * 2 * c + i];
            dw += (double)io->partial[chunk * 2 * c + c + i];
        }
        dw *= (double)r.inverse[i];
        if (io->db) io->db[i] = (float)db;
        if (io->dw) io->dw[i] = (float)dw;
        if (!io->packed_t) continue;
        repeat(op, i, (float)(db / n), io->packed_t);
        repeat(op, i, (float)(dw / n * (double)r.inverse[i]), io->packed_t + op->u.batch_norm.row);
    }
}

static fc_cut cut(const fc_op *op, fc_pass pass)
{
    (void)op;
    if (pass == FC_STATISTICS || pass == FC_WEIGHTS) return FC_BY_CHUNK;
    return pass == FC_FORWARD || pass == FC_MASK || pass == FC_DATA ? FC_BY_IMAGE : FC_BY_BLOCK;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    if (pass == FC_STATISTICS || pass == FC_WEIGHTS) return 1;
    if (pass == FC_MASK) return fc_plain_items(op, pass);
    return pass == FC_FORWARD || pass == FC_DATA ? fc_ceil_div(op->in_size, block(op)) : fc_ceil_div(op->in_c, CHANNELS);
}

const fc_op_class fc_batch_norm_class = {
    {[FC_STATISTICS] = statistics, [FC_COMBINE] = combine, [FC_FORWARD] = forward, [FC_MASK] = fc_mask,
     [FC_WEIGHTS] = weights, [FC_REDUCE] = reduce, [FC_DATA] = data}, cut, items,
    .needs = {[FC_STATISTICS] = FC_X | FC_PARTIAL, [FC_COMBINE] = FC_PARTIAL | FC_W | FC_B | FC_PACKED,
              [FC_FORWARD] = FC_X | FC_Y | FC_PACKED, [FC_MASK] = FC_Y | FC_DY,
              [FC_WEIGHTS] = FC_X | FC_DY | FC_PACKED | FC_PARTIAL, [FC_REDUCE] = FC_PARTIAL | FC_PACKED,
              [FC_DATA] = FC_X | FC_DX | FC_DY | FC_PACKED | FC_PACKED_T},
    .correct = fc_norm_correct, .set_sum = fc_with_sum, .cheap = 1,
};

const fc_op_class fc_fixed_norm_class = {
    {[FC_PACK] = pack, [FC_FORWARD] = forward, [FC_MASK] = fc_mask, [FC_WEIGHTS] = weights, [FC_REDUCE] = reduce,
     [FC_DATA] = fixed_data}, cut, items,
    .needs = {[FC_PACK] = FC_MOVING_MEAN | FC_MOVING_VARIANCE | FC_W | FC_B | FC_PACKED, [FC_FORWARD] = FC_X | FC_Y | FC_PACKED,
              [FC_MASK] = FC_Y | FC_DY, [FC_WEIGHTS] = FC_X | FC_DY | FC_PACKED | FC_PARTIAL,
              [FC_REDUCE] = FC_PARTIAL | FC_PACKED, [FC_DATA] = FC_DX | FC_DY | FC_PACKED},
    .correct = fc_norm_correct, .set_sum = fc_with_sum,
};
