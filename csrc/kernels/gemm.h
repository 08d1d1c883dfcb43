/* The microkernel: an MR × NR register tile of multiply-adds.
 *
 *     C[i][j] (+)= Σ_r Σ_k A_i[run[r] + k·a_step] · B[(r·len + k)·b_step + j]
 *
 * A is read through row pointers, one broadcast per element; B through whole vectors. Every C[i][j] is a sum of chains of
 * up to FC_CHAIN multiply-adds in order of (r, k), whatever the tile, so results do not depend on how a caller cuts its rows and
 * columns. Accumulating adds the finished tile to C, so long sums are taken in three levels.
 * Assumes: see kernels.h. */

#define GEMM static inline __attribute__((always_inline))

/* acc += one product of a run. */
GEMM void gemm_step(const int height, const int nv, const float *const *a, ptrdiff_t at, const float *restrict b, vf (*acc)[NRV])
{
    vf bk[NRV];
#pragma GCC unroll 4
    for (int j = 0; j < nv; j++) bk[j] = v_load(b + j * V);
#pragma GCC unroll 16
    for (int i = 0; i < height; i++) {
        vf ak = v_set1(a[i][at]);
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) acc[i][j] = v_fma(ak, bk[j], acc[i][j]);
    }
}

/* Asks for some lines of what is wanted next, which has in_row left in its row. */
GEMM void ask_for_lines(fc_ahead *next, ptrdiff_t *in_row)
{
    for (ptrdiff_t i = 0; i < next->each && next->lines > 0; i++, next->lines--, next->p += FC_LINE) {
        __builtin_prefetch(next->p, 0, 2);
        if (--*in_row == 0) *in_row = next->of_row, next->p += next->row - next->of_row * FC_LINE;
    }
}

/* acc += n products of a run. */
GEMM void gemm_run(const int height, const int nv, ptrdiff_t n, const float *const *a, ptrdiff_t at, ptrdiff_t a_step,
                   const float *restrict b, ptrdiff_t b_step, vf (*acc)[NRV], const int ahead, fc_ahead *next, ptrdiff_t *in_row)
{
    ptrdiff_t k = 0;
    for (; ahead && k < n && next->lines > 0; k++, at += a_step, b += b_step) {
        ask_for_lines(next, in_row);
        gemm_step(height, nv, a, at, b, acc);
    }
    for (; k < n; k++, at += a_step, b += b_step) gemm_step(height, nv, a, at, b, acc);
}

GEMM void gemm_tile(const int many, const int ahead, const int height, const int nv, ptrdiff_t m, ptrdiff_t n, const fc_rows *rows,
                    const fc_inner *in, const float *restrict b, const float *bias, int accumulate, fc_ahead next)
{
    vf acc[MR][NRV], sum[MR][NRV];
    ptrdiff_t in_row = next.of_row;
    const float *a[MR];
    const ptrdiff_t len = in->len, b_step = in->b_step;
#pragma GCC unroll 16
    for (int i = 0; i < height; i++) {
        a[i] = rows->a[i];
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) {
            ptrdiff_t left = n - j * V;
            acc[i][j] = !bias ? v_zero() : left >= V ? v_load(bias + j * V) : v_load_tail(bias + j * V, left);
        }
    }
    if (accumulate)
#pragma GCC unroll 16
        for (int i = 0; i < height; i++) { /* C is wanted at the end: let it come meanwhile */
            __builtin_prefetch(rows->c[i], 1);
            __builtin_prefetch(rows->c[i] + nv * V - 1, 1);
        }
    if (many) {
        const fc_chains c = in->chains;
        clear_sum(height, nv, NRV, sum[0]);
        for (ptrdiff_t r0 = 0; r0 < in->runs; r0 += c.runs)
            for (ptrdiff_t k = 0, count; k < len; k += count) {
                count = len - k < c.length ? len - k : c.length;
                if (r0 + k) end_chain(height, nv, NRV, acc[0], sum[0]);
                for (ptrdiff_t r = r0; r < r0 + c.runs && r < in->runs; r++, b += count * b_step)
                    gemm_run(height, nv, count, a, in->run[r] + k * in->a_step, in->a_step, b, b_step, acc, ahead, &next, &in_row);
            }
        add_sum(height, nv, NRV, sum[0], acc[0]);
    } else {
        for (ptrdiff_t r = 0; r < in->runs; r++, b += len * b_step)
            gemm_run(height, nv, len, a, in->run[r], in->a_step, b, b_step, acc, ahead, &next, &in_row);
    }
