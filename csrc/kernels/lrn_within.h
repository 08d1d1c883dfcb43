/* Local response normalization within channels (formulas: lrn.h), a row of the image at a time: the window is one of pixels.
 *
 * x, y, dy, dx, t: n = w·c floats. e: the sums of x² (backward of t) over the window's rows, with zeros for `below`
 * (`above`) pixels before them and as many as the window needs after, a vector besides. */

static __attribute__((noinline)) vf many_pixels_sum(const float *e, ptrdiff_t size, ptrdiff_t c)
{
    const fc_plane pixels = {.p = e, .pixel = c};
    vf sum;
    sum_places(VALUES, 1, V, 1, size, &pixels, &pixels, 0, &sum);
    return sum;
}

/* Σ_{i=0}^{size−1} e[i·c] for the vector of floats starting at e. */
static inline vf pixels_sum(const float *e, ptrdiff_t size, ptrdiff_t c)
{
    if (size > LONG) return many_pixels_sum(e, size, c);
    vf sum = v_load(e);
    for (ptrdiff_t i = 1; i < size; i++) sum = v_add(sum, v_load(e + i * c));
    return sum;
}

static void lrn_row(const fc_lrn *o, ptrdiff_t n, ptrdiff_t c, const float *e, const float *x, float *y)
{
    const ptrdiff_t size = o->below + 1 + o->above;
    const vf k = v_set1(o->k), s = v_set1(o->scale);
#define BODY(load, store) { \
        vf f, inverse; \
        lrn_powers(o->beta, v_fma(s, pixels_sum(e + i, size, c), k), &f, &inverse); \
        store(y + i, v_mul(load(x + i), f)); \
    }
    EACH_VECTOR(n, BODY)
#undef BODY
}

/* dx = dy·f, t = dx·x/S */
static void lrn_row_terms(const fc_lrn *o, ptrdiff_t n, ptrdiff_t c, const float *e, const float *x, const float *dy,
                          float *dx, float *t)
{
    const ptrdiff_t size = o->below + 1 + o->above;
    const vf k = v_set1(o->k), s = v_set1(o->scale);
#define BODY(load, store) { \
        vf f, inverse; \
        lrn_powers(o->beta, v_fma(s, pixels_sum(e + i, size, c), k), &f, &inverse); \
        vf d = v_mul(load(dy + i), f); \
        store(dx + i, d); \
        store(t + i, v_mul(v_mul(d, load(x + i)), inverse)); \
    }
    EACH_VECTOR(n, BODY)
#undef BODY
}

/* dx −= 2sβ·x·Σ t */
static void lrn_row_backward(const fc_lrn *o, ptrdiff_t n, ptrdiff_t c, const float *e, const float *x, float *dx)
{
    const ptrdiff_t size = o->below + 1 + o->above;
    const vf factor = v_set1(2.0f * o->scale * o->beta);
#define BODY(load, store) { \
        vf sum = v_mul(factor, pixels_sum(e + i, size, c)); \
        store(dx + i, v_fnma(load(x + i), sum, load(dx + i))); \
    }
    EACH_VECTOR(n, BODY)
#undef BODY
}
