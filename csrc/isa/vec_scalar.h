/* Vector words, one float wide: plain C for any machine. */
#ifndef FC_VEC_H
#define FC_VEC_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#define V 1
#define MR 4
#define NRV 4

typedef float vf;
typedef int vm;

static inline vf v_zero(void) { return 0.0f; }
static inline vf v_set1(float a) { return a; }
static inline vf v_load(const float *p) { return *p; }
static inline void v_store(float *p, vf a) { *p = a; }
static inline vf v_load_tail(const float *p, ptrdiff_t n) { (void)n; return *p; }
static inline void v_store_tail(float *p, ptrdiff_t n, vf a) { (void)n; *p = a; }
static inline vf v_load_u8(const uint8_t *p) { return (float)*p; } /* V bytes, no more */
static inline vf v_load_i8(const int8_t *p) { return (float)*p; }
static inline vf v_load_f16(const uint16_t *p)
{
    const uint32_t h = *p & 0x7fffu;
    const float subnormal = (float)(int32_t)h * 0x1p-24f;
    uint32_t bits;
    float r;
    memcpy(&bits, &subnormal, 4);
    bits = h < 0x400u ? bits : (h << 13) + (h < 0x7c00u ? 112u << 23 : 224u << 23); /* exponents' offsets: 127 − 15, 255 − 31 */
    bits |= (*p & 0x8000u) << 16;
    memcpy(&r, &bits, 4);
    return r;
}
static inline void v_store_f16(uint16_t *p, vf a) /* to nearest even */
{
    uint32_t bits, r;
    memcpy(&bits, &a, 4);
    const uint32_t sign = bits >> 16 & 0x8000u;
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u) {
        r = 0x7e00u;                          /* NaN */
    } else if (bits >= 143u << 23) {
        r = 0x7c00u;                          /* 2^16 and more: infinite */
    } else if (bits >= 113u << 23) {
        r = (bits + 0xfffu + (bits >> 13 & 1u) - (112u << 23)) >> 13;
    } else if (bits < 102u << 23) {
        r = 0;                                /* less than half of the smallest */
    } else {
        const uint32_t m = (bits & 0x7fffffu) | 0x800000u, shift = 126u - (bits >> 23), rest = m & ((1u << shift) - 1u);
        r = m >> shift;                       /* subnormal: multiples of 2^-24 */
        r += rest + (r & 1u) > 1u << (shift - 1u);
    }
    *p = (uint16_t)(sign | r);
}
static inline vf v_add(vf a, vf b) { return a + b; }
static inline vf v_sub(vf a, vf b) { return a - b; }
static inline vf v_mul(vf a, vf b) { return a * b; }
static inline vf v_div(vf a, vf b) { return a / b; }
static inline vf v_fma(vf a, vf b, vf c) { return a * b + c; }
static inline vf v_fnma(vf a, vf b, vf c) { return c - a * b; }
static inline vf v_max(vf a, vf b) { return a > b ? a : b; } /* b if either is NaN */
static inline vf v_min(vf a, vf b) { return a < b ? a : b; }
static inline vf v_sqrt(vf a) { return sqrtf(a); }
static inline vf v_rsqrt(vf a) { return 1.0f / sqrtf(a); }
static inline vf v_round(vf a) { return rintf(a); }
static inline vm v_gt(vf a, vf b) { return a > b; }
static inline vm v_eq(vf a, vf b) { return a == b; }
static inline vm v_isnan(vf a) { return a != a; }
static inline vm v_or(vm a, vm b) { return a | b; }
static inline vm v_andnot(vm a, vm b) { return !a && b; }
static inline vf v_select(vm m, vf a, vf b) { return m ? a : b; }
static inline vf v_exp2i(vf n) /* 2^n, n integral in [-126, 127] */
{
    uint32_t bits = (uint32_t)((int32_t)n + 127) << 23;
    float r;
    memcpy(&r, &bits, 4);
    return r;
}
static inline vf v_exponent(vf a) /* floor(log2 a), a > 0 normal */
{
    uint32_t bits;
    memcpy(&bits, &a, 4);
    return (float)((int32_t)(bits >> 23 & 255) - 127);
}
static inline vf v_mantissa(vf a) /* a / 2^exponent, in [1, 2) */
{
    uint32_t bits;
    float r;
    memcpy(&bits, &a, 4);
    bits = (bits & 0x7fffffu) | 0x3f800000u;
    memcpy(&r, &bits, 4);
    return r;
}
static inline float v_sum(vf a) { return a; }
static inline float v_max_across(vf a) { return a; }
static inline void v_transpose(vf r[V]) { (void)r; } /* r[i][j] ↔ r[j][i] */

/* Flush denormals, and the mode to restore. */
static inline unsigned v_flush_denormals(void)
{
#if defined(__SSE__)
    unsigned old = _mm_getcsr();
    _mm_setcsr(old | 0x8040u);
    return old;
#else
    return 0;
#endif
}
static inline void v_restore_denormals(unsigned old)
{
#if defined(__SSE__)
    _mm_setcsr(old);
#else
    (void)old;
#endif
}
#endif
