/* Vector words, sixteen floats wide: AVX-512 F. */
#ifndef FC_VEC_H
#define FC_VEC_H
#ifdef FC_SIMDE
#include "vec_simde.h"
#else
#include <immintrin.h>
#endif
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define V 16
#define MR 12  /* 24 accumulators + 2 of B + A from memory: 27 of 32 registers */
#define NRV 2

typedef __m512 vf;
typedef __mmask16 vm;

static inline __mmask16 v_tail_mask(ptrdiff_t n) { return (__mmask16)((1u << n) - 1u); }
static inline vf v_zero(void) { return _mm512_setzero_ps(); }
static inline vf v_set1(float a) { return _mm512_set1_ps(a); }
static inline vf v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
static inline vf v_load_tail(const float *p, ptrdiff_t n) { return _mm512_maskz_loadu_ps(v_tail_mask(n), p); }
static inline void v_store_tail(float *p, ptrdiff_t n, vf a) { _mm512_mask_storeu_ps(p, v_tail_mask(n), a); }
static inline vf v_load_u8(const uint8_t *p) /* V bytes, no more */
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
static inline vf v_load_i8(const int8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
static inline vf v_load_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
static inline void v_store_f16(uint16_t *p, vf a) /* to nearest even */
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf v_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
static inline vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); } /* b if either is NaN */
static inline vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf v_sqrt(vf a) { return _mm512_sqrt_ps(a); }
static inline vf v_rsqrt(vf a) /* 14 bits, then one Newton step; of inf 0 */
{
    vf r = _mm512_rsqrt14_ps(a);
    vf half = _mm512_mul_ps(_mm512_set1_ps(-0.5f), _mm512_mul_ps(v_min(_mm512_set1_ps(3.40282347e38f), a), r));
    return _mm512_mul_ps(r, _mm512_fmadd_ps(half, r, _mm512_set1_ps(1.5f)));
}
static inline vf v_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vm v_gt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
static inline vm v_eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static inline vm v_isnan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
static inline vm v_or(vm a, vm b) { return (vm)(a | b); }
static inline vm v_andnot(vm a, vm b) { return (vm)(~a & b); }
static inline vf v_select(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }
static inline vf v_exp2i(vf n) /* 2^n, n integral in [-126, 127] */
{
    __m512i i = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(i, 23));
}
static inline vf v_exponent(vf a) /* floor(log2 a), a > 0 normal */
{
    __m512i i = _mm512_srli_epi32(_mm512_castps_si512(a), 23);
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_and_si512(i, _mm512_set1_epi32(255)), _mm512_set1_epi32(127)));
}
static inline vf v_mantissa(vf a) /* a / 2^exponent, in [1, 2) */
{
    __m512i i = _mm512_and_si512(_mm512_castps_si512(a), _mm512_set1_epi32(0x7fffff));
    return _mm512_castsi512_ps(_mm512_or_si512(i, _mm512_set1_epi32(0x3f800000)));
}
static inline float v_sum(vf a) { return _mm512_reduce_add_ps(a); }
static inline float v_max_across(vf a) { return _mm512_reduce_max_ps(a); }
static inline vf v_evens(vf a, vf b) /* every other number of a, then of b */
{
    const __m512i at = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(a, at, b);
}
static inline vf v_odds(vf a, vf b)
{
    const __m512i at = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_permutex2var_ps(a, at, b);
}
#define V_PICK
static inline vf v_places(void) /* 0, 1, 2 … */
{
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
static inline vf v_pick(vf a, vf at) { return _mm512_permutexvar_ps(_mm512_cvtps_epi32(at), a); } /* a[at[i]] */
static inline void v_transpose(vf r[V]) /* r[i][j] ↔ r[j][i] */
{
    vf t[V], u[V];
    for (int i = 0; i < V; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < V; i += 4) /* u[i + j]: column j of each quarter of rows i … i + 3 */
        for (int j = 0; j < 2; j++) {
            u[i + 2 * j] = _mm512_shuffle_ps(t[i + j], t[i + j + 2], 0x44);
            u[i + 2 * j + 1] = _mm512_shuffle_ps(t[i + j], t[i + j + 2], 0xee);
        }
    for (int j = 0; j < 4; j++) { /* quarters (0, 2) and (1, 3) of row blocks (0, 1) and (2, 3), then all four blocks */
        vf a = _mm512_shuffle_f32x4(u[j], u[j + 4], 0x88), b = _mm512_shuffle_f32x4(u[j], u[j + 4], 0xdd);
        vf c = _mm512_shuffle_f32x4(u[j + 8], u[j + 12], 0x88), d = _mm512_shuffle_f32x4(u[j + 8], u[j + 12], 0xdd);
        r[j] = _mm512_shuffle_f32x4(a, c, 0x88);
        r[j + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
        r[j + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
        r[j + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}

#ifndef FC_SIMDE
/* Whole numbers of 32 bits, and sums of four products of unsigned with signed bytes: VNNI, which a CPU with AVX-512 F may lack
 * (fc_has_dots). What uses it says V_DOT. */
#define V_DOT __attribute__((target("avx512vnni")))
typedef __m512i vi;
static inline vi vi_load(const void *p) { return _mm512_loadu_si512(p); }
static inline vi vi_four(const uint8_t *p) /* four bytes, again and again */
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm512_set1_epi32(four);
}
static inline vf vi_float(vi a) { return _mm512_cvtepi32_ps(a); }
static inline V_DOT vi vi_dot(vi sum, vi a, vi b) { return _mm512_dpbusd_epi32(sum, a, b); }
#endif

/* Flush denormals, and the mode to restore. */
static inline unsigned v_flush_denormals(void)
{
    unsigned old = _mm_getcsr();
    _mm_setcsr(old | 0x8040u);
    return old;
}
static inline void v_restore_denormals(unsigned old) { _mm_setcsr(old); }
#endif
