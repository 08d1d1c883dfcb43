/* The image as lane: V images lie interleaved, x[i][V], i running over (pixel, channel). Whatever the channels, vectors are full.
 *
 *     to_lanes    y[i·y_step + l] = x[l·step + i], 0 where l ≥ images         from_lanes  y[l·step + i] = x[i][l]
 *     lanes_gemm  C[pixel][i][l] = bias[i] + Σ_r Σ_k A[r·a_run + k·a_step + i·a_row] · B[r·b_run + pixel·b_pixel + k·b_step + l]
 *     lanes_outer dw[i][j] = Σ_row Σ_col Σ_l x[row][col][i][l] · dy[row][col][j][l]
 *     lanes_dot   y[pixel][l] = bias + Σ_r Σ_s Σ_k w[r][s][k] · x[r·row + s·col + at[k] + pixel·x_pixel + l]
 *     lanes_taps  dw[i·dw_step + c] = Σ_row Σ_col Σ_l x[row][col][i·step + c·two + l] · dy[row][col][l],   c = 0, or 0 and 1 (two ≠ 0)
 *     lanes_sum   y[j] = Σ_row Σ_l x[row][j][l]
 *
 * b_step is V where lanes are images. With 1 they are neighbouring pixels of one plane (conv2d.c).
 * lanes_gemm is gemm's tile with its sides exchanged: weights are broadcast, pixels times images are the columns. Every
 * element is a sum of chains of multiply-adds in order of (r, k), as in gemm. Tiles have exactly as many rows as are left, so
 * nothing beyond an array is read.
 * Assumes: images ≤ V; a_row is 1 where pixels > 1. */

#define LANES_M 6   /* rows of a tile of NRV pixels: gemm's on AVX2 and NEON; wider is no faster with AVX-512's two loads */
#define LANES_M1 12 /* rows of a tile of one pixel: its 12 chains hide the latency of a multiply-add */

#define EACH_ROWS6(TILE) TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#define EACH_ROWS8(TILE) EACH_ROWS6(TILE) TILE(7) TILE(8)
#define EACH_ROWS12(TILE) EACH_ROWS8(TILE) TILE(9) TILE(10) TILE(11) TILE(12)

static void to_lanes(ptrdiff_t images, ptrdiff_t n, const float *x, ptrdiff_t step, float *y, ptrdiff_t y_step)
{
    vf r[V];
    for (ptrdiff_t i = 0; i < n; i += V) {
        const ptrdiff_t left = n - i;
#pragma GCC unroll 16
        for (ptrdiff_t l = 0; l < V; l++)
            r[l] = l >= images ? v_zero() : left >= V ? v_load(x + l * step + i) : v_load_tail(x + l * step + i, left);
        v_transpose(r);
#pragma GCC unroll 16
        for (ptrdiff_t l = 0; l < V; l++) {
            if (l >= left) break;
            v_store(y + (i + l) * y_step, r[l]);
        }
    }
}

#ifdef V_PICK
/* y[l·n + i] = x[i][l]: vector k of y has channel (k·V + j) mod n of image (k·V + j) / n at place j. */
static inline __attribute__((always_inline)) void pick_channels(const int n, const float *x, float *y)
{
    const vf half = v_set1(0.5f), part = v_set1(1.0f / (float)n);
    vf at = v_places();
    const vf channel = v_fnma(v_set1((float)n), v_round(v_sub(v_mul(v_add(at, half), part), half)), at);
    vm is[V / 2]; /* at which places of the first vector channel i is; of vector k channel i + k·V */
#pragma GCC unroll 8
    for (int i = 0; i < n; i++) is[i] = v_eq(channel, v_set1((float)i));
#pragma GCC unroll 8
    for (int k = 0; k < n; k++, at = v_add(at, v_set1((float)V))) {
        const vf image = v_round(v_sub(v_mul(v_add(at, half), part), half));
        vf r = v_pick(v_load(x), image);
#pragma GCC unroll 8
        for (int i = 1; i < n; i++) r = v_select(is[(i + k * (n - V % n)) % n], v_pick(v_load(x + i * V), image), r);
        v_store(y + k * V, r);
    }
}
#endif

