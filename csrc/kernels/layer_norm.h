/* Normalization of rows of n floats, each by its own mean μ and spread σ².
 *
 *     y = γ·x̂ + β, x̂ = (x − μ)/√(σ² + ε)
 *     backward  dx = (γ·dy − Σ γ·dy/n − x̂·Σ γ·dy·x̂/n)/√(σ² + ε)
 *     weights   dγ += Σ_rows dy·x̂     dβ += Σ_rows dy
 *
 * x, y, dy, dx: [rows][n]; w: γ, b: β [n], or NULL: 1, 0. y may be x, dx may be dy.
 * μ is the mean offset from the row's first value; σ² is taken around it. It is kept as a float and what that leaves, so that x − μ is right
 * beside a large mean. Sums are long (sums.h), then across the vector. */

typedef struct {
    vf mean, rest, inverse;
} row_moments;

static row_moments moments_of(ptrdiff_t n, float epsilon, const float *x)
{
    const vf pivot = v_set1(x[0]);
    long_sum offset, spread;
    start(&offset), start(&spread);
    for (ptrdiff_t i = 0; i < n; i += V) {
        offset.last = v_add(offset.last, v_sub(load_or(x + i, n - i, pivot), pivot));
        count_terms(&offset, 1);
    }
    const double mean = (double)x[0] + (double)v_sum(total(&offset)) / (double)n, rest = mean - (double)(float)mean;
    const vf m = v_set1((float)mean);
    for (ptrdiff_t i = 0; i < n; i += V) {
        const vf d = v_sub(load_or(x + i, n - i, m), m);
        spread.last = v_fma(d, d, spread.last);
        count_terms(&spread, 1);
    }
    const double variance = fmax((double)v_sum(total(&spread)) / (double)n - rest * rest, 0);
    return (row_moments){m, v_set1((float)rest), v_set1((float)(1 / sqrt(variance + (double)epsilon)))};
}

/* x̂ */
static inline vf normal(const row_moments *m, vf x) { return v_mul(v_sub(v_sub(x, m->mean), m->rest), m->inverse); }

static void layer_norm(ptrdiff_t rows, ptrdiff_t n, float epsilon, const float *x, const float *w, const float *b, float *y)
{
    for (; rows > 0; rows--, x += n, y += n) {
        const row_moments m = moments_of(n, epsilon, x);
        for (ptrdiff_t i = 0; i < n; i += V) {
            const ptrdiff_t left = n - i;
            vf hat = normal(&m, load_some(x + i, left));
            if (w) hat = v_mul(hat, load_some(w + i, left));
            store_some(y + i, left, b ? v_add(hat, load_some(b + i, left)) : hat);
        }
    }
}

static void layer_norm_backward(ptrdiff_t rows, ptrdiff_t n, float epsilon, const float *x, const float *dy, const float *w, float *dx)
{
    for (; rows > 0; rows--, x += n, dy += n, dx += n) {
        const row_moments m = moments_of(n, epsilon, x);
        long_sum sum, product;
        start(&sum), start(&product);
        for (ptrdiff_t i = 0; i < n; i += V) { /* lanes beyond the row: dy is 0 */
            const ptrdiff_t left = n - i;
            vf g = load_some(dy + i, left);
            if (w) g = v_mul(g, load_some(w + i, left));
            sum.last = v_add(sum.last, g);
            product.last = v_fma(g, normal(&m, load_some(x + i, left)), product.last);
            count_terms(&sum, 1), count_terms(&product, 1);
        }
        const vf k = v_set1((float)((double)v_sum(total(&sum)) / (double)n));
        const vf l = v_set1((float)((double)v_sum(total(&product)) / (double)n));
        for (ptrdiff_t i = 0; i < n; i += V) {
            const ptrdiff_t left = n - i;
            vf g = load_some(dy + i, left);
            if (w) g = v_mul(g, load_some(w + i, left));
            g = v_fnma(normal(&m, load_some(x + i, left)), l, v_sub(g, k));
            store_some(dx + i, left, v_mul(g, m.inverse));
        }
    }
}

static void layer_norm_weights(ptrdiff_t rows, ptrdiff_t n, float epsilon, const float *x, const float *dy, float *dw, float *db)
{
    for (; rows > 0; rows--, x += n, dy += n) {
        const row_moments m = moments_of(n, epsilon, x);
        for (ptrdiff_t i = 0; i < n; i += V) {
            const ptrdiff_t left = n - i;
            const vf g = load_some(dy + i, left);
            store_some(dw + i, left, v_fma(g, normal(&m, load_some(x + i, left)), load_some(dw + i, left)));
            store_some(db + i, left, v_add(load_some(db + i, left), g));
        }
    }
}
