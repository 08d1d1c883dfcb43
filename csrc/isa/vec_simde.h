/* AVX-512's intrinsics by SIMDe 0.8.2, for the avx512 words on a CPU that lacks them. Those that it has not are written by hand, and
 * so are its masked loads and stores, which read what is masked, and write zeros there. */
#ifndef FC_VEC_SIMDE_H
#define FC_VEC_SIMDE_H
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>

#include "vec_one.h"

#define _MM_FROUND_NO_EXC SIMDE_MM_FROUND_NO_EXC

#undef _mm512_maskz_loadu_ps
static inline __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const float *p)
{
    float r[16];
    for (int i = 0; i < 16; i++) r[i] = mask >> i & 1 ? p[i] : 0.0f;
    return _mm512_loadu_ps(r);
}
#undef _mm512_mask_storeu_ps
static inline void _mm512_mask_storeu_ps(float *p, __mmask16 mask, __m512 a)
{
    float r[16];
    _mm512_storeu_ps(r, a);
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1) p[i] = r[i];
}
static inline __m512i _mm512_cvtepu8_epi32(__m128i a)
{
    uint8_t bytes[16];
    int32_t r[16];
    memcpy(bytes, &a, sizeof bytes);
    for (int i = 0; i < 16; i++) r[i] = bytes[i];
    return _mm512_loadu_si512(r);
}
static inline __m512i _mm512_cvtepi8_epi32(__m128i a)
{
    int8_t bytes[16];
    int32_t r[16];
    memcpy(bytes, &a, sizeof bytes);
    for (int i = 0; i < 16; i++) r[i] = bytes[i];
    return _mm512_loadu_si512(r);
}
static inline __m256i _mm512_cvtps_ph(__m512 a, int rounding) /* to nearest even */
{
    uint16_t r[16];
    float f[16];
    (void)rounding;
    _mm512_storeu_ps(f, a);
    for (int i = 0; i < 16; i++) one_store_f16(r + i, f[i]);
    return _mm256_loadu_si256((const __m256i *)r);
}
static inline __m512 _mm512_rsqrt14_ps(__m512 a) { return _mm512_div_ps(_mm512_set1_ps(1.0f), _mm512_sqrt_ps(a)); }
static inline float _mm512_reduce_add_ps(__m512 a) /* halves are added */
{
    float f[16];
    _mm512_storeu_ps(f, a);
    for (int n = 8; n; n /= 2)
        for (int i = 0; i < n; i++) f[i] += f[i + n];
    return f[0];
}
#endif
