/* Small gradients: the sum of the chunks' partials.
 *
 *     dw, db = Σ_chunk partial[chunk] = sum of the first half of the chunks + sum of the second, each of them likewise
 *
 * So processes that have a half each, or a quarter, add the same numbers as one that has all. Of an odd number the first half
 * has one more. Where larger parts of the batch must stay together (work->unit chunks), they are what is halved, and then the
 * chunks in each. partial [chunks][w_size + b_size]: each half's sum takes the place of its first chunk. Threads: by blocks of
 * floats. */
#include "ops.h"

/* n floats of partials [first, last), `size` apart. */
static void add_up(float *partial, ptrdiff_t first, ptrdiff_t last, ptrdiff_t size, ptrdiff_t n)
{
    if (last - first < 2) return;
    const ptrdiff_t middle = last - (last - first) / 2;
    add_up(partial, first, middle, size, n);
    add_up(partial, middle, last, size, n);
    fc_k->add(n, partial + middle * size, partial + first * size);
}

void fc_reduce(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t size = op->w_size + op->b_size, unit = work->unit;
    const ptrdiff_t first = work->from / work->chunk, last = fc_chunks(work->to, work->chunk);
    const ptrdiff_t from = work->first * FC_PLAIN_ITEM, to = fc_min(work->last * FC_PLAIN_ITEM, size);
    const ptrdiff_t w_end = fc_min(to, op->w_size), b_from = fc_max(from, op->w_size);
    const float *sum = io->partial + first * size;
    for (ptrdiff_t at = from; at < to; at += FC_PLAIN_ITEM) {
        const ptrdiff_t n = fc_min(FC_PLAIN_ITEM, to - at);
        for (ptrdiff_t chunk = first; chunk < last; chunk += unit)
            add_up(io->partial + at, chunk, fc_min(chunk + unit, last), size, n);
        add_up(io->partial + at, first / unit, fc_ceil_div(last, unit), unit * size, n);
    }
    if (from < w_end) memcpy(io->dw + from, sum + from, (size_t)(w_end - from) * sizeof *sum);
    if (b_from < to) memcpy(io->db + b_from - op->w_size, sum + b_from, (size_t)(to - b_from) * sizeof *sum);
}