static void from_lanes(ptrdiff_t images, ptrdiff_t n, const float *x, float *y, ptrdiff_t step)
{
#ifdef V_PICK
    if (images == V && step == n)
        switch (n) { /* one behind the other, and few of them, which the transpose would fill up with zeros */
#define OF(N) case N: if (N <= V / 2) { pick_channels(N, x, y); return; } break;
            EACH_ROWS8(OF)
#undef OF
        }
#endif
    vf r[V];
    for (ptrdiff_t i = 0; i < n; i += V) {
        const ptrdiff_t left = n - i;
#pragma GCC unroll 16
        for (ptrdiff_t l = 0; l < V; l++) r[l] = l < left ? v_load(x + (i + l) * V) : v_zero();
        v_transpose(r);
#pragma GCC unroll 16
        for (ptrdiff_t l = 0; l < V; l++) {
            if (l >= images) break;
            if (left >= V)
                v_store(y + l * step + i, r[l]);
            else
                v_store_tail(y + l * step + i, left, r[l]);
        }
    }
}

/* acc += n products of a run. */
static inline __attribute__((always_inline)) void lanes_run(const int m, const int nv, ptrdiff_t n, const fc_lanes *in,
                                                            ptrdiff_t a_row, const float *restrict a, const float *restrict b,
                                                            vf (*acc)[NRV])
{
    const ptrdiff_t a_step = in->a_step, b_step = in->b_step, b_pixel = in->b_pixel;
    for (ptrdiff_t k = 0; k < n; k++, a += a_step, b += b_step) {
        vf bk[NRV];
#pragma GCC unroll 4
        for (int p = 0; p < nv; p++) bk[p] = v_load(b + p * b_pixel);
#pragma GCC unroll 16
        for (int i = 0; i < m; i++) {
            vf ak = v_set1(a[i * a_row]);
#pragma GCC unroll 4
            for (int p = 0; p < nv; p++) acc[i][p] = v_fma(ak, bk[p], acc[i][p]);
        }
    }
}

static inline __attribute__((always_inline)) void lanes_tile(const int many, const int m, const int nv, const int unit,
                                                             const fc_lanes *in, const float *restrict a, const float *restrict b,
                                                             const float *bias, float *restrict to)
{
    vf acc[LANES_M1][NRV], sum[LANES_M1][NRV];
    const ptrdiff_t a_row = unit ? 1 : in->a_row;
#pragma GCC unroll 16
    for (int i = 0; i < m; i++)
#pragma GCC unroll 4
        for (int p = 0; p < nv; p++) acc[i][p] = bias ? v_set1(bias[i]) : v_zero();
    if (many) {
        const fc_chains c = in->chains;
        clear_sum(m, nv, NRV, sum[0]);
        for (ptrdiff_t r0 = 0; r0 < in->runs; r0 += c.runs)
            for (ptrdiff_t k = 0; k < in->len; k += c.length) {
                const ptrdiff_t n = in->len - k < c.length ? in->len - k : c.length;
                if (r0 + k) end_chain(m, nv, NRV, acc[0], sum[0]);
                for (ptrdiff_t r = r0; r < r0 + c.runs && r < in->runs; r++)
                    lanes_run(m, nv, n, in, a_row, a + r * in->a_run + k * in->a_step, b + r * in->b_run + k * in->b_step, acc);
            }
        add_sum(m, nv, NRV, sum[0], acc[0]);
    } else {
        for (ptrdiff_t r = 0; r < in->runs; r++)
            lanes_run(m, nv, in->len, in, a_row, a + r * in->a_run, b + r * in->b_run, acc);
    }
#pragma GCC unroll 16
    for (int i = 0; i < m; i++)
#pragma GCC unroll 4
        for (int p = 0; p < nv; p++) v_store(to + p * in->c_pixel + i * V, acc[i][p]);
}

/* All rows for the NRV pixels at b, or for one. */
static inline __attribute__((always_inline)) void lanes_rows(const int many, ptrdiff_t m, int one, const fc_lanes *in,
                                                             const float *a, const float *b, const float *bias, float *c)
{
    const ptrdiff_t most = one ? LANES_M1 : LANES_M, block = (m + (m + most - 1) / most - 1) / ((m + most - 1) / most);
    for (ptrdiff_t i = 0; i < m; i += block) {
        const ptrdiff_t rows = m - i < block ? m - i : block;
        const float *ai = a + i * in->a_row, *start = bias ? bias + i : NULL;
        float *ci = c + i * V;
        switch (!one ? rows : in->a_row == 1 ? 100 + rows : 200 + rows) {
#define TILE(M) case M: lanes_tile(many, M, NRV, 1, in, ai, b, start, ci); break;
            EACH_ROWS6(TILE)
#undef TILE
#define TILE(M) case 100 + M: lanes_tile(many, M, 1, 1, in, ai, b, start, ci); break;
            EACH_ROWS12(TILE)
#undef TILE
#define TILE(M) case 200 + M: lanes_tile(many, M, 1, 0, in, ai, b, start, ci); break;
            EACH_ROWS12(TILE)
#undef TILE
        }
    }
}

