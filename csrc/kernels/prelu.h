/* A rectifier whose slope below 0 is learned; a is laid out as x, or as each row of it.
 *
 *     y = x > 0 ? x : a·x        dx = x > 0 ? dy : a·dy        da += Σ_rows x > 0 ? 0 : x·dy
 * a, y, dx, da: [n]; x, dy: [n], for da [rows][n]. x and y (dy and dx) may be the same array. */

static void prelu(ptrdiff_t n, const float *x, const float *a, float *y)
{
#define BODY(load, store) { \
        vf v = load(x + i); \
        store(y + i, v_select(v_gt(v, v_zero()), v, v_mul(load(a + i), v))); \
    }
    EACH_VECTOR(n, BODY)
#undef BODY
}

static void prelu_backward(ptrdiff_t n, const float *x, const float *a, const float *dy, float *dx)
{
#define BODY(load, store) { \
        vf g = load(dy + i); \
        store(dx + i, v_select(v_gt(load(x + i), v_zero()), g, v_mul(load(a + i), g))); \
    }
    EACH_VECTOR(n, BODY)
#undef BODY
}

static void prelu_weights(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *dy, float *da)
{
    const fc_plane a = {.p = x, .pixel = n}, b = {.p = dy, .pixel = n};
    sum_into(PRODUCTS_BELOW_0, 1, 1, rows, n, &a, &b, da);
}
