/* Fully connected layer in lanes (lanes.c), weights as they lie:
 *
 *     y[o][l] = b[o] + Σ_i x[i][l]·w[i][o]     dx[i][l] = Σ_o dy[o][l]·w[i][o]     dw[i][o] = Σ_{chunk,l} x[i][l]·dy[o][l]
 *
 * FORWARD and DATA are products of w's columns or rows with the vectors of a chunk: nothing is packed.
 * WEIGHTS: blocks of dw rows sum over the batch, x as it lies (a chunk is a run of V images), dy as packed rows of images.
 * Threads: by rows of chunks; WEIGHTS by blocks. */
#include "correlate.h"
#include "in_lanes.h"

#define ROWS 96          /* rows of a block of dw, at most: LeNet's 400 are five blocks */
#define PART 12          /* rows of y or dx that are an item: lanes_gemm's tile */
#define PACKED 65536     /* floats of dy that are packed at a time, … */
#define CHUNKS 256       /* … and chunks */

fc_status fc_dense_set_lanes(fc_op *op)
{
    if (op->wide || op->dropped) return FC_INVALID;
    op->lanes = 1;
    op->packed_size = op->packed_t_size = 0;
    op->scratch = fc_max(PACKED, op->out_c * fc_k->v) + fc_round_up(op->out_c, fc_k->nr) * fc_k->v + FC_MARGIN;
    return FC_OK;
}

void fc_dense_lanes_forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t v = fc_k->v;
    fc_lanes in = {.runs = 1, .a_step = op->out_c, .a_row = 1, .b_step = v};
    for (fc_part p = {0}; fc_next_part(work, fc_dense_lanes_items(op, FC_FORWARD), &p);) {
        const ptrdiff_t from = p.first * PART, n = fc_min(p.last * PART, op->out_c) - from;
        const float *x = fc_row(&io->x, p.chunk * v, work);
        float *y = fc_row(&io->y, p.chunk * v, work) + from * v;
        for (fc_sum s = FC_SUM; fc_next_sum(1, op->in_c, &s);) {
            in.len = s.len, in.chains = fc_chains_of(1, s.len, 0);
            fc_k->lanes_gemm(n, 1, &in, io->w + s.at * op->out_c + from, x + s.at * v, io->b && !s.more ? io->b + from : NULL,
                             s.more ? work->scratch : y);
            if (s.more) fc_k->add(n * v, work->scratch, y);
        }
        if (op->activation != FC_LINEAR) fc_k->activate(op->activation, op->alpha, n * v, y, y);
    }
}

void fc_dense_lanes_data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t v = fc_k->v;
    const fc_lanes in = {.runs = 1, .len = op->out_c, .chains = fc_chains_of(1, op->out_c, 0),
                         .a_step = 1, .a_row = op->out_c, .b_step = v};
    for (fc_part p = {0}; fc_next_part(work, fc_dense_lanes_items(op, FC_DATA), &p);) {
        const ptrdiff_t from = p.first * PART, n = fc_min(p.last * PART, op->in_c) - from;
        fc_k->lanes_gemm(n, 1, &in, io->w + from * op->out_c, fc_row(&io->dy, p.chunk * v, work), NULL,
                         fc_row(&io->dx, p.chunk * v, work) + from * v);
    }
}

/* Packs dy of some chunks: [column tile][image][NR], images that are missing as zeros. */
static void pack_dy(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t chunk, ptrdiff_t chunks, float *packed)
{
    const ptrdiff_t v = fc_k->v, nr = fc_k->nr;
    if (op->out_c % nr) memset(packed + op->out_c / nr * nr * chunks * v, 0, (size_t)(nr * chunks * v) * sizeof *packed);
    for (ptrdiff_t c = 0; c < chunks; c++) {
        const float *dy = fc_row(&io->dy, (chunk + c) * v, work);
        for (ptrdiff_t j = 0; j < op->out_c; j += nr)
            fc_k->from_lanes(v, fc_min(nr, op->out_c - j), dy + j * v, packed + (j * chunks + c * nr) * v, nr);
    }
}

void fc_dense_lanes_weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t v = fc_k->v, nr = fc_k->nr, mr = fc_k->mr, n = op->out_c, start = work->from / v, end = fc_chunks(work->to, v);
    const ptrdiff_t block = fc_balanced(op->in_c, ROWS), most = fc_max(1, fc_min(CHUNKS, PACKED / (fc_round_up(n, nr) * v)));
    const ptrdiff_t from = work->first * block, to = fc_min(work->last * block, op->in_c);
    ptrdiff_t run[CHUNKS];
    for (ptrdiff_t chunk = start; chunk < end; chunk += most) {
        const ptrdiff_t chunks = fc_min(most, end - chunk);
        const float *x = fc_row(&io->x, chunk * v, work);
        pack_dy(op, io, work, chunk, chunks, work->scratch);
        for (ptrdiff_t c = 0; c < chunks; c++) run[c] = fc_row(&io->x, (chunk + c) * v, work) - x;
        const fc_inner in = {run, chunks, v, 1, nr, fc_chains_of(chunks, v, 0)};
        for (ptrdiff_t j = 0; j < n; j += nr) {
            const float *dy = work->scratch + j * chunks * v;
            for (ptrdiff_t i = from; i < to; i += mr) {
                fc_rows rows;
                for (ptrdiff_t r = 0; r < mr; r++) {
                    const ptrdiff_t row = fc_min(i + r, to - 1);
                    rows.a[r] = x + row * v;
                    rows.c[r] = io->dw + row * n + j;
                }
                fc_k->gemm(fc_min(mr, to - i), fc_min(nr, n - j), &rows, &in, dy, NULL, chunk > start);
            }
            if (from == 0 && io->db) {
                const ptrdiff_t width = fc_min(nr, n - j);
                if (chunk == start) memset(io->db + j, 0, (size_t)width * sizeof(float));
                fc_k->sum_rows(1, chunks * v, width, &(fc_plane){dy, 0, nr}, io->db + j);
            }
        }
    }
}

ptrdiff_t fc_dense_lanes_items(const fc_op *op, fc_pass pass)
{
    switch (pass) {
    case FC_FORWARD: return fc_ceil_div(op->out_c, PART);
    case FC_DATA: return fc_ceil_div(op->in_c, PART);
    case FC_WEIGHTS: return fc_ceil_div(op->in_c, fc_balanced(op->in_c, ROWS));
    default: return 0; /* nothing is packed */
    }
}
