/* Pooling of one window by a smooth function, all channels (x, win: pool.h).
 *
 *     soft  y = Σ x·e^x / Σ e^x         dx += dy·(1 + x − y)·e^x / Σ e^x
 *           computed from z = x − max: y = max + s, s = Σ z·e^z / Σ e^z, so that nothing overflows or cancels
 *     lp    y = (Σ |x|^p)^(1/p)         dx += dy·sign(x)·(|x|/y)^(p−1), 0 where x = 0
 *           computed from t = |x|/max |x|: y = max·S^(1/p), S = Σ t^p; p = 1 adds |x| as it is
 * A fresh window sets dx, and keeps e^z or t^(p−1) there in between; others compute it twice. Of many pixels sums are long.
 * Assumes: at least one pixel; p ≥ 1. */

#define EACH_PIXEL(win) \
    for (ptrdiff_t h = 0; h < (win)->h; h++) \
        for (ptrdiff_t w = 0, at = h * (win)->row + i; w < (win)->w; w++, at += (win)->step)

/* x − m where e^z is not 0; 0 for the maximum itself, which may be infinite. */
static inline vf below_max(vf x, vf m) { return v_max(v_set1(-100.0f), v_select(v_eq(x, m), v_zero(), v_sub(x, m))); }

static inline __attribute__((always_inline)) void soft_pool_of(const int many, const fc_window *win, const float *x, float *y)
{
#define BODY(load, store) { \
        vf m = load(x + i); \
        long_sum sum, weighted; \
        start(&sum), start(&weighted); \
        EACH_PIXEL(win) m = larger(m, load(x + at)); \
        EACH_PIXEL(win) { \
            vf z = below_max(load(x + at), m), e = v_exp(z); \
            sum.last = v_add(sum.last, e); \
            weighted.last = v_fma(z, e, weighted.last); \
            if (many) count_terms(&sum, 1), count_terms(&weighted, 1); \
        } \
        store(y + i, v_add(m, v_div(total(&weighted), total(&sum)))); \
    }
    EACH_VECTOR(win->c, BODY)
#undef BODY
}

static inline __attribute__((always_inline)) void soft_pool_backward_of(const int many, const fc_window *win, const float *x,
                                                                        const float *dy, float *dx)
{
#define BODY(load, store) { \
        vf m = load(x + i); \
        long_sum sum, weighted; \
        start(&sum), start(&weighted); \
        EACH_PIXEL(win) m = larger(m, load(x + at)); \
        EACH_PIXEL(win) { \
            vf z = below_max(load(x + at), m), e = v_exp(z); \
            sum.last = v_add(sum.last, e); \
            weighted.last = v_fma(z, e, weighted.last); \
            if (many) count_terms(&sum, 1), count_terms(&weighted, 1); \
            if (win->fresh) store(dx + at, e); \
        } \
        const vf g = v_div(load(dy + i), total(&sum)), s = v_sub(v_set1(1.0f), v_div(total(&weighted), total(&sum))); \
        EACH_PIXEL(win) { \
            vf z = below_max(load(x + at), m), e = win->fresh ? load(dx + at) : v_exp(z); \
            store(dx + at, v_fma(v_mul(g, e), v_add(z, s), win->fresh ? v_zero() : load(dx + at))); \
        } \
    }
    EACH_VECTOR(win->c, BODY)
#undef BODY
}

static __attribute__((noinline)) void soft_pool_many(const fc_window *win, const float *x, float *y)
{
    soft_pool_of(1, win, x, y);
}

static void soft_pool(const fc_window *win, const float *x, float *y)
{
    if (has_many(win))
        soft_pool_many(win, x, y);
    else
        soft_pool_of(0, win, x, y);
}

static __attribute__((noinline)) void soft_pool_backward_many(const fc_window *win, const float *x, const float *dy, float *dx)
{
    soft_pool_backward_of(1, win, x, dy, dx);
}

static void soft_pool_backward(const fc_window *win, const float *x, const float *dy, float *dx)
{
    if (has_many(win))
        soft_pool_backward_many(win, x, dy, dx);
    else
        soft_pool_backward_of(0, win, x, dy, dx);
}

static inline vf magnitude(vf x) { return v_max(x, v_sub(v_zero(), x)); }