#pragma GCC unroll 16
    for (int i = 0; i < height; i++) {
        if (i >= m) break;
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) {
            const ptrdiff_t left = n - j * V;
            float *to = rows->c[i] + j * V;
            if (left >= V)
                v_store(to, accumulate ? v_add(v_load(to), acc[i][j]) : acc[i][j]);
            else
                v_store_tail(to, left, accumulate ? v_add(v_load_tail(to, left), acc[i][j]) : acc[i][j]);
        }
    }
}

/* Few rows take a tile of FEW, or of twice as many: its eight or more sums hide the latency of a multiply-add as well. */
#define FEW FC_FEW
#if MR > 2 * FEW
#define TWICE_FEW (2 * FEW)
#else
#define TWICE_FEW MR
#endif

GEMM void gemm_by(const int many, const int ahead, ptrdiff_t m, ptrdiff_t n, const fc_rows *rows, const fc_inner *in, const float *b,
                  const float *bias, int accumulate, fc_ahead next)
{
    switch ((n + V - 1) / V + (FEW < MR && m <= FEW ? 100 : TWICE_FEW < MR && m <= TWICE_FEW ? 200 : 0)) {
#define TILE(NV) \
    case NV: gemm_tile(many, ahead, MR, NV, m, n, rows, in, b, bias, accumulate, next); break; \
    case 100 + NV: gemm_tile(many, ahead, FEW, NV, m, n, rows, in, b, bias, accumulate, next); break; \
    case 200 + NV: gemm_tile(many, ahead, TWICE_FEW, NV, m, n, rows, in, b, bias, accumulate, next); break;
        TILE(1)
        TILE(2)
#if NRV > 2
        TILE(3)
#endif
#if NRV > 3
        TILE(4)
#endif
#undef TILE
    }
}

/* Sums of one chain. */
static __attribute__((noinline)) void gemm_chain(ptrdiff_t m, ptrdiff_t n, const fc_rows *rows, const fc_inner *in, const float *b,
                                                 const float *bias, int accumulate)
{
    gemm_by(0, 0, m, n, rows, in, b, bias, accumulate, (fc_ahead){0});
}

/* Sums of several. */
static __attribute__((noinline)) void gemm_chains(ptrdiff_t m, ptrdiff_t n, const fc_rows *rows, const fc_inner *in, const float *b,
                                                  const float *bias, int accumulate)
{
    gemm_by(1, 0, m, n, rows, in, b, bias, accumulate, (fc_ahead){0});
}

static void gemm(ptrdiff_t m, ptrdiff_t n, const fc_rows *rows, const fc_inner *in, const float *b, const float *bias,
                 int accumulate)
{
    (in->chains.many ? gemm_chains : gemm_chain)(m, n, rows, in, b, bias, accumulate);
}

/* The same, with something that is wanted next. */
static void gemm_ahead(ptrdiff_t m, ptrdiff_t n, const fc_rows *rows, const fc_inner *in, const float *b, const float *bias,
                       int accumulate, const fc_ahead *next)
{
    gemm_by(1, 1, m, n, rows, in, b, bias, accumulate, *next);
}

/* dst[k][j] = src[k·k_step + j] for j < n, 0 from n to NR: a column tile of B. */
static void pack(ptrdiff_t k, ptrdiff_t n, const float *src, ptrdiff_t k_step, float *dst)
{
    for (ptrdiff_t i = 0; i < k; i++, src += k_step, dst += NRV * V)
#pragma GCC unroll 4
        for (int j = 0; j < NRV; j++) {
            const ptrdiff_t left = n - j * V;
            v_store(dst + j * V, left >= V ? v_load(src + j * V) : left > 0 ? v_load_tail(src + j * V, left) : v_zero());
        }
}

#define GEMV_K 8 /* rows of w taken together */

