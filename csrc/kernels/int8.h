/* Whole numbers of eight bits: floats quantized, and a tile of their products with weights.
 *
 *     q = round(x · inverse) between low and high, to nearest even; NaN is low
 *     y[i][j] = scale[j] · (start[j] + Σ_r Σ_k a_i[run[r] + k] · B[r·len + k][j]) + bias[j]
 *
 * The sum is of whole numbers, exact while it fits 32 bits. Four products are one instruction: B is [r·len + k over 4][NR][4]. */

/* y ← q as floats, or else bytes ← q − low. */
static void quantize(ptrdiff_t n, const float *x, float inverse, float low, float high, float *y, uint8_t *bytes)
{
    float q[V];
    for (ptrdiff_t i = 0; i < n; i += V) {
        const ptrdiff_t left = n - i;
        const vf a = v_mul(left >= V ? v_load(x + i) : v_load_tail(x + i, left), v_set1(inverse));
        const vf b = v_min(v_max(v_round(a), v_set1(low)), v_set1(high));
        if (y && left >= V)
            v_store(y + i, b);
        else if (y)
            v_store_tail(y + i, left, b);
        else {
            v_store(q, v_sub(b, v_set1(low)));
            if (left >= V)
                for (int j = 0; j < V; j++) bytes[i + j] = (uint8_t)(int32_t)q[j];
            else
                for (int j = 0; j < left; j++) bytes[i + j] = (uint8_t)(int32_t)q[j];
        }
    }
}

#ifndef V_DOT /* nobody calls it: sums are taken by gemm, of floats (ops/conv2d_int8.c) */
#define DOTS 0
static void int8_gemm(ptrdiff_t m, ptrdiff_t n, const fc_byte_rows *rows, const fc_inner *in, const int8_t *b,
                      const int32_t *start, const float *scale, const float *bias)
{
    (void)m, (void)n, (void)rows, (void)in, (void)b, (void)start, (void)scale, (void)bias;
}
#else
#define DOTS 1
static inline __attribute__((always_inline)) V_DOT void int8_tile(const int height, const int nv, ptrdiff_t m, ptrdiff_t n,
                                                                  const fc_byte_rows *rows, const fc_inner *in, const int8_t *b,
                                                                  const int32_t *start, const float *scale, const float *bias)
{
    vi acc[MR][NRV];
    const uint8_t *a[MR];
#pragma GCC unroll 16
    for (int i = 0; i < height; i++) {
        a[i] = rows->a[i];
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) acc[i][j] = vi_load(start + j * V);
    }
    for (ptrdiff_t r = 0; r < in->runs; r++)
        for (ptrdiff_t at = in->run[r], end = at + in->len; at < end; at += 4, b += 4 * NRV * V) {
            vi bk[NRV];
#pragma GCC unroll 4
            for (int j = 0; j < nv; j++) bk[j] = vi_load(b + 4 * j * V);
#pragma GCC unroll 16
            for (int i = 0; i < height; i++) {
                const vi ak = vi_four(a[i] + at);
#pragma GCC unroll 4
                for (int j = 0; j < nv; j++) acc[i][j] = vi_dot(acc[i][j], ak, bk[j]);
            }
        }
#pragma GCC unroll 16
    for (int i = 0; i < height; i++) {
        if (i >= m) break;
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) {
            const ptrdiff_t left = n - j * V;
            const vf from = !bias ? v_zero() : left >= V ? v_load(bias + j * V) : v_load_tail(bias + j * V, left);
            const vf y = v_add(v_mul(vi_float(acc[i][j]), v_load(scale + j * V)), from);
            if (left >= V)
                v_store(rows->c[i] + j * V, y);
            else
                v_store_tail(rows->c[i] + j * V, left, y);
        }
    }
}

static V_DOT void int8_gemm(ptrdiff_t m, ptrdiff_t n, const fc_byte_rows *rows, const fc_inner *in, const int8_t *b,
                            const int32_t *start, const float *scale, const float *bias)
{
    switch ((n + V - 1) / V + (m <= FEW && FEW < MR ? 10 : 0)) {
#define TILE(NV) \
    case NV: int8_tile(MR, NV, m, n, rows, in, b, start, scale, bias); break; \
    case 10 + NV: int8_tile(FEW, NV, m, n, rows, in, b, start, scale, bias); break;
        TILE(1)
        TILE(2)
#undef TILE
    }
}
_Static_assert(NRV == 2, "as many cases as vectors of a tile");
#endif
