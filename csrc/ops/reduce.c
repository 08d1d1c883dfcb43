/* Small gradients: the sum of the chunks' partials.
 *
 *     dw, db = Σ_chunk partial[chunk] = sum of the first half of the chunks + sum of the second, each of them likewise
 *
 * So processes that have a half each, or a quarter, add the same numbers as one that has all. Where several chunks must stay
 * together (work->unit), such units are what is halved, and then the chunks in each. partial [chunks][w_size + b_size].
 * Threads: by blocks of floats. */
#include "ops.h"

#define WIDTH 512 /* floats whose sums wait in cache, one of each halving */

/* sum [n] of partials [first, last), `size` apart; unit: chunks. */
static void add_halves(const float *partial, ptrdiff_t first, ptrdiff_t last, ptrdiff_t unit, ptrdiff_t size, ptrdiff_t n, float *sum)
{
    if (last - first == 1) {
        memcpy(sum, partial + first * size, (size_t)n * sizeof *sum);
        return;
    }
    const ptrdiff_t middle = fc_middle(first, last, last - first > unit ? unit : 1);
    add_halves(partial, first, middle, unit, size, n, sum);
    if (last - middle == 1) {
        fc_k->add(n, partial + middle * size, sum);
        return;
    }
    float other[WIDTH];
    add_halves(partial, middle, last, unit, size, n, other);
    fc_k->add(n, other, sum);
}

/* Floats [from, to) of each partial. */
static void reduce(const float *partial, const fc_work *work, ptrdiff_t size, ptrdiff_t from, ptrdiff_t to, float *sum)
{
    const ptrdiff_t first = work->from / work->chunk, last = fc_chunks(work->to, work->chunk);
    for (ptrdiff_t at = from; at < to; at += WIDTH)
        add_halves(partial + at, first, last, work->unit / work->chunk, size, fc_min(WIDTH, to - at), sum + at - from);
}

void fc_reduce(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t size = op->w_size + op->b_size;
    const ptrdiff_t from = work->first * FC_PLAIN_ITEM, to = fc_min(work->last * FC_PLAIN_ITEM, size);
    const ptrdiff_t w_end = fc_min(to, op->w_size), b_from = fc_max(from, op->w_size);
    if (from < w_end) reduce(io->partial, work, size, from, w_end, io->dw + from);
    if (b_from < to) reduce(io->partial, work, size, b_from, to, io->db + b_from - op->w_size);
}
