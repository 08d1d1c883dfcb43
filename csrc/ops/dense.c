/* Fully connected layer.
 *
 *     y[o] = b[o] + Σ_i x[i]·w[i][o]     dx[i] = Σ_o dy[o]·w[i][o]     dw[i][o] = Σ_image x[i]·dy[o]     db[o] = Σ dy[o]
 *
 * x [in], w [in][out], y [out]. Small weights are packed once per change and a chunk of images passes them (by image); a
 * single image takes them as they lie, DATA too where they were not packed (packed_t NULL).
 * Large weights (*wide*) are read once per call for the whole batch, block by block, each block packed on the way.
 * A single image shared by threads takes them *by rows*, in the order in which they lie: by columns, a thread would read a part
 * of each page of memory, and look up each page for it.
 * They may be stored in fewer bits (panels.h): restored in registers for a few images, else block by block where they would be
 * packed. The order of operations is the same.
 * dw is cut into blocks of rows and columns that each sum over the batch. With an optimizer at hand (io->update), a block of
 * wide weights changes as soon as its gradient is there, which is never written to memory: nothing may read w after that.
 * Dropout behind relu (*dropped*) is drawn where y is made; its gradient needs no random numbers: y > 0 where both let dy through. */
#include "correlate.h"
#include "in_lanes.h"
#include "panels.h"
#include <stdatomic.h>

#define WIDE 262144    /* floats of weights (1 MiB): beyond it a chunk would evict them from L2 */
#define WIDE_N 256     /* columns of a wide block: whole cache lines and pages of w, 256 KiB packed */
#define WIDE_K FC_HALF_ROWS /* rows of a wide block: 256 */
#define WIDE_SUMS 4096 /* columns that a single image takes at once, at most: 16 KiB of sums */
#define DATA_M 512     /* rows of w that a block of DATA reads, and images it serves: the products' transpose is 256 KiB */
#define DATA_IMAGES 128
#define DATA_LEAST 64  /* rows where threads want small blocks */
#define GRADIENT_M 96  /* rows of a dw block */
#define GRADIENT_N 512 /* columns of a dw block */

fc_status fc_dense_init(fc_op *op, ptrdiff_t in, ptrdiff_t out, int bias)
{
    memset(op, 0, sizeof *op);
    if (in < 1 || out < 1) return FC_INVALID;
    op->kind = FC_DENSE;
    op->in_h = op->in_w = op->out_h = op->out_w = 1;
    op->in_c = op->in_size = in, op->out_c = op->out_size = out;
    op->w_size = in;
    op->packed_size = in, op->packed_t_size = out;
    if (in >= (ptrdiff_t)1 << 40 || out >= (ptrdiff_t)1 << 40 || !fc_grow(&op->w_size, out) ||
        !fc_grow(&op->packed_size, fc_round_up(out, fc_k->nr)) || !fc_grow(&op->packed_t_size, fc_round_up(in, fc_k->nr)))
        return FC_OVERFLOW;
    op->b_size = bias ? out : 0;
    op->wide = op->w_size > WIDE;
    if (op->wide) op->packed_size = op->packed_t_size = 0;
    op->scratch = fc_max(fc_round_up(WIDE_N, fc_k->nr) * WIDE_K + (op->wide ? GRADIENT_M * GRADIENT_N : 0),
                         op->wide ? (DATA_M + WIDE_K) * DATA_IMAGES : 0) + FC_MARGIN;
    op->cost = (double)op->w_size;
    return FC_OK;
}

fc_status fc_dense_set_dropout(fc_op *op, const fc_op *dropout)
{
    if (op->kind != FC_DENSE || dropout->kind != FC_DROPOUT || op->activation != FC_RELU || op->lanes || op->dropped ||
        dropout->in_h > 1 || op->out_size != dropout->in_size)
        return FC_INVALID;
    op->dropped = 1;
    op->u.dropout = dropout->u.dropout;
    return FC_OK;
}

