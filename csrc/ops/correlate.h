/* One product for conv2d forward and data and for dense: rows × cols pixels against n packed columns.
 *
 *     dst[p][j] = bias[j] + Σ_run Σ_k src[p][run + k] · packed[j / NR][run·len + k][j % NR]
 *
 * src and dst are addressed by pixel (row, col); `run` holds the offsets of the taps. A block of pixels passes one column
 * tile after the other, so that a tile of weights (K × NR floats) is read from L1 or L2. */
#ifndef FC_CORRELATE_H
#define FC_CORRELATE_H
#include "ops.h"

#define FC_PIXELS 180  /* pixels per block, at most; conv3 of AlexNet (169) is one block */
#define FC_DEPTH 256   /* products per pass over a block, at most: 32 KiB of weights with AVX-512 */

typedef struct {
    const float *src;
    ptrdiff_t src_row, src_col;
    float *dst;
    ptrdiff_t dst_row, dst_col;
    ptrdiff_t rows, cols;
    const ptrdiff_t *run;
    ptrdiff_t runs, len;
    const float *packed;
    ptrdiff_t n;
    const float *bias;
} fc_correlation;

/* A part of a sum of runs of len products, which is summed on its own: [at, at + len) of runs [run, run + runs). */
typedef struct {
    ptrdiff_t run, runs, at, len;
    int more; /* is it not the first? */
} fc_sum;

#define FC_SUM {.run = -1} /* before the first */

/* Goes on to the next part; 0 behind the last. Whoever sums in such parts gets the same bits. */
static inline int fc_next_sum(ptrdiff_t runs, ptrdiff_t len, fc_sum *s)
{
    const ptrdiff_t piece = fc_balanced(fc_max(1, len), FC_DEPTH);
    s->more = s->run >= 0;
    if (s->more && s->at + s->len < len) {
        s->at += s->len;
    } else {
        s->run = s->more ? s->run + s->runs : 0, s->at = 0;
        if (s->more && s->run >= runs) return 0;
        s->runs = fc_min(fc_max(1, FC_DEPTH / fc_max(1, len)), runs - s->run);
    }
    s->len = fc_min(piece, len - s->at);
    return 1;
}

static void correlate_block(const fc_correlation *c, ptrdiff_t first, ptrdiff_t count)
{
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr;
    const ptrdiff_t height = fc_tile_rows(count);
    const float *src[FC_PIXELS + FC_MAX_MR];
    float *dst[FC_PIXELS + FC_MAX_MR];
    for (ptrdiff_t i = 0, row = first / c->cols, col = first % c->cols; i < count; i++) {
        src[i] = c->src + row * c->src_row + col * c->src_col;
        dst[i] = c->dst + row * c->dst_row + col * c->dst_col;
        if (++col == c->cols) col = 0, row++;
    }
    for (ptrdiff_t i = count; i < count + mr; i++) src[i] = src[0], dst[i] = dst[0];
    for (fc_sum s = FC_SUM; fc_next_sum(c->runs, c->len, &s);) {
        const ptrdiff_t part = s.at ? c->run[s.run] + s.at : 0;
        const fc_inner in = {s.at ? &part : c->run + s.run, s.runs, s.len, 1, nr, fc_chains_of(s.runs, s.len, 0)};
        for (ptrdiff_t j = 0; j < c->n; j += nr) {
            const float *b = c->packed + (j * c->runs + s.run * nr) * c->len + s.at * nr;
            const float *bias = c->bias && !s.more ? c->bias + j : NULL;
            for (ptrdiff_t i = 0; i < count; i += height) {
                fc_rows rows;
                for (ptrdiff_t t = 0; t < mr; t++) rows.a[t] = src[i + t], rows.c[t] = dst[i + t] + j;
                fc_k->gemm(fc_min(height, count - i), fc_min(nr, c->n - j), &rows, &in, b, bias, s.more);
            }
        }
    }
}

static inline void fc_correlate(const fc_correlation *c)
{
    const ptrdiff_t pixels = c->rows * c->cols;
    if (pixels == 0) return;
    const ptrdiff_t mr = fc_k->mr, block = fc_round_up(fc_balanced(pixels, fc_round_down(FC_PIXELS, mr)), mr);
    for (ptrdiff_t p = 0; p < pixels; p += block) correlate_block(c, p, fc_min(block, pixels - p));
}

/* dst[k][j] = src[k + j·j_step] for j < n, 0 from n to NR: a column tile of a transposed B. */
static inline void fc_pack_transposed(ptrdiff_t k_count, ptrdiff_t n, const float *src, ptrdiff_t j_step, float *dst)
{
    const ptrdiff_t nr = fc_k->nr, v = fc_k->v;
    for (ptrdiff_t j = 0; j < nr; j += v)
        fc_k->to_lanes(fc_max(0, fc_min(v, n - j)), k_count, src + (j < n ? j * j_step : 0), j_step, dst + j, nr);
}

#endif
