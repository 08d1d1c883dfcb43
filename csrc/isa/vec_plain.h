/* Vector words in plain C, as wide as the includer says: V floats, gemm tiles of MR × NRV vectors. They are for tests: tiles that
 * are not those of this machine's instruction set run on it, whatever it is. */
#ifndef FC_VEC_H
#define FC_VEC_H
#include "vec_one.h"

typedef float vf __attribute__((vector_size(4 * V)));
typedef int32_t vm __attribute__((vector_size(4 * V)));

#define WORD static inline __attribute__((always_inline))
#define EACH(result) vf r; for (int i = 0; i < V; i++) r[i] = result; return r

WORD vf v_set1(float a) { EACH(a); }
WORD vf v_zero(void) { return v_set1(0.0f); }
WORD vf v_load(const float *p) { EACH(p[i]); }
WORD void v_store(float *p, vf a) { for (int i = 0; i < V; i++) p[i] = a[i]; }
WORD vf v_load_tail(const float *p, ptrdiff_t n) { EACH(i < n ? p[i] : 0.0f); }
WORD void v_store_tail(float *p, ptrdiff_t n, vf a) { for (int i = 0; i < V && i < n; i++) p[i] = a[i]; }
WORD vf v_load_u8(const uint8_t *p) { EACH((float)p[i]); } /* V bytes, no more */
WORD vf v_load_i8(const int8_t *p) { EACH((float)p[i]); }
WORD vf v_load_f16(const uint16_t *p) { EACH(one_load_f16(p + i)); }
WORD void v_store_f16(uint16_t *p, vf a) { for (int i = 0; i < V; i++) one_store_f16(p + i, a[i]); } /* to nearest even */
WORD vf v_add(vf a, vf b) { return a + b; }
WORD vf v_sub(vf a, vf b) { return a - b; }
WORD vf v_mul(vf a, vf b) { return a * b; }
WORD vf v_div(vf a, vf b) { return a / b; }
WORD vf v_fma(vf a, vf b, vf c) { return a * b + c; }
WORD vf v_fnma(vf a, vf b, vf c) { return c - a * b; }
WORD vf v_sqrt(vf a) { EACH(sqrtf(a[i])); }
WORD vf v_rsqrt(vf a) { EACH(1.0f / sqrtf(a[i])); }
WORD vf v_round(vf a) { EACH(rintf(a[i])); }
WORD vm v_gt(vf a, vf b) { return a > b; }
WORD vm v_eq(vf a, vf b) { return a == b; }
WORD vm v_isnan(vf a) { return a != a; }
WORD vm v_or(vm a, vm b) { return a | b; }
WORD vm v_andnot(vm a, vm b) { return ~a & b; }
WORD vf v_select(vm m, vf a, vf b) { return (vf)((m & (vm)a) | (~m & (vm)b)); }
WORD vf v_max(vf a, vf b) { return v_select(a > b, a, b); } /* b if either is NaN */
WORD vf v_min(vf a, vf b) { return v_select(a < b, a, b); }
WORD vf v_exp2i(vf n) { EACH(one_exp2i(n[i])); } /* 2^n, n integral in [-126, 127] */
WORD vf v_exponent(vf a) { EACH(one_exponent(a[i])); } /* floor(log2 a), a > 0 normal */
WORD vf v_mantissa(vf a) { EACH(one_mantissa(a[i])); } /* a / 2^exponent, in [1, 2) */
WORD float v_sum(vf a) /* halves are added, as the vector instructions do */
{
    for (int n = V / 2; n; n /= 2)
        for (int i = 0; i < n; i++) a[i] += a[i + n];
    return a[0];
}
WORD float v_max_across(vf a)
{
    float most = a[0];
    for (int i = 1; i < V; i++) most = a[i] > most ? a[i] : most;
    return most;
}
WORD vf v_evens(vf a, vf b) { EACH(i < V / 2 ? a[2 * i] : b[2 * i - V]); } /* every other number of a, then of b */
WORD vf v_odds(vf a, vf b) { EACH(i < V / 2 ? a[2 * i + 1] : b[2 * i + 1 - V]); }
#define V_PICK
WORD vf v_places(void) { EACH((float)i); } /* 0, 1, 2 … */
WORD vf v_pick(vf a, vf at) { EACH(a[(int)at[i]]); }
WORD void v_transpose(vf r[V]) /* r[i][j] ↔ r[j][i] */
{
    for (int i = 0; i < V; i++)
        for (int j = 0; j < i; j++) {
            const float above = r[j][i];
            r[j][i] = r[i][j], r[i][j] = above;
        }
}

WORD unsigned v_flush_denormals(void) { return one_flush_denormals(); }
WORD void v_restore_denormals(unsigned old) { one_restore_denormals(old); }

#undef WORD
#undef EACH
#endif