/* Sums of one chain. */
static __attribute__((noinline)) void lanes_chain(ptrdiff_t m, int one, const fc_lanes *in, const float *a, const float *b,
                                                  const float *bias, float *c)
{
    lanes_rows(0, m, one, in, a, b, bias, c);
}

/* Sums of several. */
static __attribute__((noinline)) void lanes_chains(ptrdiff_t m, int one, const fc_lanes *in, const float *a, const float *b,
                                                   const float *bias, float *c)
{
    lanes_rows(1, m, one, in, a, b, bias, c);
}

static void lanes_gemm(ptrdiff_t m, ptrdiff_t pixels, const fc_lanes *in, const float *a, const float *b, const float *bias,
                       float *c)
{
    void (*rows)(ptrdiff_t, int, const fc_lanes *, const float *, const float *, const float *, float *) =
        in->chains.many ? lanes_chains : lanes_chain;
    ptrdiff_t p = 0;
    for (; NRV > 1 && p + NRV <= pixels; p += NRV)
        rows(m, 0, in, a, b + p * in->b_pixel, bias, c + p * in->c_pixel);
    for (; p < pixels; p++) rows(m, 1, in, a, b + p * in->b_pixel, bias, c + p * in->c_pixel);
}

static inline __attribute__((always_inline)) void outer_tile(const int m, const int n, ptrdiff_t rows, ptrdiff_t cols,
                                                             const fc_plane *x, const fc_plane *dy, ptrdiff_t i,
                                                             ptrdiff_t j, float *dw, ptrdiff_t step)
{
    vf acc[LANES_M][2];
    const ptrdiff_t x_pixel = x->pixel, dy_pixel = dy->pixel;
#pragma GCC unroll 8
    for (int s = 0; s < m; s++)
#pragma GCC unroll 2
        for (int t = 0; t < n; t++) acc[s][t] = v_zero();
    for (ptrdiff_t row = 0; row < rows; row++) {
        const float *xp = x->p + row * x->row + i * V, *dp = dy->p + row * dy->row + j * V;
        for (ptrdiff_t col = 0; col < cols; col++, xp += x_pixel, dp += dy_pixel) {
            vf d[2];
#pragma GCC unroll 2
            for (int t = 0; t < n; t++) d[t] = v_load(dp + t * V);
#pragma GCC unroll 8
            for (int s = 0; s < m; s++) {
                vf xs = v_load(xp + s * V);
#pragma GCC unroll 2
                for (int t = 0; t < n; t++) acc[s][t] = v_fma(xs, d[t], acc[s][t]);
            }
        }
    }
#pragma GCC unroll 8
    for (int s = 0; s < m; s++)
#pragma GCC unroll 2
        for (int t = 0; t < n; t++) dw[(i + s) * step + j + t] = v_sum(acc[s][t]);
}

static void lanes_outer(ptrdiff_t m, ptrdiff_t n, ptrdiff_t rows, ptrdiff_t cols, const fc_plane *x, const fc_plane *dy,
                        float *dw, ptrdiff_t step)
{
    const ptrdiff_t blocks = (m + LANES_M - 1) / LANES_M, block = (m + blocks - 1) / blocks;
    for (ptrdiff_t i = 0; i < m; i += block) /* x of a block stays in L1 while all columns of dy pass */
        for (ptrdiff_t j = 0; j < n; j += 2) {
            const ptrdiff_t height = m - i < block ? m - i : block;
            switch (height + (n - j > 1 ? 0 : 100)) {
#define TILE(M) case M: outer_tile(M, 2, rows, cols, x, dy, i, j, dw, step); break; \
            case 100 + M: outer_tile(M, 1, rows, cols, x, dy, i, j, dw, step); break;
                EACH_ROWS6(TILE)
#undef TILE
            }
        }
}