static int by_rows(const fc_op *op) { return op->wide && op->packed_size && op->format == FC_FLOAT32; }

/* Blocks of rows of a wide FORWARD. */
static ptrdiff_t blocks(const fc_op *op) { return fc_ceil_div(op->in_c, WIDE_K); }

/* Columns of an item that goes by rows: all, or fewer where threads would be idle. */
static ptrdiff_t columns(const fc_op *op)
{
    ptrdiff_t n = op->out_c;
    while (n > WIDE_N && !fc_is_shared(op, blocks(op) * fc_ceil_div(op->out_c, n))) n = fc_round_up(fc_ceil_div(n, 2), FC_LINE);
    return n;
}

/* How many items of a single image are done, behind their sums: packed [blocks][out]. */
static atomic_ptrdiff_t *counter(const fc_op *op, const fc_io *io)
{
    return (atomic_ptrdiff_t *)(void *)(io->packed + op->packed_size - FC_LINE);
}

/* Rows of w that an item of DATA reads: fewer where threads would be idle. */
static ptrdiff_t data_rows(const fc_op *op)
{
    ptrdiff_t rows = DATA_M;
    while (rows > DATA_LEAST && !fc_is_shared(op, fc_ceil_div(op->in_c, rows))) rows -= DATA_LEAST;
    return rows;
}

/* What is fused behind the product, for columns [j, j + n) of one image. */
static void finish(const fc_op *op, const fc_io *io, ptrdiff_t image, ptrdiff_t j, ptrdiff_t n, float *y)
{
    if (op->activation != FC_LINEAR) fc_k->activate(op->activation, op->alpha, n, y, y);
    if (!op->dropped) return;
    const fc_random key = {io->seed, io->step, op->u.dropout};
    fc_k->dropout(&key, (uint64_t)image * (uint64_t)op->out_c + (uint64_t)j, n, y, y);
}

fc_status fc_dense_set_format(fc_op *op, fc_format format)
{
    if (!op->wide || op->out_c < FC_PANEL_PAD) return FC_INVALID;
    op->format = format;
    return fc_half_sizes(op);
}

static void pack(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t nr = fc_k->nr, tiles = fc_ceil_div(op->out_c, nr), in = op->in_c, out = op->out_c;
    if (by_rows(op)) {
        atomic_init(counter(op, io), 0);
        return;
    }
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t j = (item < tiles ? item : item - tiles) * nr;
        if (item < tiles) {
            if (io->packed) fc_k->pack(in, fc_min(nr, out - j), io->w + j, out, io->packed + j * in);
        } else if (io->packed_t) {
            fc_pack_transposed(out, fc_min(nr, in - j), io->w + j * out, out, io->packed_t + j * out);
        }
    }
}

/* rows of `to` (+)= rows of `from` [k] × packed [n] for a range of images. */
static void product(const float *from, ptrdiff_t from_step, ptrdiff_t k, float *to, ptrdiff_t to_step, ptrdiff_t n,
                    ptrdiff_t images, const float *packed, const float *bias)
{
    static const ptrdiff_t run[1] = {0};
    const fc_correlation c = {
        .src = from, .src_col = from_step, .dst = to, .dst_col = to_step, .rows = 1, .cols = images,
        .run = run, .runs = 1, .len = k, .packed = packed, .n = n, .bias = bias,
    };
    fc_correlate(&c);
}

static void start(float *y, const float *bias, ptrdiff_t n)
{
    if (bias)
        memcpy(y, bias, (size_t)n * sizeof *y);
    else
        memset(y, 0, (size_t)n * sizeof *y);
}

