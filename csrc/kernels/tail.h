/* The end of an array: a whole vector of floats, or as many as are left. */

static inline __attribute__((always_inline)) vf load_some(const float *p, ptrdiff_t left)
{
    return left >= V ? v_load(p) : v_load_tail(p, left);
}

static inline __attribute__((always_inline)) void store_some(float *p, ptrdiff_t left, vf a)
{
    if (left >= V)
        v_store(p, a);
    else
        v_store_tail(p, left, a);
}
