/* Normalization of channels: sums down the rows of a matrix, and rows shifted and scaled.
 *
 *     offset   y[j] += Σ_r (x[r][j] − from[j])
 *     spread   y[j] += Σ_r (x[r][j] − mean[j])²
 *     norm     y[r][j] = (x[r][j] − mean[j])·scale[j] + shift[j]
 *     sums     s[j] += Σ_r dy[r][j], t[j] += Σ_r dy[r][j]·(x[r][j] − mean[j])
 *     backward dx[r][j] = scale[j]·(dy[r][j] − k[j] − (x[r][j] − mean[j])·l[j])
 *     group backward  dx[r][j] = scale[j]·dy[r][j] − k[j] − (x[r][j] − mean[j])·l[j]
 *     scale    y[r][j] = x[r][j]·scale[j]
 * Matrices are [rows][n], one row after the other. y may be x, dx may be dy. */

static void norm_offset(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *from, float *y)
{
#define BODY(load, store) { \
        const vf m = load(from + i); \
        vf sum = v_zero(); \
        for (ptrdiff_t r = 0; r < rows; r++) sum = v_add(sum, v_sub(load(x + r * n + i), m)); \
        store(y + i, v_add(load(y + i), sum)); \
    }
    EACH_VECTOR(n, BODY)
#undef BODY
}

static void norm_spread(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *mean, float *y)
{
#define BODY(load, store) { \
        const vf m = load(mean + i); \
        vf sum = v_zero(); \
        for (ptrdiff_t r = 0; r < rows; r++) { \
            vf d = v_sub(load(x + r * n + i), m); \
            sum = v_fma(d, d, sum); \
        } \
        store(y + i, v_add(load(y + i), sum)); \
    }
    EACH_VECTOR(n, BODY)
#undef BODY
}

static void norm(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *mean, const float *scale, const float *shift,
                 float *y)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += n, y += n) {
#define BODY(load, store) \
        store(y + i, v_fma(v_sub(load(x + i), load(mean + i)), load(scale + i), load(shift + i)));
        EACH_VECTOR(n, BODY)
#undef BODY
    }
}

static void norm_sums(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *dy, const float *mean, float *s, float *t)
{
#define BODY(load, store) { \
        const vf m = load(mean + i); \
        vf sum = v_zero(), product = v_zero(); \
        for (ptrdiff_t r = 0; r < rows; r++) { \
            vf g = load(dy + r * n + i); \
            sum = v_add(sum, g); \
            product = v_fma(g, v_sub(load(x + r * n + i), m), product); \
        } \
        store(s + i, v_add(load(s + i), sum)); \
        store(t + i, v_add(load(t + i), product)); \
    }
    EACH_VECTOR(n, BODY)
#undef BODY
}

static void norm_backward(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *dy, const float *mean,
                          const float *scale, const float *k, const float *l, float *dx)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += n, dy += n, dx += n) {
#define BODY(load, store) { \
            vf d = v_fnma(v_sub(load(x + i), load(mean + i)), load(l + i), v_sub(load(dy + i), load(k + i))); \
            store(dx + i, v_mul(load(scale + i), d)); \
        }
        EACH_VECTOR(n, BODY)
#undef BODY
    }
}

static void group_norm_backward(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *dy, const float *mean,
                                const float *scale, const float *k, const float *l, float *dx)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += n, dy += n, dx += n) {
#define BODY(load, store) { \
            vf d = v_fma(v_sub(load(x + i), load(mean + i)), load(l + i), load(k + i)); \
            store(dx + i, v_sub(v_mul(load(scale + i), load(dy + i)), d)); \
        }
        EACH_VECTOR(n, BODY)
#undef BODY
    }
}

static void norm_scale(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *scale, float *y)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += n, y += n) {
#define BODY(load, store) store(y + i, v_mul(load(x + i), load(scale + i)));
        EACH_VECTOR(n, BODY)
#undef BODY
    }
}