/* One image against weights as they lie, in the same order of operations as forward_block, or as product. */
static void forward_one(const fc_op *op, const fc_io *io, const float *x, float *y, ptrdiff_t j, ptrdiff_t n,
                        float *scratch)
{
    const ptrdiff_t piece = op->wide ? WIDE_K : fc_balanced(op->in_c, FC_DEPTH);
    start(y + j, io->b ? io->b + j : NULL, n);
    fc_k->gemv(fc_min(piece, op->in_c), n, x, io->w + j, op->out_c, y + j);
    for (ptrdiff_t k = piece; k < op->in_c; k += piece) {
        memset(scratch, 0, (size_t)n * sizeof *scratch);
        fc_k->gemv(fc_min(piece, op->in_c - k), n, x + k, io->w + k * op->out_c + j, op->out_c, scratch);
        fc_k->add(n, scratch, y + j);
    }
}

/* Items of the product of one image, in the same order of operations as forward_one. Who is the last adds up all of them. */
static void forward_by_rows(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const float *x = fc_row(&io->x, work->from, work);
    float *y = fc_row(&io->y, work->from, work);
    const ptrdiff_t width = columns(op), across = fc_ceil_div(op->out_c, width), all = blocks(op) * across;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t k = item / across * WIDE_K, from = item % across * width, to = fc_min(from + width, op->out_c);
        float *sums = io->packed + item / across * op->out_c;
        for (ptrdiff_t j = from; j < to; j += WIDE_SUMS) {
            const ptrdiff_t n = fc_min(WIDE_SUMS, to - j);
            start(sums + j, io->b && k == 0 ? io->b + j : NULL, n);
            fc_k->gemv(fc_min(WIDE_K, op->in_c - k), n, x + k, io->w + k * op->out_c + j, op->out_c, sums + j);
        }
    }
    const ptrdiff_t done = work->last - work->first;
    if (atomic_fetch_add(counter(op, io), done) + done < all) return;
    atomic_store(counter(op, io), 0);
    memcpy(y, io->packed, (size_t)op->out_c * sizeof *y);
    for (ptrdiff_t block = 1; block < blocks(op); block++) fc_k->add(op->out_c, io->packed + block * op->out_c, y);
    finish(op, io, work->from, 0, op->out_c, y);
}

/* A few images against stored weights, which are read once. */
static void forward_few(const fc_op *op, const fc_io *io, ptrdiff_t j, ptrdiff_t n, const fc_work *work)
{
    for (ptrdiff_t p = j; p < j + n; p += FC_PANEL)
        for (ptrdiff_t k = 0; k < op->in_c; k += WIDE_K) {
            const fc_half w = fc_half_at(op, io, k, p);
            for (ptrdiff_t image = work->from; image < work->to; image++)
                fc_k->half_gemv(op->format, fc_min(WIDE_K, op->in_c - k), fc_min(FC_PANEL, j + n - p),
                                fc_row(&io->x, image, work) + k, w.p, w.step, w.scales, io->b && k == 0 ? io->b + p : NULL,
                                k > 0, fc_row(&io->y, image, work) + p);
        }
}

/* Column tile [j, j + n) of rows [k, k + depth) as gemm reads it. */
static void pack_tile(const fc_op *op, const fc_io *io, ptrdiff_t k, ptrdiff_t depth, ptrdiff_t j, ptrdiff_t n, float *tile)
{
    if (op->format == FC_FLOAT32) {
        fc_k->pack(depth, n, io->w + k * op->out_c + j, op->out_c, tile);
        return;
    }
    for (const ptrdiff_t end = j + fc_round_up(n, fc_k->v); j < end;) { /* a tile may begin in one panel and end in the next */
        const ptrdiff_t part = fc_min(end, fc_round_down(j, FC_PANEL) + FC_PANEL) - j;
        const fc_half w = fc_half_at(op, io, k, j);
        fc_k->half_unpack(op->format, depth, part, w.p, w.step, w.scales, tile, fc_k->nr);
        j += part, tile += part;
    }
}

