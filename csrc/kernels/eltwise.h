/* Elementwise kernels: activations, their derivatives, additions and weighted sums of two.
 *
 *     y = f(x)        dx = dy · f′, with f′ written in terms of y:
 *     relu       y > 0            leaky   y > 0 ? 1 : α        elu   y > 0 ? 1 : y + α
 *     sigmoid    y·(1 − y)        tanh    1 − y²               scaled tanh  ⅔·(A − y²/A), A = 1.7159
 *     softplus   1 − e^−y         softsign  (1 − |y|)²         hard sigmoid  0 < y < 1 ? α : 0
 *     selu       y > 0 ? λ : y + λα                            exponential  y
 *     relu6      0 < y < 6
 * but in terms of x, which takes the place of y, where y does not tell x:
 *     silu       σ + x·σ·(1 − σ), σ = sigmoid x                gelu  Φ + x·φ, the normal distribution's
 *     hard silu  0, x/3 + ½ where −3 < x < 3, 1
 * Assumes: α ≥ 0, so that the sign of y is that of x. x and y (dy and dx) may be the same array. */

#define TANH_A 1.7159f
#define TANH_B (2.0f / 3.0f)
#define SELU_SCALE 1.05070099f  /* λ, and below α: mean 0 and variance 1 stay */
#define SELU_ALPHA 1.67326324f
#define FAR 14.0f               /* where Φ and φ are 0 or 1 in float32 */

static inline vf clipped(vf x, float limit) { return v_min(v_set1(limit), v_max(v_set1(-limit), x)); } /* NaN stays */

/* Φ(x) and φ(x); e^−x²/2 times the ratio of both (vmath.h) leaves the tail its relative precision. */
static inline vf normal_distribution(vf x, vf *density)
{
    vf c = clipped(x, FAR), e = v_exp(v_mul(v_mul(v_set1(-0.5f), c), c));
    vf tail = v_mul(e, v_mills(v_max(c, v_sub(v_zero(), c))));
    *density = v_mul(v_set1(0.398942280f), e);
    return v_select(v_gt(c, v_zero()), v_sub(v_set1(1.0f), tail), tail);
}

static inline vf exponential_linear(vf alpha, vf x)
{
    vf e = v_exp(v_select(v_gt(x, v_zero()), v_zero(), x));
    vf small = v_fma(v_fma(v_set1(1.0f / 6), x, v_set1(0.5f)), v_mul(x, x), x); /* e^x − 1 without cancelling */
    vf y = v_select(v_gt(v_set1(-0.01f), x), v_sub(e, v_set1(1.0f)), small);
    return v_select(v_gt(x, v_zero()), x, v_mul(alpha, y));
}