/* y[j] += Σ_k x[k]·w[k·ldw + j], j < n, for so many k: y is read and written once for all of them. */
static inline __attribute__((always_inline)) void gemv_rows(const int rows, ptrdiff_t n, const float *x, const float *w, ptrdiff_t ldw,
                                                            float *restrict y)
{
    vf xk[GEMV_K];
#pragma GCC unroll 8
    for (int k = 0; k < rows; k++) xk[k] = v_set1(x[k]);
    ptrdiff_t j = 0;
    for (; j + V <= n; j += V) {
        vf t = v_load(y + j);
#pragma GCC unroll 8
        for (int k = 0; k < rows; k++) t = v_fma(xk[k], v_load(w + k * ldw + j), t);
        v_store(y + j, t);
    }
    if (j < n) {
        const ptrdiff_t left = n - j;
        vf t = v_load_tail(y + j, left);
#pragma GCC unroll 8
        for (int k = 0; k < rows; k++) t = v_fma(xk[k], v_load_tail(w + k * ldw + j, left), t);
        v_store_tail(y + j, left, t);
    }
}

/* y[j] += Σ_k x[k]·w[k·ldw + j], j < n, a chain. */
static void gemv_chain(ptrdiff_t k, ptrdiff_t n, const float *x, const float *w, ptrdiff_t ldw, float *restrict y)
{
    ptrdiff_t i = 0;
    for (; i + GEMV_K <= k; i += GEMV_K) gemv_rows(GEMV_K, n, x + i, w + i * ldw, ldw, y);
    for (; i + 4 <= k; i += 4) gemv_rows(4, n, x + i, w + i * ldw, ldw, y);
    for (; i < k; i++) gemv_rows(1, n, x + i, w + i * ldw, ldw, y);
}

#define GEMV_N 4096 /* columns taken together: two rows of sums stay in L1 */

/* y[j] += Σ_k x[k]·w[k·ldw + j], j < n: one row, weights as they lie. Same order of operations as gemm. */
static void gemv(ptrdiff_t k, ptrdiff_t n, const float *x, const float *w, ptrdiff_t ldw, float *restrict y)
{
    const ptrdiff_t length = fc_chains_of(1, k, 0).length;
    float sum[GEMV_N];
    for (ptrdiff_t j = 0; j < n; j += GEMV_N) {
        const ptrdiff_t columns = n - j < GEMV_N ? n - j : GEMV_N;
        gemv_chain(length, columns, x, w + j, ldw, y + j);
        for (ptrdiff_t i = length; i < k; i += length) {
            memset(sum, 0, (size_t)columns * sizeof *sum);
            gemv_chain(k - i < length ? k - i : length, columns, x + i, w + i * ldw + j, ldw, sum);
            add(columns, sum, y + j);
        }
    }
}

/* y[i] = Σ_j w[i·ldw + j]·x[j], i < rows: a row's products are summed lane by lane, then across. */
static void dots(ptrdiff_t rows, ptrdiff_t n, const float *w, ptrdiff_t ldw, const float *x, float *restrict y)
{
    for (ptrdiff_t i = 0; i < rows; i += 4) {
        const float *row[4];
        vf sum[4];
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++) row[r] = w + (i + r < rows ? i + r : i) * ldw, sum[r] = v_zero();
        ptrdiff_t j = 0;
        for (; j + V <= n; j += V) {
            const vf xj = v_load(x + j);
#pragma GCC unroll 4
            for (int r = 0; r < 4; r++) sum[r] = v_fma(xj, v_load(row[r] + j), sum[r]);
        }
        if (j < n) {
            const vf xj = v_load_tail(x + j, n - j);
#pragma GCC unroll 4
            for (int r = 0; r < 4; r++) sum[r] = v_fma(xj, v_load_tail(row[r] + j, n - j), sum[r]);
        }
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++)
            if (i + r < rows) y[i + r] = v_sum(sum[r]);
    }
}

/* w[i·ldw + j] = x[i]·y[j], i < rows, j < n. */
static void outer(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *y, float *restrict w, ptrdiff_t ldw)
{
    for (ptrdiff_t i = 0; i < rows; i++, w += ldw) {
        const vf xi = v_set1(x[i]);
        ptrdiff_t j = 0;
        for (; j + V <= n; j += V) v_store(w + j, v_mul(xi, v_load(y + j)));
        if (j < n) v_store_tail(w + j, n - j, v_mul(xi, v_load_tail(y + j, n - j)));
    }
}
