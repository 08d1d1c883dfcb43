/* One float in plain C, for words that are made of it: halves of it, its exponent and mantissa; and the mode of denormals. */
#ifndef FC_VEC_ONE_H
#define FC_VEC_ONE_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

static inline float one_load_f16(const uint16_t *p)
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
static inline void one_store_f16(uint16_t *p, float a) /* to nearest even */
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
static inline float one_exp2i(float n) /* 2^n, n integral in [-126, 127] */
{
    uint32_t bits = (uint32_t)((int32_t)n + 127) << 23;
    float r;
    memcpy(&r, &bits, 4);
    return r;
}
static inline float one_exponent(float a) /* floor(log2 a), a > 0 normal */
{
    uint32_t bits;
    memcpy(&bits, &a, 4);
    return (float)((int32_t)(bits >> 23 & 255) - 127);
}
static inline float one_mantissa(float a) /* a / 2^exponent, in [1, 2) */
{
    uint32_t bits;
    float r;
    memcpy(&bits, &a, 4);
    bits = (bits & 0x7fffffu) | 0x3f800000u;
    memcpy(&r, &bits, 4);
    return r;
}

/* Flush denormals, and the mode to restore. */
static inline unsigned one_flush_denormals(void)
{
#if defined(__SSE__)
    unsigned old = _mm_getcsr();
    _mm_setcsr(old | 0x8040u);
    return old;
#else
    return 0;
#endif
}
static inline void one_restore_denormals(unsigned old)
{
#if defined(__SSE__)
    _mm_setcsr(old);
#else
    (void)old;
#endif
}
#endif
