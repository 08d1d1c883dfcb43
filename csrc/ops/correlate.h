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
#define FC_DEPTH 512   /* products per pass over a block, about: B tile of 32 KiB (AVX2, measured 256…∞: flat) */

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

static void correlate_block(const fc_correlation *c, ptrdiff_t first, ptrdiff_t count)
{
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr, depth = fc_max(1, FC_DEPTH / fc_max(1, c->len));
    const ptrdiff_t height = fc_balanced(count, mr); /* 8 rows are 4 + 4 rather than 6 + 2 */
    const float *src[FC_PIXELS + FC_MAX_MR];
    float *dst[FC_PIXELS + FC_MAX_MR];
    for (ptrdiff_t i = 0, row = first / c->cols, col = first % c->cols; i < count; i++) {
        src[i] = c->src + row * c->src_row + col * c->src_col;
        dst[i] = c->dst + row * c->dst_row + col * c->dst_col;
        if (++col == c->cols) col = 0, row++;
    }
    for (ptrdiff_t i = count; i < count + mr; i++) src[i] = src[0], dst[i] = dst[0];
    for (ptrdiff_t r = 0; r == 0 || r < c->runs; r += depth) {
        const fc_inner in = {c->run + r, fc_min(depth, c->runs - r), c->len, 1, nr};
        for (ptrdiff_t j = 0; j < c->n; j += nr) {
            const float *b = c->packed + (j * c->runs + r * nr) * c->len;
            const float *bias = c->bias && r == 0 ? c->bias + j : NULL;
            for (ptrdiff_t i = 0; i < count; i += height) {
                fc_rows rows;
                for (ptrdiff_t t = 0; t < mr; t++) rows.a[t] = src[i + t], rows.c[t] = dst[i + t] + j;
                fc_k->gemm(fc_min(height, count - i), fc_min(nr, c->n - j), &rows, &in, b, bias, r > 0);
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