/* Columns [j, j + n) of y for the whole batch, WIDE_K rows of weights at a time. */
static void forward_block(const fc_op *op, const fc_io *io, ptrdiff_t j, ptrdiff_t n, const fc_work *work)
{
    static const ptrdiff_t run[1] = {0};
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr;
    for (ptrdiff_t k = 0; k < op->in_c; k += WIDE_K) {
        const ptrdiff_t depth = fc_min(WIDE_K, op->in_c - k);
        const ptrdiff_t tiles = fc_ceil_div(n, nr) * fc_ceil_div(work->to - work->from, mr), of_row = fc_ceil_div(n, FC_LINE);
        const ptrdiff_t rows_next = op->format == FC_FLOAT32 ? fc_max(0, fc_min(WIDE_K, op->in_c - k - WIDE_K)) : 0;
        fc_ahead next = {.of_row = of_row, .row = op->out_c};
        const fc_inner in = {run, 1, depth, 1, nr, fc_chains_of(1, depth, 0)};
        for (ptrdiff_t t = 0; t < n; t += nr)
            pack_tile(op, io, k, depth, j + t, fc_min(nr, n - t), work->scratch + t * depth);
        for (ptrdiff_t t = 0, at = 0; t < n; t += nr)
            for (ptrdiff_t i = work->from; i < work->to; i += mr) {
                fc_rows rows;
                const ptrdiff_t row = at * rows_next / tiles, behind = ++at * rows_next / tiles; /* packed next */
                next.p = io->w + (k + WIDE_K + row) * op->out_c + j, next.lines = (behind - row) * of_row;
                next.each = fc_ceil_div(next.lines, depth);
                for (ptrdiff_t r = 0; r < mr; r++) {
                    const ptrdiff_t image = fc_min(i + r, work->to - 1);
                    rows.a[r] = fc_row(&io->x, image, work) + k;
                    rows.c[r] = fc_row(&io->y, image, work) + j + t;
                }
                const float *b = work->scratch + t * depth, *bias = io->b && k == 0 ? io->b + j + t : NULL;
                if (rows_next)
                    fc_k->gemm_ahead(fc_min(mr, work->to - i), fc_min(nr, n - t), &rows, &in, b, bias, k > 0, &next);
                else
                    fc_k->gemm(fc_min(mr, work->to - i), fc_min(nr, n - t), &rows, &in, b, bias, k > 0);
            }
    }
}

/* Inputs [i0, i0 + m) of dx for images [b0, b0 + count), at most DATA_IMAGES with the tiles' last columns: w as it lies, a row
 * of it for each row of the product, times dy turned round; the result, [m][count], is turned back at the end. */
