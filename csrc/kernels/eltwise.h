/* Elementwise kernels: activations, their derivatives, and additions.
 *
 *     y = f(x)        dx = dy · f′, with f′ written in terms of y:
 *     relu       y > 0            leaky   y > 0 ? 1 : α        elu   y > 0 ? 1 : y + α
 *     sigmoid    y·(1 − y)        tanh    1 − y²               scaled tanh  ⅔·(A − y²/A), A = 1.7159
 *     softplus   1 − e^−y
 * Assumes: α ≥ 0, so that the sign of y is that of x. x and y (dy and dx) may be the same array. */

#define TANH_A 1.7159f
#define TANH_B (2.0f / 3.0f)

static inline __attribute__((always_inline)) vf activation(fc_activation f, vf alpha, vf x)
{
    switch (f) {
    case FC_RELU: return v_max(v_zero(), x);
    case FC_LEAKY_RELU: return v_select(v_gt(x, v_zero()), x, v_mul(alpha, x));
    case FC_ELU: {
        vf e = v_exp(v_select(v_gt(x, v_zero()), v_zero(), x));
        vf small = v_fma(v_fma(v_set1(1.0f / 6), x, v_set1(0.5f)), v_mul(x, x), x); /* e^x − 1 without cancelling */
        vf y = v_select(v_gt(v_set1(-0.01f), x), v_sub(e, v_set1(1.0f)), small);
        return v_select(v_gt(x, v_zero()), x, v_mul(alpha, y));
    }
    case FC_SIGMOID: return v_sigmoid(x);
    case FC_TANH: return v_tanh(x);
    case FC_SCALED_TANH: return v_mul(v_set1(TANH_A), v_tanh(v_mul(v_set1(TANH_B), x)));
    case FC_SOFTPLUS: return v_softplus(x);
    default: return x;
    }
}

static inline __attribute__((always_inline)) vf derivative(fc_activation f, vf alpha, vf y, vf dy)
{
    const vf one = v_set1(1.0f);
    switch (f) {
    case FC_RELU: return v_select(v_gt(y, v_zero()), dy, v_zero());
    case FC_LEAKY_RELU: return v_select(v_gt(y, v_zero()), dy, v_mul(alpha, dy));
    case FC_ELU: return v_select(v_gt(y, v_zero()), dy, v_mul(v_add(y, alpha), dy));
    case FC_SIGMOID: return v_mul(dy, v_mul(y, v_sub(one, y)));
    case FC_TANH: return v_mul(dy, v_fnma(y, y, one));
    case FC_SCALED_TANH:
        return v_mul(dy, v_mul(v_set1(TANH_B), v_fnma(v_mul(y, v_set1(1.0f / TANH_A)), y, v_set1(TANH_A))));
    case FC_SOFTPLUS: { /* 1 − e^−y, by series where it would cancel */
        vf series = v_mul(y, v_fma(v_fma(v_set1(1.0f / 6), y, v_set1(-0.5f)), y, one));
        vf exact = v_sub(one, v_exp(v_sub(v_zero(), y)));
        return v_mul(dy, v_select(v_gt(v_set1(0.01f), y), series, exact));
    }
    default: return dy;
    }
}

#define EACH_ACTIVATION(LOOP) \
    switch (f) { \
    case FC_RELU: LOOP(FC_RELU) break; \
    case FC_LEAKY_RELU: LOOP(FC_LEAKY_RELU) break; \
    case FC_ELU: LOOP(FC_ELU) break; \
    case FC_SIGMOID: LOOP(FC_SIGMOID) break; \
    case FC_TANH: LOOP(FC_TANH) break; \
    case FC_SCALED_TANH: LOOP(FC_SCALED_TANH) break; \
    case FC_SOFTPLUS: LOOP(FC_SOFTPLUS) break; \
    default: LOOP(FC_LINEAR) break; \
    }

static void activate(fc_activation f, float alpha, ptrdiff_t n, const float *x, float *y)
{
    const vf a = v_set1(alpha);
#define LOOP(F) { \
        ptrdiff_t i = 0; \
        for (; i + V <= n; i += V) v_store(y + i, activation(F, a, v_load(x + i))); \
        if (i < n) v_store_tail(y + i, n - i, activation(F, a, v_load_tail(x + i, n - i))); \
    }
    EACH_ACTIVATION(LOOP)
#undef LOOP
}

static void activate_backward(fc_activation f, float alpha, ptrdiff_t n, const float *y, const float *dy, float *dx)
{
    const vf a = v_set1(alpha);
#define LOOP(F) { \
        ptrdiff_t i = 0; \
        for (; i + V <= n; i += V) v_store(dx + i, derivative(F, a, v_load(y + i), v_load(dy + i))); \
        if (i < n) \
            v_store_tail(dx + i, n - i, derivative(F, a, v_load_tail(y + i, n - i), v_load_tail(dy + i, n - i))); \
    }
    EACH_ACTIVATION(LOOP)
#undef LOOP
}

/* y += x */
static void add(ptrdiff_t n, const float *x, float *y)
{
    ptrdiff_t i = 0;
    for (; i + V <= n; i += V) v_store(y + i, v_add(v_load(y + i), v_load(x + i)));
    if (i < n) v_store_tail(y + i, n - i, v_add(v_load_tail(y + i, n - i), v_load_tail(x + i, n - i)));
}

/* y[j] += Σ_r x[r·step + j], j < n: the sum of the rows first, then y. */
static void sum_rows(ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t step, float *y)
{
    for (ptrdiff_t j = 0; j < n; j += V) {
        const ptrdiff_t left = n - j;
        vf sum = v_zero();
        if (left >= V) {
            for (ptrdiff_t r = 0; r < rows; r++) sum = v_add(sum, v_load(x + r * step + j));
            v_store(y + j, v_add(v_load(y + j), sum));
        } else {
            for (ptrdiff_t r = 0; r < rows; r++) sum = v_add(sum, v_load_tail(x + r * step + j, left));
            v_store_tail(y + j, left, v_add(v_load_tail(y + j, left), sum));
        }
    }
}