static inline __attribute__((always_inline)) vf activation(fc_activation f, vf alpha, vf x)
{
    switch (f) {
    case FC_RELU: return v_max(v_zero(), x);
    case FC_LEAKY_RELU: return v_select(v_gt(x, v_zero()), x, v_mul(alpha, x));
    case FC_ELU: return exponential_linear(alpha, x);
    case FC_SIGMOID: return v_sigmoid(x);
    case FC_TANH: return v_tanh(x);
    case FC_SCALED_TANH: return v_mul(v_set1(TANH_A), v_tanh(v_mul(v_set1(TANH_B), x)));
    case FC_SOFTPLUS: return v_softplus(x);
    case FC_SOFTSIGN: {
        vf c = clipped(x, 1e30f);
        return v_div(c, v_add(v_set1(1.0f), v_max(c, v_sub(v_zero(), c))));
    }
    case FC_HARD_SIGMOID: return v_min(v_set1(1.0f), v_max(v_zero(), v_fma(alpha, x, v_set1(0.5f))));
    case FC_SELU: return v_mul(v_set1(SELU_SCALE), exponential_linear(v_set1(SELU_ALPHA), x));
    case FC_EXPONENTIAL: return v_exp(x);
    case FC_RELU6: return v_min(v_set1(6.0f), v_max(v_zero(), x));
    case FC_SILU: return v_mul(v_max(v_set1(-110.0f), x), v_sigmoid(x));
    case FC_GELU: {
        vf density;
        return v_mul(v_max(v_set1(-FAR), x), normal_distribution(x, &density));
    }
    case FC_HARD_SILU: {
        vf gate = v_min(v_set1(6.0f), v_max(v_zero(), v_add(x, v_set1(3.0f))));
        return v_mul(v_max(v_set1(-3.0f), x), v_mul(gate, v_set1(1.0f / 6)));
    }
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
    case FC_SOFTSIGN: {
        vf rest = v_sub(one, v_max(y, v_sub(v_zero(), y)));
        return v_mul(dy, v_mul(rest, rest));
    }
    case FC_HARD_SIGMOID: return v_select(v_gt(y, v_zero()), v_select(v_gt(one, y), v_mul(alpha, dy), v_zero()), v_zero());
    case FC_SELU:
        return v_mul(dy, v_select(v_gt(y, v_zero()), v_set1(SELU_SCALE), v_add(y, v_set1(SELU_SCALE * SELU_ALPHA))));
    case FC_EXPONENTIAL: return v_mul(dy, y);
    case FC_RELU6: return v_select(v_gt(y, v_zero()), v_select(v_gt(v_set1(6.0f), y), dy, v_zero()), v_zero());
    case FC_SILU: {
        vf x = clipped(y, 110.0f), s = v_sigmoid(x), rest = v_sigmoid(v_sub(v_zero(), x));
        return v_mul(dy, v_mul(s, v_fma(x, rest, one)));
    }
    case FC_GELU: {
        vf density, s = normal_distribution(y, &density);
        return v_mul(dy, v_fma(clipped(y, FAR), density, s));
    }
    case FC_HARD_SILU: {
        vf slope = v_select(v_gt(v_set1(3.0f), y), v_fma(y, v_set1(1.0f / 3), v_set1(0.5f)), one);
        return v_mul(dy, v_select(v_gt(y, v_set1(-3.0f)), slope, v_zero()));
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
    case FC_SOFTSIGN: LOOP(FC_SOFTSIGN) break; \
    case FC_HARD_SIGMOID: LOOP(FC_HARD_SIGMOID) break; \
    case FC_SELU: LOOP(FC_SELU) break; \
    case FC_EXPONENTIAL: LOOP(FC_EXPONENTIAL) break; \
    case FC_RELU6: LOOP(FC_RELU6) break; \
    case FC_SILU: LOOP(FC_SILU) break; \
    case FC_GELU: LOOP(FC_GELU) break; \
    case FC_HARD_SILU: LOOP(FC_HARD_SILU) break; \
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

/* y = f(y + x) */
static void activate_sum(fc_activation f, float alpha, ptrdiff_t n, const float *x, float *y)
{
    const vf a = v_set1(alpha);
#define LOOP(F) { \
        ptrdiff_t i = 0; \
        for (; i + V <= n; i += V) v_store(y + i, activation(F, a, v_add(v_load(y + i), v_load(x + i)))); \
        if (i < n) v_store_tail(y + i, n - i, activation(F, a, v_add(v_load_tail(y + i, n - i), v_load_tail(x + i, n - i)))); \
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

/* y = a·x + b·z; y may be x or z. */
static void blend(ptrdiff_t n, float a, const float *x, float b, const float *z, float *y)
{
    const vf va = v_set1(a), vb = v_set1(b);
    ptrdiff_t i = 0;
    for (; i + V <= n; i += V) v_store(y + i, v_fma(va, v_load(x + i), v_mul(vb, v_load(z + i))));
    if (i < n)
        v_store_tail(y + i, n - i, v_fma(va, v_load_tail(x + i, n - i), v_mul(vb, v_load_tail(z + i, n - i))));
}

/* y[i] = (x[i] − mean[i])·scale[i] + offset[i]; y may be x. */
static void rescale(ptrdiff_t n, const float *x, const float *mean, const float *scale, const float *offset, float *y)
{
    ptrdiff_t i = 0;
    for (; i + V <= n; i += V)
        v_store(y + i, v_fma(v_sub(v_load(x + i), v_load(mean + i)), v_load(scale + i), v_load(offset + i)));
    const ptrdiff_t left = n - i;
    if (left == 0) return;
    const vf centred = v_sub(v_load_tail(x + i, left), v_load_tail(mean + i, left));
    v_store_tail(y + i, left, v_fma(centred, v_load_tail(scale + i, left), v_load_tail(offset + i, left)));
}

/* y[r][j] = w[j]·x[r][j] + b[j]; b NULL: 0 */
static void scale_rows(ptrdiff_t rows, ptrdiff_t n, const float *x, const float *w, const float *b, float *y)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += n, y += n) {
        ptrdiff_t j = 0;
        for (; j + V <= n; j += V) v_store(y + j, v_fma(v_load(w + j), v_load(x + j), b ? v_load(b + j) : v_zero()));
        if (j < n) {
            const ptrdiff_t left = n - j;
            vf start = b ? v_load_tail(b + j, left) : v_zero();
            v_store_tail(y + j, left, v_fma(v_load_tail(w + j, left), v_load_tail(x + j, left), start));
        }
    }
}

/* y = x² */
static void square(ptrdiff_t n, const float *x, float *y)
{
    ptrdiff_t i = 0;
    for (; i + V <= n; i += V) v_store(y + i, v_mul(v_load(x + i), v_load(x + i)));
    if (i < n) v_store_tail(y + i, n - i, v_mul(v_load_tail(x + i, n - i), v_load_tail(x + i, n - i)));
}
