/* Euclidean radial basis functions: squared distances from prototypes, the rows of w.
 *
 *     rbf           y[i] = Σ_j (x[j] − w[i][j])²
 *     rbf_backward  dx[j] = Σ_i 2·dy[i]·(x[j] − w[i][j])
 *     rbf_weights   dw[j] += −2·dy·(x[j] − w[j])                     of one unit
 *     rbf_curvature hx[j] = start + Σ_i 4·h[i]·(x[j] − w[i][j])²
 * x [n], w [units][n], y [units]. */

static void rbf(ptrdiff_t n, ptrdiff_t units, const float *x, const float *w, float *y)
{
    for (ptrdiff_t i = 0; i < units; i++, w += n) {
        vf sum = v_zero(), odd = v_zero();
        ptrdiff_t j = 0;
        for (; j + 2 * V <= n; j += 2 * V) {
            vf d = v_sub(v_load(x + j), v_load(w + j)), e = v_sub(v_load(x + j + V), v_load(w + j + V));
            sum = v_fma(d, d, sum), odd = v_fma(e, e, odd);
        }
        for (; j < n; j += V) {
            const ptrdiff_t left = n - j;
            vf d = left >= V ? v_sub(v_load(x + j), v_load(w + j)) : v_sub(v_load_tail(x + j, left), v_load_tail(w + j, left));
            sum = v_fma(d, d, sum);
        }
        y[i] = v_sum(v_add(sum, odd));
    }
}

static void rbf_backward(ptrdiff_t n, ptrdiff_t units, const float *x, const float *w, const float *dy, float *dx)
{
    for (ptrdiff_t j = 0; j < n; j += V) {
        const ptrdiff_t left = n - j;
        const int whole = left >= V;
        vf xj = whole ? v_load(x + j) : v_load_tail(x + j, left), sum = v_zero();
        for (ptrdiff_t i = 0; i < units; i++) {
            vf wj = whole ? v_load(w + i * n + j) : v_load_tail(w + i * n + j, left);
            sum = v_fma(v_set1(2.0f * dy[i]), v_sub(xj, wj), sum);
        }
        if (whole)
            v_store(dx + j, sum);
        else
            v_store_tail(dx + j, left, sum);
    }
}

static void rbf_weights(ptrdiff_t n, float dy, const float *x, const float *w, float *dw)
{
    const vf g = v_set1(-2.0f * dy);
    ptrdiff_t j = 0;
    for (; j + V <= n; j += V) v_store(dw + j, v_fma(g, v_sub(v_load(x + j), v_load(w + j)), v_load(dw + j)));
    if (j < n) {
        const ptrdiff_t left = n - j;
        vf d = v_sub(v_load_tail(x + j, left), v_load_tail(w + j, left));
        v_store_tail(dw + j, left, v_fma(g, d, v_load_tail(dw + j, left)));
    }
}

static void rbf_curvature(ptrdiff_t n, ptrdiff_t units, const float *x, const float *w, const float *h, float start, float *hx)
{
    for (ptrdiff_t j = 0; j < n; j += V) {
        const ptrdiff_t left = n - j;
        const int whole = left >= V;
        vf xj = whole ? v_load(x + j) : v_load_tail(x + j, left), sum = v_set1(start);
        for (ptrdiff_t i = 0; i < units; i++) {
            vf d = v_sub(xj, whole ? v_load(w + i * n + j) : v_load_tail(w + i * n + j, left));
            sum = v_fma(v_set1(4.0f * h[i]), v_mul(d, d), sum);
        }
        if (whole)
            v_store(hx + j, sum);
        else
            v_store_tail(hx + j, left, sum);
    }
}