static void data_block(const fc_op *op, const fc_io *io, ptrdiff_t i0, ptrdiff_t m, ptrdiff_t b0, ptrdiff_t count,
                       const fc_work *work)
{
    static const ptrdiff_t run[1] = {0};
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr, columns = fc_round_up(count, nr);
    float *dx = work->scratch, *dy = dx + DATA_M * DATA_IMAGES;
    for (ptrdiff_t k = 0; k < op->out_c; k += WIDE_K) {
        const ptrdiff_t depth = fc_min(WIDE_K, op->out_c - k);
        const fc_inner in = {run, 1, depth, 1, nr, fc_chains_of(1, depth, 0)};
        for (ptrdiff_t t = 0; t < count; t += nr)
            fc_pack_transposed(depth, fc_min(nr, count - t), fc_row(&io->dy, b0 + t, work) + k, io->dy.size, dy + t * depth);
        for (ptrdiff_t i = 0; i < m; i += mr)
            for (ptrdiff_t t = 0; t < count; t += nr) {
                fc_rows rows;
                for (ptrdiff_t r = 0; r < mr; r++) {
                    const ptrdiff_t row = fc_min(i + r, m - 1);
                    rows.a[r] = io->w + (i0 + row) * op->out_c + k;
                    rows.c[r] = dx + row * columns + t;
                }
                fc_k->gemm(fc_min(mr, m - i), fc_min(nr, count - t), &rows, &in, dy + t * depth, NULL, k > 0);
            }
    }
    for (ptrdiff_t b = 0; b < count; b++) {
        float *to = fc_row(&io->dx, b0 + b, work) + i0;
        for (ptrdiff_t i = 0; i < m; i++) to[i] = dx[i * columns + b];
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->lanes) {
        fc_dense_lanes_forward(op, io, work);
        return;
    }
    if (!op->wide) {
        const ptrdiff_t images = work->last - work->first;
        float *y = fc_row(&io->y, work->first, work);
        const float *x = fc_row(&io->x, work->first, work);
        if (images == 1)
            forward_one(op, io, x, y, 0, op->out_c, work->scratch);
        else
            product(x, io->x.size, op->in_c, y, io->y.size, op->out_c, images, io->packed, io->b);
        finish(op, io, work->first, 0, images * op->out_c, y);
        return;
    }
    if (by_rows(op)) {
        forward_by_rows(op, io, work);
        return;
    }
    const ptrdiff_t images = work->to - work->from;
    const ptrdiff_t stride = images == 1 ? fc_min(work->last - work->first, WIDE_SUMS / WIDE_N) : 1; /* long rows are soon read */
    for (ptrdiff_t item = work->first; item < work->last; item += stride) {
        const ptrdiff_t j = item * WIDE_N, n = fc_min(stride * WIDE_N, op->out_c - j);
        if (images < fc_k->mr && op->format != FC_FLOAT32)
            forward_few(op, io, j, n, work);
        else if (images < fc_k->mr)
            for (ptrdiff_t image = work->from; image < work->to; image++)
                forward_one(op, io, fc_row(&io->x, image, work), fc_row(&io->y, image, work), j, n,
                            work->scratch);
        else
            forward_block(op, io, j, n, work);
        for (ptrdiff_t image = work->from; image < work->to; image++)
            finish(op, io, image, j, n, fc_row(&io->y, image, work) + j);
    }
}

static void mask(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (!op->dropped) {
        fc_mask(op, io, work);
        return;
    }
    for (ptrdiff_t image = work->first; image < work->last; image++)
        fc_k->dropped_backward(op->u.dropout.scale, op->out_size, fc_row(&io->y, image, work), fc_row(&io->dy, image, work));
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->lanes) {
        fc_dense_lanes_data(op, io, work);
        return;
    }
    if (!op->wide && !io->packed_t) {
        for (ptrdiff_t image = work->first; image < work->last; image++)
            fc_k->dots(op->in_c, op->out_c, io->w, op->out_c, fc_row(&io->dy, image, work), fc_row(&io->dx, image, work));
        return;
    }
    if (!op->wide) {
        product(fc_row(&io->dy, work->first, work), io->dy.size, op->out_c, fc_row(&io->dx, work->first, work), io->dx.size,
                op->in_c, work->last - work->first, io->packed_t, NULL);
        return;
    }
    const ptrdiff_t images = fc_round_down(DATA_IMAGES, fc_k->nr);
    const ptrdiff_t rows = data_rows(op);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t i = item * rows;
        for (ptrdiff_t b = work->from; b < work->to; b += images)
            data_block(op, io, i, fc_min(rows, op->in_c - i), b, fc_min(images, work->to - b), work);
    }
}

/* The arrays that the optimizer changes behind a block of dw, from the block's first element on. */
typedef struct {
    const float *p[1 + FC_STATES];
    ptrdiff_t count, row;
} updated;

static updated arrays_of(const fc_op *op, const fc_io *io, ptrdiff_t at)
{
    updated u = {.p = {io->w + at}, .count = 1, .row = op->out_c};
    for (int i = 0; i < FC_STATES; i++)
        if (io->state[i]) u.p[u.count++] = io->state[i] + at;
    return u;
}

