/* Vector words, four floats wide: AArch64 Advanced SIMD. */
#ifndef FC_VEC_H
#define FC_VEC_H
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define V 4
#define MR 6   /* 24 accumulators + 4 of B + 1 of A: 29 of 32 registers */
#define NRV 4

typedef float32x4_t vf;
typedef uint32x4_t vm;

static inline vf v_zero(void) { return vdupq_n_f32(0.0f); }
static inline vf v_set1(float a) { return vdupq_n_f32(a); }
static inline vf v_load(const float *p) { return vld1q_f32(p); }
static inline void v_store(float *p, vf a) { vst1q_f32(p, a); }
static inline vf v_load_tail(const float *p, ptrdiff_t n)
{
    float t[4] = {0, 0, 0, 0};
    for (ptrdiff_t i = 0; i < n; i++) t[i] = p[i];
    return vld1q_f32(t);
}
static inline void v_store_tail(float *p, ptrdiff_t n, vf a)
{
    float t[4];
    vst1q_f32(t, a);
    for (ptrdiff_t i = 0; i < n; i++) p[i] = t[i];
}
static inline vf v_load_u8(const uint8_t *p) /* V bytes, no more */
{
    uint32_t word;
    memcpy(&word, p, 4);
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(word)))));
}
static inline vf v_load_i8(const int8_t *p)
{
    uint32_t word;
    memcpy(&word, p, 4);
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(word)))));
}
static inline vf v_load_f16(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
static inline void v_store_f16(uint16_t *p, vf a) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(a))); } /* to nearest even */
static inline vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
static inline vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
static inline vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
static inline vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
static inline vf v_fnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
static inline vf v_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); } /* b if either is NaN */
static inline vf v_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static inline vf v_sqrt(vf a) { return vsqrtq_f32(a); }
static inline vf v_rsqrt(vf a) /* 8 bits, then two Newton steps; of inf 0 */
{
    vf r = vrsqrteq_f32(a);
    r = vmulq_f32(r, vrsqrtsq_f32(vmulq_f32(a, r), r));
    return vmulq_f32(r, vrsqrtsq_f32(vmulq_f32(a, r), r));
}
static inline vf v_round(vf a) { return vrndnq_f32(a); }
static inline vm v_gt(vf a, vf b) { return vcgtq_f32(a, b); }
static inline vm v_eq(vf a, vf b) { return vceqq_f32(a, b); }
static inline vm v_isnan(vf a) { return vmvnq_u32(vceqq_f32(a, a)); }
static inline vm v_or(vm a, vm b) { return vorrq_u32(a, b); }
static inline vm v_andnot(vm a, vm b) { return vbicq_u32(b, a); }
static inline vf v_select(vm m, vf a, vf b) { return vbslq_f32(m, a, b); }
static inline vf v_exp2i(vf n) /* 2^n, n integral in [-126, 127] */
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23));
}
static inline vf v_exponent(vf a) /* floor(log2 a), a > 0 normal */
{
    uint32x4_t i = vandq_u32(vshrq_n_u32(vreinterpretq_u32_f32(a), 23), vdupq_n_u32(255));
    return vcvtq_f32_s32(vsubq_s32(vreinterpretq_s32_u32(i), vdupq_n_s32(127)));
}
static inline vf v_mantissa(vf a) /* a / 2^exponent, in [1, 2) */
{
    uint32x4_t i = vandq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(0x7fffff));
    return vreinterpretq_f32_u32(vorrq_u32(i, vdupq_n_u32(0x3f800000)));
}
static inline float v_sum(vf a) { return vaddvq_f32(a); }
static inline float v_max_across(vf a) { return vmaxvq_f32(a); }
static inline vf v_evens(vf a, vf b) { return vuzp1q_f32(a, b); } /* every other number of a, then of b */
static inline vf v_odds(vf a, vf b) { return vuzp2q_f32(a, b); }
static inline void v_transpose(vf r[V]) /* r[i][j] ↔ r[j][i] */
{
    float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

/* Flush denormals (FPCR.FZ), and the mode to restore. */
static inline unsigned v_flush_denormals(void)
{
    uint64_t old;
    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    uint64_t flush = old | (1u << 24);
    __asm__ volatile("msr fpcr, %0" : : "r"(flush));
    return (unsigned)old;
}
static inline void v_restore_denormals(unsigned mode)
{
    uint64_t old = mode;
    __asm__ volatile("msr fpcr, %0" : : "r"(old));
}
#endif
