/* Weights in fewer bits, in panels (kernels.h): rounded, restored, and multiplied by one row.
 *
 *     float16   w ≈ h, IEEE's binary16, to nearest even
 *     int8      w ≈ q·s,  s = max |w| / 127 over the rows at hand of a column,  q = w/s to nearest even;  s = 0 below 2^-126
 *
 * A weight is restored to float32 before it is multiplied: half_gemv has the bits of gemm on restored weights.
 * Assumes: finite w, |w| < 65520 in float16; n ≤ FC_PANEL; rows are filled to FC_PANEL_PAD columns, scales as well. */
#include <float.h>

_Static_assert(FC_PANEL_PAD % V == 0, "whole vectors");

static inline __attribute__((always_inline)) vf half_load(const fc_format format, const void *half, ptrdiff_t at, vf scale)
{
    if (format == FC_FLOAT16) return v_load_f16((const uint16_t *)half + at);
    return v_mul(v_load_i8((const int8_t *)half + at), scale);
}

static inline vf half_source(const float *w, ptrdiff_t left)
{
    return left >= V ? v_load(w) : left > 0 ? v_load_tail(w, left) : v_zero();
}

/* half, scales ← k × n weights, rows of them ldw floats apart. */
static void half_pack(fc_format format, ptrdiff_t k, ptrdiff_t n, const float *w, ptrdiff_t ldw, void *half,
                      ptrdiff_t step, float *scales)
{
    if (format == FC_FLOAT16) {
        uint16_t *to = half;
        for (ptrdiff_t i = 0; i < k; i++, w += ldw, to += step)
            for (ptrdiff_t j = 0; j < step; j += V) v_store_f16(to + j, half_source(w + j, n - j));
        return;
    }
    for (ptrdiff_t j = 0; j < step; j += V) v_store(scales + j, v_zero());
    for (ptrdiff_t i = 0; i < k; i++)
        for (ptrdiff_t j = 0; j < n; j += V) {
            const vf a = half_source(w + i * ldw + j, n - j);
            v_store(scales + j, v_max(v_load(scales + j), v_max(a, v_sub(v_zero(), a))));
        }
    for (ptrdiff_t j = 0; j < step; j += V) {
        const vf s = v_div(v_load(scales + j), v_set1(127.0f));
        v_store(scales + j, v_select(v_gt(v_set1(FLT_MIN), s), v_zero(), s));
    }
    int8_t *to = half;
    for (ptrdiff_t i = 0; i < k; i++, w += ldw, to += step) {
        float q[FC_PANEL];
        for (ptrdiff_t j = 0; j < step; j += V) {
            const vf s = v_load(scales + j);
            v_store(q + j, v_select(v_gt(s, v_zero()), v_round(v_div(half_source(w + j, n - j), s)), v_zero()));
        }
        for (ptrdiff_t j = 0; j < step; j++) to[j] = (int8_t)q[j];
    }
}

static inline __attribute__((always_inline)) void half_restore(const fc_format format, ptrdiff_t k, ptrdiff_t n,
                                                               const void *half, ptrdiff_t step, const float *scales,
                                                               float *w, ptrdiff_t ldw)
{
    for (ptrdiff_t j = 0; j < n; j += V) {
        const ptrdiff_t left = n - j;
        const vf scale = format == FC_INT8 ? v_load(scales + j) : v_zero();
        for (ptrdiff_t i = 0; i < k && left >= V; i++) v_store(w + i * ldw + j, half_load(format, half, i * step + j, scale));
        for (ptrdiff_t i = 0; i < k && left < V; i++)
            v_store_tail(w + i * ldw + j, left, half_load(format, half, i * step + j, scale));
    }
}

/* k × n weights, rows ldw floats apart, ← half, scales. */
static void half_unpack(fc_format format, ptrdiff_t k, ptrdiff_t n, const void *half, ptrdiff_t step, const float *scales,
                        float *w, ptrdiff_t ldw)
{
    if (format == FC_FLOAT16)
        half_restore(FC_FLOAT16, k, n, half, step, scales, w, ldw);
    else
        half_restore(FC_INT8, k, n, half, step, scales, w, ldw);
}

static inline __attribute__((always_inline)) void half_panel(const fc_format format, const int nv, ptrdiff_t k, ptrdiff_t n,
                                                             const float *x, const void *half, ptrdiff_t step,
                                                             const float *scales, const float *bias, int accumulate,
                                                             float *restrict y)
{
    vf acc[FC_PANEL / V], sum[FC_PANEL / V];
    const ptrdiff_t length = fc_chains_of(1, k, 0).length;
    clear_sum(1, nv, nv, sum);
#pragma GCC unroll 16
    for (int j = 0; j < nv; j++) acc[j] = bias ? half_source(bias + j * V, n - j * V) : v_zero();
    for (ptrdiff_t i = 0, at = 0; i < k;) {
        if (i) end_chain(1, nv, nv, acc, sum);
        for (const ptrdiff_t end = k - i < length ? k : i + length; i < end; i++, at += step) {
            const vf xi = v_set1(x[i]);
#pragma GCC unroll 16
            for (int j = 0; j < nv; j++)
                acc[j] = v_fma(xi, half_load(format, half, at + j * V, format == FC_INT8 ? v_load(scales + j * V) : xi), acc[j]);
        }
    }
    if (length < k) add_sum(1, nv, nv, sum, acc);
#pragma GCC unroll 16
    for (int j = 0; j < nv; j++) {
        const ptrdiff_t left = n - j * V;
        float *to = y + j * V;
        if (left >= V)
            v_store(to, accumulate ? v_add(v_load(to), acc[j]) : acc[j]);
        else if (left > 0)
            v_store_tail(to, left, accumulate ? v_add(v_load_tail(to, left), acc[j]) : acc[j]);
    }
}

/* y[j] (+)= bias[j] + Σ_k x[k]·w[k][j], j < n, of weights in a panel. */
static void half_gemv(fc_format format, ptrdiff_t k, ptrdiff_t n, const float *x, const void *half, ptrdiff_t step,
                      const float *scales, const float *bias, int accumulate, float *y)
{
    switch ((n + FC_PANEL_PAD - 1) / FC_PANEL_PAD + (format == FC_INT8 ? 10 : 0)) {
#define PANEL(PARTS) \
    case PARTS: \
        half_panel(FC_FLOAT16, PARTS * FC_PANEL_PAD / V, k, n, x, half, step, scales, bias, accumulate, y); \
        break; \
    case 10 + PARTS: \
        half_panel(FC_INT8, PARTS * FC_PANEL_PAD / V, k, n, x, half, step, scales, bias, accumulate, y); \
        break;
        PANEL(1)
        PANEL(2)
        PANEL(3)
        PANEL(4)
#undef PANEL
    }
}