static inline __attribute__((always_inline)) void dot_tile(const int pixels, const fc_taps *t, const ptrdiff_t *at,
                                                           const float *restrict w, vf start, const float *restrict x,
                                                           float *restrict y)
{
    vf acc[LANES_M1];
    const ptrdiff_t n = t->channels, one = 4 * t->x_pixel, three = 3 * one, five = 5 * one, seven = 7 * one, nine = 9 * one;
    const ptrdiff_t step[LANES_M1] = {0, one, 2 * one, three, 4 * one, five, 2 * three, seven, 8 * one, nine, 2 * five, 0};
#pragma GCC unroll 16
    for (int p = 0; p < pixels; p++) acc[p] = start;
    for (ptrdiff_t r = 0; r < t->rows; r++)
        for (ptrdiff_t s = 0; s < t->cols; s++) {
            const float *tap = x + r * t->row + s * t->col;
            for (ptrdiff_t k = 0; k < n; k++, w++) {
                const vf wk = v_set1(*w);
                const char *xk = (const char *)(tap + at[k]);
#pragma GCC unroll 16
                for (int p = 0; p < pixels; p++) acc[p] = v_fma(wk, v_load((const float *)(xk + step[p])), acc[p]);
            }
        }
#pragma GCC unroll 16
    for (int p = 0; p < pixels; p++) v_store(y + p * t->y_pixel, acc[p]);
}

static void lanes_dot(const fc_taps *taps, const ptrdiff_t *at, const float *w, const float *bias, ptrdiff_t pixels,
                      const float *x, float *y)
{
    const ptrdiff_t blocks = (pixels + 10) / 11, block = blocks ? (pixels + blocks - 1) / blocks : 1;
    const vf start = bias ? v_set1(*bias) : v_zero();
    for (ptrdiff_t p = 0; p < pixels; p += block)
        switch (pixels - p < block ? pixels - p : block) {
#define TILE(P) case P: dot_tile(P, taps, at, w, start, x + p * taps->x_pixel, y + p * taps->y_pixel); break;
            EACH_ROWS12(TILE)
#undef TILE
        }
}

static inline __attribute__((always_inline)) void taps_tile(const int m, const int n, ptrdiff_t step, ptrdiff_t two,
                                                            ptrdiff_t rows, ptrdiff_t cols, const fc_plane *x, ptrdiff_t i,
                                                            const fc_plane *dy, float *dw, ptrdiff_t dw_step)
{
    vf acc[LANES_M][2];
    const ptrdiff_t x_pixel = x->pixel, dy_pixel = dy->pixel;
#pragma GCC unroll 8
    for (int s = 0; s < m; s++)
#pragma GCC unroll 2
        for (int t = 0; t < n; t++) acc[s][t] = v_zero();
    for (ptrdiff_t row = 0; row < rows; row++) {
        const float *xp = x->p + row * x->row + i * step, *dp = dy->p + row * dy->row;
        for (ptrdiff_t col = 0; col < cols; col++, xp += x_pixel, dp += dy_pixel) {
            const vf d = v_load(dp);
#pragma GCC unroll 8
            for (int s = 0; s < m; s++)
#pragma GCC unroll 2
                for (int t = 0; t < n; t++) acc[s][t] = v_fma(v_load(xp + s * step + t * two), d, acc[s][t]);
        }
    }
#pragma GCC unroll 8
    for (int s = 0; s < m; s++)
#pragma GCC unroll 2
        for (int t = 0; t < n; t++) dw[(i + s) * dw_step + t] = v_sum(acc[s][t]);
}

static void lanes_taps(ptrdiff_t taps, ptrdiff_t step, ptrdiff_t two, ptrdiff_t rows, ptrdiff_t cols, const fc_plane *x,
                       const fc_plane *dy, float *dw, ptrdiff_t dw_step)
{
    const ptrdiff_t blocks = (taps + LANES_M - 1) / LANES_M, block = (taps + blocks - 1) / blocks;
    for (ptrdiff_t i = 0; i < taps; i += block)
        switch ((taps - i < block ? taps - i : block) + (two ? 100 : 0)) {
#define TILE(M) case M: taps_tile(M, 1, step, two, rows, cols, x, i, dy, dw, dw_step); break; \
        case 100 + M: taps_tile(M, 2, step, two, rows, cols, x, i, dy, dw, dw_step); break;
            EACH_ROWS6(TILE)
#undef TILE
        }
}

static void lanes_sum(ptrdiff_t rows, ptrdiff_t n, const float *x, float *y)
{
    const fc_plane pixels = {.p = x, .pixel = n * V};
    EACH_SUM(VALUES, 1, rows, n * V, &pixels, &pixels, y[i / V] = v_sum(sum))
}