static inline __attribute__((always_inline)) vf part_of(float p, vf a, vf m)
{
    return p == 1.0f ? a : v_select(v_eq(a, m), v_set1(1.0f), v_div(a, m)); /* ∞ of ∞ and 0 of 0 are 1 */
}

/* t^(p−1) */
static inline __attribute__((always_inline)) vf power_below(float p, vf t)
{
    if (p == 1.0f) return v_set1(1.0f);
    if (p == 2.0f) return t;
    if (p == 3.0f) return v_mul(t, t);
    return v_exp(v_mul(v_set1(p - 1.0f), v_log(t)));
}

static inline __attribute__((always_inline)) void lp_pool_of(const int many, float p, const fc_window *win, const float *x,
                                                             float *y)
{
#define BODY(load, store) { \
        vf m = magnitude(load(x + i)); \
        long_sum s; \
        start(&s); \
        EACH_PIXEL(win) if (p != 1.0f) m = larger(m, magnitude(load(x + at))); \
        EACH_PIXEL(win) { \
            vf t = part_of(p, magnitude(load(x + at)), m); \
            s.last = v_fma(t, power_below(p, t), s.last); \
            if (many) count_terms(&s, 1); \
        } \
        const vf sum = total(&s); \
        vf root = p == 2.0f ? v_sqrt(sum) : p == 1.0f ? sum : v_exp(v_mul(v_set1(1.0f / p), v_log(sum))); \
        store(y + i, p == 1.0f ? root : v_mul(m, root)); \
    }
    EACH_VECTOR(win->c, BODY)
#undef BODY
}

static inline __attribute__((always_inline)) void lp_pool_backward_of(const int many, float p, const fc_window *win,
                                                                      const float *x, const float *dy, float *dx)
{
#define BODY(load, store) { \
        vf m = magnitude(load(x + i)), g = load(dy + i); \
        long_sum s; \
        start(&s); \
        EACH_PIXEL(win) if (p != 1.0f) m = larger(m, magnitude(load(x + at))); \
        EACH_PIXEL(win) if (p != 1.0f) { \
            vf t = part_of(p, magnitude(load(x + at)), m), q = power_below(p, t); \
            s.last = v_fma(t, q, s.last); \
            if (many) count_terms(&s, 1); \
            if (win->fresh) store(dx + at, q); \
        } \
        const vf sum = total(&s); \
        if (p == 2.0f) \
            g = v_div(g, v_sqrt(sum)); \
        else if (p != 1.0f) \
            g = v_mul(g, v_exp(v_mul(v_set1(1.0f / p - 1.0f), v_log(sum)))); \
        EACH_PIXEL(win) { \
            vf v = load(x + at), d = g; \
            if (p != 1.0f) d = v_mul(g, win->fresh ? load(dx + at) : power_below(p, part_of(p, magnitude(v), m))); \
            d = v_select(v_gt(v, v_zero()), d, v_select(v_eq(v, v_zero()), v_zero(), v_sub(v_zero(), d))); \
            store(dx + at, win->fresh ? d : v_add(load(dx + at), d)); \
        } \
    }
    EACH_VECTOR(win->c, BODY)
#undef BODY
}

#define EACH_POWER(CALL) \
    if (p == 1.0f) \
        CALL(1.0f); \
    else if (p == 2.0f) \
        CALL(2.0f); \
    else if (p == 3.0f) \
        CALL(3.0f); \
    else \
        CALL(p);

static __attribute__((noinline)) void lp_pool_many(const fc_window *win, float p, const float *x, float *y)
{
    lp_pool_of(1, p, win, x, y);
}

static void lp_pool(const fc_window *win, float p, const float *x, float *y)
{
#define CALL(P) lp_pool_of(0, P, win, x, y)
    if (has_many(win))
        lp_pool_many(win, p, x, y);
    else
        EACH_POWER(CALL)
#undef CALL
}

static __attribute__((noinline)) void lp_pool_backward_many(const fc_window *win, float p, const float *x, const float *dy, float *dx)
{
    lp_pool_backward_of(1, p, win, x, dy, dx);
}

static void lp_pool_backward(const fc_window *win, float p, const float *x, const float *dy, float *dx)
{
#define CALL(P) lp_pool_backward_of(0, P, win, x, dy, dx)
    if (has_many(win))
        lp_pool_backward_many(win, p, x, dy, dx);
    else
        EACH_POWER(CALL)
#undef CALL
}
