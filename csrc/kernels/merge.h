/* Two arrays become one, float by float: see ops/merge.c for the formulas.
 * Assumes: y may be x or z; dx may be dy. */

static inline __attribute__((always_inline)) vf merged(fc_kind kind, vf a, vf x, vf b, vf z)
{
    switch (kind) {
    case FC_MULTIPLY: return v_mul(x, z);
    case FC_MAXIMUM: return v_select(v_gt(z, x), z, x);
    case FC_MINIMUM: return v_select(v_gt(x, z), z, x);
    default: return v_fma(a, x, v_mul(b, z));
    }
}

/* The part of dy that goes to x; of equal values the first takes it all. */
static inline __attribute__((always_inline)) vf merged_gradient(fc_kind kind, vf factor, int second, vf x, vf z, vf dy)
{
    const vf none = v_zero();
    switch (kind) {
    case FC_MULTIPLY: return v_mul(dy, z);
    case FC_MAXIMUM: return second ? v_select(v_gt(x, z), dy, none) : v_select(v_gt(z, x), none, dy);
    case FC_MINIMUM: return second ? v_select(v_gt(z, x), dy, none) : v_select(v_gt(x, z), none, dy);
    default: return v_mul(factor, dy);
    }
}

#define EACH_MERGE(LOOP) \
    switch (kind) { \
    case FC_MULTIPLY: LOOP(FC_MULTIPLY) break; \
    case FC_MAXIMUM: LOOP(FC_MAXIMUM) break; \
    case FC_MINIMUM: LOOP(FC_MINIMUM) break; \
    default: LOOP(FC_ADD) break; \
    }

static void merge(fc_kind kind, const fc_merge *by, ptrdiff_t n, const float *x, const float *z, float *y)
{
    const vf a = v_set1(by->first), b = v_set1(by->second);
#define LOOP(KIND) { \
        ptrdiff_t i = 0; \
        for (; i + V <= n; i += V) v_store(y + i, merged(KIND, a, v_load(x + i), b, v_load(z + i))); \
        const ptrdiff_t left = n - i; \
        if (left > 0) v_store_tail(y + i, left, merged(KIND, a, v_load_tail(x + i, left), b, v_load_tail(z + i, left))); \
    }
    EACH_MERGE(LOOP)
#undef LOOP
}

static void merge_backward(fc_kind kind, float factor, int second, ptrdiff_t n, const float *x, const float *z,
                           const float *dy, float *dx)
{
    const vf a = v_set1(factor);
#define LOOP(KIND) { \
        ptrdiff_t i = 0; \
        for (; i + V <= n; i += V) \
            v_store(dx + i, merged_gradient(KIND, a, second, v_load(x + i), v_load(z + i), v_load(dy + i))); \
        const ptrdiff_t left = n - i; \
        if (left > 0) \
            v_store_tail(dx + i, left, merged_gradient(KIND, a, second, v_load_tail(x + i, left), \
                                                       v_load_tail(z + i, left), v_load_tail(dy + i, left))); \
    }
    EACH_MERGE(LOOP)
#undef LOOP
}
