/* Vector words, eight floats wide: AVX2 + FMA. */
#ifndef FC_VEC_H
#define FC_VEC_H
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define V 8
#define MR 6   /* 12 accumulators + 2 of B + 1 of A: 15 of 16 registers */
#define NRV 2

typedef __m256 vf;
typedef __m256 vm;

static inline __m256i v_tail_mask(ptrdiff_t n)
{
    static const int32_t mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_si256((const __m256i *)(mask + 8 - n));
}
static inline vf v_zero(void) { return _mm256_setzero_ps(); }
static inline vf v_set1(float a) { return _mm256_set1_ps(a); }
static inline vf v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
static inline vf v_load_tail(const float *p, ptrdiff_t n) { return _mm256_maskload_ps(p, v_tail_mask(n)); }
static inline void v_store_tail(float *p, ptrdiff_t n, vf a) /* 0 < n < V; a masked store takes Zen 3 ten times as long */
{
    __m128 part = _mm256_castps256_ps128(a);
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(a, 1), p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)p, part);
        part = _mm_movehl_ps(part, part), p += 2;
    }
    if (n & 1) _mm_store_ss(p, part);
}
static inline vf v_load_u8(const uint8_t *p) /* V bytes, no more */
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
static inline vf v_load_i8(const int8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
static inline vf v_load_f16(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
static inline void v_store_f16(uint16_t *p, vf a) /* to nearest even */
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf v_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
static inline vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); } /* b if either is NaN */
static inline vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline vf v_sqrt(vf a) { return _mm256_sqrt_ps(a); }
static inline vf v_rsqrt(vf a) /* 12 bits, then one Newton step: error 1.8e-7; of inf 0 */
{
    vf r = _mm256_rsqrt_ps(a);
    vf half = _mm256_mul_ps(_mm256_set1_ps(-0.5f), _mm256_mul_ps(v_min(_mm256_set1_ps(3.40282347e38f), a), r));
    return _mm256_mul_ps(r, _mm256_fmadd_ps(half, r, _mm256_set1_ps(1.5f)));
}
static inline vf v_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vm v_gt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
static inline vm v_eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
static inline vm v_isnan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
static inline vm v_or(vm a, vm b) { return _mm256_or_ps(a, b); }
static inline vm v_andnot(vm a, vm b) { return _mm256_andnot_ps(a, b); }
static inline vf v_select(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }
static inline vf v_exp2i(vf n) /* 2^n, n integral in [-126, 127] */
{
    __m256i i = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(i, 23));
}
static inline vf v_exponent(vf a) /* floor(log2 a), a > 0 normal */
{
    __m256i i = _mm256_srli_epi32(_mm256_castps_si256(a), 23);
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_and_si256(i, _mm256_set1_epi32(255)), _mm256_set1_epi32(127)));
}
static inline vf v_mantissa(vf a) /* a / 2^exponent, in [1, 2) */
{
    __m256i i = _mm256_and_si256(_mm256_castps_si256(a), _mm256_set1_epi32(0x7fffff));
    return _mm256_castsi256_ps(_mm256_or_si256(i, _mm256_set1_epi32(0x3f800000)));
}
static inline float v_sum(vf a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
static inline float v_max_across(vf a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
static inline vf v_in_order(vf r) /* quarters 0, 2, 1, 3 of what shuffles by halves leave */
{
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(r), 0xd8));
}
static inline vf v_evens(vf a, vf b) { return v_in_order(_mm256_shuffle_ps(a, b, 0x88)); } /* every other number of a, then of b */
static inline vf v_odds(vf a, vf b) { return v_in_order(_mm256_shuffle_ps(a, b, 0xdd)); }
static inline void v_transpose(vf r[V]) /* r[i][j] ↔ r[j][i] */
{
    vf t[V], u[V];
    for (int i = 0; i < V; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < V; i += 4)
        for (int j = 0; j < 2; j++) {
            u[i + 2 * j] = _mm256_shuffle_ps(t[i + j], t[i + j + 2], 0x44);
            u[i + 2 * j + 1] = _mm256_shuffle_ps(t[i + j], t[i + j + 2], 0xee);
        }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
}

/* Flush denormals, and the mode to restore. */
static inline unsigned v_flush_denormals(void)
{
    unsigned old = _mm_getcsr();
    _mm_setcsr(old | 0x8040u);
    return old;
}
static inline void v_restore_denormals(unsigned old) { _mm_setcsr(old); }
#endif
