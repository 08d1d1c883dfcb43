/* Sums of any number of terms, a vector wide.
 *
 *     sum_rows         y[j] += Σ_r Σ_c x[r][c][j], j < n
 *     sum_squared_rows y[j] = Σ_r x[r·step + j]²
 *     sum_products     dw[j] += Σ_r x[r][j]·dy[r][j]
 *
 * Terms are added LONG at a time, one after the other or in four chains; blocks of so many in pairs, pairs in pairs and so on: a sum
 * of n terms is off by at most LONG + log2 n roundings of the sum of their magnitudes. */

#define LONG 64
#define SUMS static inline __attribute__((always_inline))

/* A sum: the last terms, how many they are, and blocks of terms, 2^k of them in level[k] where bit k of `blocks` is set. */
typedef struct {
    vf last;
    ptrdiff_t count, blocks;
    vf level[40];
} long_sum;

SUMS void start(long_sum *s) { s->last = v_zero(), s->count = s->blocks = 0; }

/* Says that `last` has so many terms more. */
SUMS void count_terms(long_sum *s, ptrdiff_t n)
{
    if ((s->count += n) < LONG) return;
    vf sum = s->last, *level = s->level;
    for (ptrdiff_t b = s->blocks++; b & 1; b >>= 1) sum = v_add(*level++, sum);
    *level = sum;
    s->last = v_zero(), s->count = 0;
}

SUMS vf total(const long_sum *s)
{
    vf sum = s->last;
    const vf *level = s->level;
    for (ptrdiff_t b = s->blocks; b; b >>= 1, level++)
        if (b & 1) sum = v_add(*level, sum);
    return sum;
}

/* What is summed: x, x², x·z, or x·z where x ≤ 0. */
typedef enum { VALUES, SQUARES, PRODUCTS, PRODUCTS_BELOW_0 } terms;

SUMS vf add_term(const terms of, const ptrdiff_t left, const float *x, const float *z, vf sum)
{
    const vf v = load_some(x, left);
    switch (of) {
    case VALUES: return v_add(sum, v);
    case SQUARES: return v_fma(v, v, sum);
    case PRODUCTS: return v_fma(v, load_some(z, left), sum);
    default: return v_select(v_gt(v, v_zero()), sum, v_fma(v, load_some(z, left), sum));
    }
}

/* sum[0 … nv) += n rows of nv vectors, 4 or 1, or of `left` floats. */
SUMS void add_run(const terms of, const int nv, const ptrdiff_t left, ptrdiff_t n, const float *x, ptrdiff_t x_step, const float *z,
                  ptrdiff_t z_step, vf *sum)
{
    const ptrdiff_t together = 4 / nv;
    vf s[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) s[k] = k < nv ? sum[k] : v_zero();
    for (; n >= together; n -= together, x += together * x_step, z += together * z_step)
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
            s[k] = add_term(of, left, x + k / nv * x_step + k % nv * V, z + k / nv * z_step + k % nv * V, s[k]);
    for (; n > 0; n--, x += x_step, z += z_step) s[0] = add_term(of, left, x, z, s[0]);
    if (nv == 1) s[0] = v_add(v_add(s[0], s[1]), v_add(s[2], s[3]));
#pragma GCC unroll 4
    for (int k = 0; k < nv; k++) sum[k] = s[k];
}

/* Over rows × cols places, of the nv vectors at `at`; z as x if it is not needed. */
SUMS void sum_places(const terms of, const int nv, const ptrdiff_t left, ptrdiff_t rows, ptrdiff_t cols, const fc_plane *x,
                     const fc_plane *z, ptrdiff_t at, vf *sum)
{
    if (x->row == cols * x->pixel && z->row == cols * z->pixel) cols *= rows, rows = 1;
    long_sum s[4];
    for (int k = 0; k < nv; k++) start(&s[k]);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0, n; c < cols; c += n) {
            const ptrdiff_t x_at = r * x->row + c * x->pixel + at, z_at = r * z->row + c * z->pixel + at;
            n = cols - c < LONG ? cols - c : LONG;
#pragma GCC unroll 4
            for (int k = 0; k < nv; k++) sum[k] = s[k].last;
            add_run(of, nv, left, n, x->p + x_at, x->pixel, z->p + z_at, z->pixel, sum);
#pragma GCC unroll 4
            for (int k = 0; k < nv; k++) s[k].last = sum[k], count_terms(&s[k], n);
        }
    for (int k = 0; k < nv; k++) sum[k] = total(&s[k]);
}

/* The sum of so few terms that they are one chain. */
SUMS vf sum_few(const terms of, const ptrdiff_t left, ptrdiff_t n, const float *x, ptrdiff_t x_step, const float *z, ptrdiff_t z_step)
{
    vf sum = v_zero();
    for (; n > 0; n--, x += x_step, z += z_step) sum = add_term(of, left, x, z, sum);
    return sum;
}

/* Of n floats, some vectors at a time; BODY(i, left, sum) for each. */
#define EACH_SUM(of, rows, cols, n, x, z, BODY) \
    for (ptrdiff_t i = 0; i < (n);) { \
        vf sums[4]; \
        const ptrdiff_t rest = (n) - i, nv = rest >= 4 * V ? 4 : 1; \
        if (nv == 4) \
            sum_places(of, 4, V, rows, cols, x, z, i, sums); \
        else if (rest >= V) \
            sum_places(of, 1, V, rows, cols, x, z, i, sums); \
        else \
            sum_places(of, 1, rest, rows, cols, x, z, i, sums); \
        for (ptrdiff_t k = 0; k < nv; k++, i += V) { \
            const ptrdiff_t left = (n) - i; \
            const vf sum = sums[k]; \
            (void)left; \
            BODY; \
        } \
    }

/* y[j] = the sum over all places, or y + that. */
SUMS void sum_into(const terms of, const int add, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t n, const fc_plane *x, const fc_plane *z,
                   float *y)
{
#define STORE(sum) store_some(y + i, left, add ? v_add(load_some(y + i, left), sum) : (sum))
    if (rows > 1 || cols > LONG) {
        EACH_SUM(of, rows, cols, n, x, z, STORE(sum))
        return;
    }
    const float *xp = x->p, *zp = z->p;
    const ptrdiff_t x_step = x->pixel, z_step = z->pixel;
    for (ptrdiff_t i = 0; i < n; i += V) {
        const ptrdiff_t left = n - i;
        if (left >= V)
            STORE(sum_few(of, V, cols, xp + i, x_step, zp + i, z_step));
        else
            STORE(sum_few(of, left, cols, xp + i, x_step, zp + i, z_step));
    }
#undef STORE
}

static void sum_rows(ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t n, const fc_plane *x, float *y)
{
    sum_into(VALUES, 1, rows, cols, n, x, x, y);
}

static void sum_squared_rows(ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t step, float *y)
{
    const fc_plane from = {.p = x, .pixel = step};
    sum_into(SQUARES, 0, 1, rows, n, &from, &from, y);
}

static void sum_products(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *dy, float *dw)
{
    const fc_plane a = {.p = x, .pixel = n}, b = {.p = dy, .pixel = n};
    sum_into(PRODUCTS, 1, 1, rows, n, &a, &b, dw);
}