/* The rows of one of them that are asked for in a turn, of so many for each array, while so many products are made. */
static fc_ahead rows_ahead(const updated *u, ptrdiff_t turn, ptrdiff_t turns, ptrdiff_t m, ptrdiff_t n, ptrdiff_t products)
{
    const ptrdiff_t first = turn / u->count * m / turns, last = (turn / u->count + 1) * m / turns, of_row = fc_ceil_div(n, FC_LINE);
    const ptrdiff_t lines = (last - first) * of_row;
    return (fc_ahead){u->p[turn % u->count] + first * u->row, lines, fc_ceil_div(lines, products), of_row, u->row};
}

/* dw rows [i0, i0 + m), columns [j0, j0 + n), into rows of `step` floats, over images in steps that fit the scratch. */
static void gradient_block(const fc_io *io, const fc_work *work, ptrdiff_t i0, ptrdiff_t m, ptrdiff_t j0, ptrdiff_t n,
                           float *dw, ptrdiff_t step, const updated *behind)
{
    static const ptrdiff_t run[1] = {0};
    if (work->to - work->from == 1) {
        fc_k->outer(m, n, fc_row(&io->x, work->from, work) + i0, fc_row(&io->dy, work->from, work) + j0, dw, step);
        return;
    }
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr, m_up = fc_round_up(m, mr), n_up = fc_round_up(n, nr);
    const ptrdiff_t depth = fc_min(work->to - work->from, WIDE_N * WIDE_K / (m_up + n_up));
    for (ptrdiff_t k = work->from; k < work->to; k += depth) {
        const ptrdiff_t images = fc_min(depth, work->to - k);
        float *dy = work->scratch, *x = dy + images * n_up;
        for (ptrdiff_t t = 0; t < n; t += nr)
            for (ptrdiff_t b = 0; b < images; b++)
                fc_k->pack(1, fc_min(nr, n - t), fc_row(&io->dy, k + b, work) + j0 + t, 0, dy + t * images + b * nr);
        for (ptrdiff_t t = 0; t < m; t += mr)
            for (ptrdiff_t b = 0; b < images; b++) {
                const float *from = fc_row(&io->x, k + b, work) + i0 + t;
                for (ptrdiff_t r = 0; r < fc_min(mr, m - t); r++) x[t * images + b * mr + r] = from[r];
            }
        const fc_inner in = {run, 1, images, mr, nr, fc_chains_of(1, images, 0)};
        const ptrdiff_t turns = behind && k + images == work->to ? m_up / mr * (n_up / nr) / behind->count : 0;
        for (ptrdiff_t t = 0, turn = 0; t < n; t += nr)
            for (ptrdiff_t i = 0; i < m; i += mr, turn++) {
                const ptrdiff_t count = fc_min(mr, m - i);
                fc_rows rows;
                for (ptrdiff_t r = 0; r < mr; r++) {
                    const ptrdiff_t row = fc_min(r, count - 1);
                    rows.a[r] = x + i * images + row;
                    rows.c[r] = dw + (i + row) * step + t;
                }
                if (turn < turns * (behind ? behind->count : 0)) {
                    const fc_ahead next = rows_ahead(behind, turn, turns, m, n, images);
                    fc_k->gemm_ahead(count, fc_min(nr, n - t), &rows, &in, dy + t * images, NULL, k > work->from, &next);
                } else {
                    fc_k->gemm(count, fc_min(nr, n - t), &rows, &in, dy + t * images, NULL, k > work->from);
                }
            }
    }
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->lanes) {
        fc_dense_lanes_weights(op, io, work);
        return;
    }
    const ptrdiff_t across = fc_ceil_div(op->out_c, GRADIENT_N);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t i = item / across * GRADIENT_M, j = item % across * GRADIENT_N;
        const ptrdiff_t n = fc_min(GRADIENT_N, op->out_c - j), m = fc_min(GRADIENT_M, op->in_c - i), at = i * op->out_c + j;
        if (io->update) {
            float *dw = work->scratch + WIDE_N * WIDE_K;
            const updated behind = arrays_of(op, io, at);
            gradient_block(io, work, i, m, j, n, dw, n, &behind);
            for (ptrdiff_t r = 0, w = at; r < m; r++, w += op->out_c)
                fc_update(io->update, io, 1, w, n, dw + r * n);
        } else {
            gradient_block(io, work, i, m, j, n, io->dw + at, op->out_c, NULL);
        }
        if (i == 0 && io->db) {
            memset(io->db + j, 0, (size_t)n * sizeof(float));
            fc_k->sum_rows(1, work->to - work->from, n, &(fc_plane){fc_row(&io->dy, work->from, work) + j, 0, io->dy.size},
                           io->db + j);
        }
    }
}

