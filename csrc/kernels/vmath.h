/* Transcendental functions on vectors. The polynomials were fitted for this file: iteratively reweighted least
 * squares in 50-digit arithmetic at Chebyshev nodes, minimising the largest relative error. */
#ifndef FC_VMATH_H
#define FC_VMATH_H

/* e^x: n = round(x·log2 e), r = x − n·ln 2 (two parts), e^r = 1 + r + r²·P(r); fit 3.1e-9. Exact 0 and inf at the ends. */
static inline vf v_exp(vf x)
{
    vf top = v_set1(88.72284f), bottom = v_set1(-87.33654f);
    vf c = v_min(v_max(bottom, x), top); /* the bounds come so that NaN stays NaN below */
    vf n = v_round(v_mul(c, v_set1(1.44269504f)));
    vf r = v_fnma(n, v_set1(0.693359375f), c);
    r = v_fnma(n, v_set1(-2.12194440e-4f), r);
    vf p = v_fma(v_set1(1.38145314e-3f), r, v_set1(8.36874594e-3f));
    p = v_fma(p, r, v_set1(4.16683910e-2f));
    p = v_fma(p, r, v_set1(1.66665204e-1f));
    p = v_fma(p, r, v_set1(4.99999934e-1f));
    p = v_add(v_fma(v_mul(r, r), p, r), v_set1(1.0f));
    vf half = v_round(v_mul(n, v_set1(0.5f))); /* 2^n as two factors: n reaches 128 */
    vf y = v_mul(v_mul(p, v_exp2i(half)), v_exp2i(v_sub(n, half)));
    y = v_select(v_gt(bottom, x), v_zero(), y);
    y = v_select(v_gt(x, top), v_set1(HUGE_VALF), y);
    return v_select(v_isnan(x), x, y);
}

/* log x, x > 0 normal: x = 2^e·m, m in [√½, √2), s = (m−1)/(m+1), log m = 2s + s³·P(s²); fit 5e-12. */
static inline vf v_log(vf x)
{
    vf e = v_exponent(x), m = v_mantissa(x);
    vm big = v_gt(m, v_set1(1.41421356f));
    m = v_select(big, v_mul(m, v_set1(0.5f)), m);
    e = v_select(big, v_add(e, v_set1(1.0f)), e);
    vf s = v_div(v_sub(m, v_set1(1.0f)), v_add(m, v_set1(1.0f))), z = v_mul(s, s);
    vf p = v_fma(v_set1(0.235814898f), z, v_set1(0.285373458f));
    p = v_fma(p, z, v_set1(0.400003346f));
    p = v_fma(p, z, v_set1(0.666666656f));
    vf y = v_fma(v_mul(z, s), p, v_fma(e, v_set1(-2.12194440e-4f), v_add(s, s)));
    y = v_fma(e, v_set1(0.693359375f), y);
    y = v_select(v_gt(x, v_set1(3.40282347e38f)), x, y);
    y = v_select(v_gt(v_set1(1.17549435e-38f), x), v_set1(-HUGE_VALF), y);
    return v_select(v_or(v_isnan(x), v_gt(v_zero(), x)), v_sub(x, x), y);
}

/* log(1 + z), z in [0, 1]: log(u)·z/(u − 1) with u = 1 + z rounded. */
static inline vf v_log1p(vf z)
{
    vf u = v_add(v_set1(1.0f), z), d = v_sub(u, v_set1(1.0f));
    vm tiny = v_eq(d, v_zero());
    vf y = v_mul(v_log(u), v_div(z, v_select(tiny, v_set1(1.0f), d)));
    return v_select(tiny, z, y);
}

