/* Small gradients: the sum of the chunks' partials, in the order of the chunks.
 *
 *     dw, db = Σ_chunk partial[chunk]
 *
 * partial [chunks][w_size + b_size]. Threads: by blocks of floats. */
#include "ops.h"

void fc_reduce(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t size = op->w_size + op->b_size, chunks = fc_chunks(work->batch, work->chunk);
    const ptrdiff_t from = work->first * FC_PLAIN_ITEM, to = fc_min(work->last * FC_PLAIN_ITEM, size);
    const ptrdiff_t w_end = fc_min(to, op->w_size), b_from = fc_max(from, op->w_size);
    for (ptrdiff_t chunk = 0; chunk < chunks; chunk++) {
        const float *p = io->partial + chunk * size;
        if (from < w_end) {
            if (chunk == 0)
                memcpy(io->dw + from, p + from, (size_t)(w_end - from) * sizeof *p);
            else
                fc_k->add(w_end - from, p + from, io->dw + from);
        }
        if (b_from < to) {
            if (chunk == 0)
                memcpy(io->db + b_from - op->w_size, p + b_from, (size_t)(to - b_from) * sizeof *p);
            else
                fc_k->add(to - b_from, p + b_from, io->db + b_from - op->w_size);
        }
    }
}
