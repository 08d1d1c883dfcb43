/* Vector words, one float wide: plain C for any machine. */
#ifndef FC_VEC_H
#define FC_VEC_H
#include "vec_one.h"

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
static inline vf v_load_f16(const uint16_t *p) { return one_load_f16(p); }
static inline void v_store_f16(uint16_t *p, vf a) { one_store_f16(p, a); } /* to nearest even */
static inline vf v_evens(vf a, vf b) { (void)b; return a; } /* every other number of a, then of b: from the first on … */
static inline vf v_odds(vf a, vf b) { (void)a; return b; }   /* … from the second on */
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
static inline vf v_exp2i(vf n) { return one_exp2i(n); } /* 2^n, n integral in [-126, 127] */
static inline vf v_exponent(vf a) { return one_exponent(a); } /* floor(log2 a), a > 0 normal */
static inline vf v_mantissa(vf a) { return one_mantissa(a); } /* a / 2^exponent, in [1, 2) */
static inline float v_sum(vf a) { return a; }
static inline float v_max_across(vf a) { return a; }
static inline void v_transpose(vf r[V]) { (void)r; } /* r[i][j] ↔ r[j][i] */
static inline unsigned v_flush_denormals(void) { return one_flush_denormals(); }
static inline void v_restore_denormals(unsigned old) { one_restore_denormals(old); }
#endif