/* tanh x = x·P(x²)/Q(x²) on |x| ≤ 9, ±1 beyond; degrees 13/6, fit 6.6e-9. */
static inline vf v_tanh(vf x)
{
    vf c = v_min(v_set1(9.0f), v_max(v_set1(-9.0f), x)); /* NaN stays NaN, here and below */
    vf z = v_mul(c, c);
    vf p = v_fma(v_set1(-8.4885178e-14f), z, v_set1(5.27788667e-11f));
    p = v_fma(p, z, v_set1(-2.02251306e-8f));
    p = v_fma(p, z, v_set1(1.11542934e-5f));
    p = v_fma(p, z, v_set1(3.10395543e-3f));
    p = v_fma(p, z, v_set1(1.30840096e-1f));
    p = v_fma(p, z, v_set1(9.99999993e-1f));
    vf q = v_fma(v_set1(2.54614367e-4f), z, v_set1(2.44951760e-2f));
    q = v_fma(q, z, v_set1(4.64173368e-1f));
    q = v_fma(q, z, v_set1(1.0f));
    vf y = v_div(v_mul(c, p), q);
    return v_min(v_set1(1.0f), v_max(v_set1(-1.0f), y));
}

/* 1/(1 + e^−x), through e^−|x| so that nothing overflows. */
static inline vf v_sigmoid(vf x)
{
    vm negative = v_gt(v_zero(), x);
    vf e = v_exp(v_select(negative, x, v_sub(v_zero(), x)));
    vf r = v_div(v_set1(1.0f), v_add(v_set1(1.0f), e));
    return v_select(negative, v_mul(e, r), r);
}

/* log(1 + e^x) = max(x, 0) + log1p(e^−|x|) */
static inline vf v_softplus(vf x)
{
    vf e = v_exp(v_select(v_gt(v_zero(), x), x, v_sub(v_zero(), x)));
    return v_add(v_max(v_zero(), x), v_log1p(e));
}

/* The tail of the normal distribution over its density, times 1/√2π: e^(a²/2)·(1 − Φ(a)), 0 ≤ a ≤ 14, = t·P(t) with
 * t = 1/(1 + 0.34a); degree 8, fit 3e-8. */
static inline vf v_mills(vf a)
{
    vf t = v_div(v_set1(1.0f), v_fma(v_set1(0.34f), a, v_set1(1.0f)));
    vf p = v_fma(v_set1(-0.0263698352f), t, v_set1(0.140670221f));
    p = v_fma(p, t, v_set1(-0.275458775f));
    p = v_fma(p, t, v_set1(0.204729034f));
    p = v_fma(p, t, v_set1(-0.0463928377f));
    p = v_fma(p, t, v_set1(0.116034127f));
    p = v_fma(p, t, v_set1(0.115035279f));
    p = v_fma(p, t, v_set1(0.136133455f));
    p = v_fma(p, t, v_set1(0.135619346f));
    return v_mul(p, t);
}

/* sin and cos of f turns, f in [0, 1]: r = f − q/4, |r| ≤ 1/8, sin 2πr = r·P(r²), cos 2πr = 1 + r²·Q(r²); fit 3.2e-9. */
static inline void v_sincos(vf f, vf *sine, vf *cosine)
{
    const vf q = v_round(v_mul(f, v_set1(4.0f))), r = v_fnma(q, v_set1(0.25f), f), z = v_mul(r, r);
    vf s = v_fma(v_set1(-75.3935623f), z, v_set1(81.5923538f));
    s = v_fma(s, z, v_set1(-41.3416634f));
    s = v_mul(v_fma(s, z, v_set1(6.28318548f)), r);
    vf c = v_fma(v_set1(59.2292442f), z, v_set1(-85.4432373f));
    c = v_fma(c, z, v_set1(64.9393234f));
    c = v_fma(c, z, v_set1(-19.7392082f));
    c = v_fma(c, z, v_set1(1.0f));
    const vm first = v_eq(q, v_set1(1.0f)), second = v_eq(q, v_set1(2.0f)), third = v_eq(q, v_set1(3.0f));
    const vm odd = v_or(first, third);
    const vf a = v_select(odd, c, s), b = v_select(odd, s, c);
    *sine = v_select(v_or(second, third), v_sub(v_zero(), a), a);
    *cosine = v_select(v_or(first, second), v_sub(v_zero(), b), b);
}
#endif