static fc_cut cut(const fc_op *op, fc_pass pass)
{
    if (pass == FC_PACK || pass == FC_WEIGHTS || (op->wide && pass != FC_MASK)) return FC_BY_BLOCK;
    return op->lanes ? FC_BY_CHUNK : FC_BY_IMAGE;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    const ptrdiff_t nr = fc_k->nr;
    if (op->lanes && pass != FC_MASK) return fc_dense_lanes_items(op, pass);
    switch (pass) {
    case FC_PACK: return op->wide ? by_rows(op) : fc_ceil_div(op->out_c, nr) + fc_ceil_div(op->in_c, nr);
    case FC_FORWARD:
        if (by_rows(op)) return blocks(op) * fc_ceil_div(op->out_c, columns(op));
        return op->wide ? fc_ceil_div(op->out_c, WIDE_N) : 1;
    case FC_DATA: return op->wide ? fc_ceil_div(op->in_c, data_rows(op)) : 1;
    case FC_WEIGHTS: return fc_ceil_div(op->in_c, GRADIENT_M) * fc_ceil_div(op->out_c, GRADIENT_N);
    default: return op->dropped ? 1 : fc_plain_items(op, pass);
    }
}

/* A single image takes weights as they lie, and so does DATA where they were not packed; an optimizer at hand takes dw. */
static unsigned correct(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch, unsigned needs)
{
    if (pass == FC_PACK && op->wide) needs = FC_PACKED;
    if (pass == FC_FORWARD && (op->wide || batch == 1) && !by_rows(op)) needs &= ~(unsigned)FC_PACKED;
    if (pass == FC_DATA && !io->packed_t) needs = (needs & ~(unsigned)FC_PACKED_T) | FC_W;
    if (pass == FC_WEIGHTS && io->update)
        needs = (needs | fc_needs(io->update, io, FC_UPDATE, batch)) & ~(unsigned)(FC_DW | FC_PARTIAL);
    return needs;
}

static fc_status set_alone(fc_op *op)
{
    const int rows = op->wide && op->format == FC_FLOAT32 && op->threads > 1 && blocks(op) > 1;
    op->packed_size = rows ? fc_round_up(blocks(op) * op->out_c, FC_LINE) + FC_LINE : 0; /* weights as they lie */
    op->packed_t_size = 0;
    return FC_OK;
}

const fc_op_class fc_dense_class = {
    {[FC_PACK] = pack, [FC_FORWARD] = forward, [FC_MASK] = mask, [FC_DATA] = data, [FC_WEIGHTS] = weights}, cut, items,
    .needs = {[FC_PACK] = FC_W, [FC_FORWARD] = FC_X | FC_Y | FC_W | FC_B | FC_PACKED, [FC_MASK] = FC_Y | FC_DY,
              [FC_DATA] = FC_DX | FC_DY | FC_PACKED_T, [FC_WEIGHTS] = FC_X | FC_DY | FC_DW | FC_DB},
    .correct = correct, .set_lanes = fc_dense_set_lanes, .set_curvature = fc_of_curvature, .set_alone = set_alone,
    .folds = 1,
};
