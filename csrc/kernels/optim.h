/* Optimizers: one fused pass over flat arrays. With r the learning rate and c the factor of clip_norm,
 *
 *     g = c·clip(dw + l1·sign(w) + 2·l2·w) + decay·w      w ← w − r·shrink·w      and then, s being the states,
 *     sgd        s₀ ← m·s₀ − r·g                w ← w + s₀   (Nesterov: w + m·s₀ − r·g)
 *     rmsprop    s₀ ← ρ·s₀ + (1−ρ)·g²           s₂ ← ρ·s₂ + (1−ρ)·g (centred)     d = r·g / √(s₀ − s₂² + ε)
 *                                               w ← w − d    (with momentum: s₁ ← m·s₁ + d, w ← w − s₁)
 *     adagrad    s₀ ← s₀ + g²                   w ← w − r·g / √(s₀ + ε)
 *     adadelta   s₀ ← ρ·s₀ + (1−ρ)·g²           d = g·√((s₁ + ε)/(s₀ + ε))     s₁ ← ρ·s₁ + (1−ρ)·d²     w ← w − r·d
 *     adam       s₀ ← m·s₀ + (1−m)·g            s₁ ← ρ·s₁ + (1−ρ)·g²     s₂ ← max(s₂, s₁) (AMSGrad)
 *                                               w ← w − r·correction·s₀ / (√s₁ + ε)   (AMSGrad: s₂ for s₁)
 *     sdlm       w ← w − r·g / (mu + s₀)        s₀ is the loss' second derivative along w, which a pass of its own estimates
 *
 * That is Keras, but for sdlm. w, dw, s: [n]; a state that a rule can do without is NULL. */

typedef void rule(const fc_optimizer *o, vf rate, vf *w, vf g, vf *s);

/* The gradient of the loss with its penalty. */
static inline __attribute__((always_inline)) vf whole_gradient(const fc_optimizer *o, vf w, vf dw)
{
    const vf l1 = v_set1(o->l1), sign = v_select(v_gt(w, v_zero()), l1, v_select(v_gt(v_zero(), w), v_set1(-o->l1), v_zero()));
    return v_add(dw, v_fma(v_set1(2 * o->l2), w, sign));
}

static inline __attribute__((always_inline)) void optimize(rule *step, int states, const fc_optimizer *o,
                                                           const fc_rates *rates, ptrdiff_t n, float *w, const float *dw,
                                                           float *const *state)
{
    const vf rate = v_set1(rates->rate * rates->correction), shrink = v_mul(v_set1(rates->rate), v_set1(o->shrink));
    const vf top = v_set1(o->clip_value), bottom = v_set1(-o->clip_value), factor = v_set1(rates->factor);
    const vf decay = v_set1(o->decay);
    const int penalized = o->l1 != 0 || o->l2 != 0;
    for (ptrdiff_t i = 0; i < n; i += V) {
        const ptrdiff_t left = n - i;
        vf wi = load_some(w + i, left), g = load_some(dw + i, left), s[FC_STATES];
        for (int k = 0; k < FC_STATES; k++) s[k] = k < states && state[k] ? load_some(state[k] + i, left) : v_zero();
        if (penalized) g = whole_gradient(o, wi, g);
        if (o->clip_value > 0) g = v_min(top, v_max(bottom, g)); /* the bounds come first so that NaN stays NaN */
        if (rates->factor != 1) g = v_mul(factor, g);
        g = v_fma(decay, wi, g);
        wi = v_fnma(shrink, wi, wi);
        step(o, rate, &wi, g, s);
        store_some(w + i, left, wi);
        for (int k = 0; k < states; k++)
            if (state[k]) store_some(state[k] + i, left, s[k]);
    }
}

static inline __attribute__((always_inline)) vf running_mean(float rho, float gain, vf mean, vf x)
{
    return v_fma(v_set1(rho), mean, v_mul(v_set1(gain), x));
}

static inline __attribute__((always_inline)) void sgd_rule(const fc_optimizer *o, vf rate, vf *w, vf g, vf *s)
{
    const vf m = v_set1(o->momentum);
    s[0] = v_fnma(rate, g, v_mul(m, s[0]));
    *w = o->nesterov ? v_fnma(rate, g, v_fma(m, s[0], *w)) : v_add(*w, s[0]);
}

static inline __attribute__((always_inline)) void rmsprop_rule(const fc_optimizer *o, vf rate, vf *w, vf g, vf *s)
{
    s[0] = running_mean(o->rho, o->rho_gain, s[0], v_mul(g, g));
    vf variance = s[0];
    if (o->centered) {
        s[2] = running_mean(o->rho, o->rho_gain, s[2], g);
        variance = v_max(v_zero(), v_fnma(s[2], s[2], s[0])); /* rounding may make it negative, the formula does not */
    }
    vf d = v_div(v_mul(rate, g), v_sqrt(v_add(variance, v_set1(o->epsilon))));
    if (o->momentum > 0) d = s[1] = v_fma(v_set1(o->momentum), s[1], d);
    *w = v_sub(*w, d);
}

static inline __attribute__((always_inline)) void adagrad_rule(const fc_optimizer *o, vf rate, vf *w, vf g, vf *s)
{
    s[0] = v_fma(g, g, s[0]);
    *w = v_sub(*w, v_div(v_mul(rate, g), v_sqrt(v_add(s[0], v_set1(o->epsilon)))));
}

static inline __attribute__((always_inline)) void adadelta_rule(const fc_optimizer *o, vf rate, vf *w, vf g, vf *s)
{
    const vf epsilon = v_set1(o->epsilon);
    s[0] = running_mean(o->rho, o->rho_gain, s[0], v_mul(g, g));
    vf d = v_mul(g, v_sqrt(v_div(v_add(s[1], epsilon), v_add(s[0], epsilon))));
    s[1] = running_mean(o->rho, o->rho_gain, s[1], v_mul(d, d));
    *w = v_fnma(rate, d, *w);
}

static inline __attribute__((always_inline)) void adam_rule(const fc_optimizer *o, vf rate, vf *w, vf g, vf *s)
{
    s[0] = running_mean(o->momentum, o->momentum_gain, s[0], g);
    s[1] = running_mean(o->rho, o->rho_gain, s[1], v_mul(g, g));
    vf v = s[1];
    if (o->amsgrad) v = s[2] = v_max(s[2], s[1]);
    *w = v_sub(*w, v_div(v_mul(rate, s[0]), v_add(v_sqrt(v), v_set1(o->epsilon))));
}

static inline __attribute__((always_inline)) void sdlm_rule(const fc_optimizer *o, vf rate, vf *w, vf g, vf *s)
{
    *w = v_fnma(v_div(rate, v_add(v_set1(o->epsilon), s[0])), g, *w);
}

#define OPTIMIZER(name, states)                                          \
    static void name FC_OPTIMIZER                                        \
    {                                                                    \
        optimize(name##_rule, states, o, rates, n, w, dw, state);        \
    }
OPTIMIZER(sgd, 1)
OPTIMIZER(rmsprop, 3)
OPTIMIZER(adagrad, 1)
OPTIMIZER(adadelta, 2)
OPTIMIZER(adam, 3)
OPTIMIZER(sdlm, 1)
#undef OPTIMIZER

/* Sums: 32 vectors at a time in float32, lane by lane, their sums in double. */
#define RUN (32 * V)

/* Σ (dw + l1·sign(w) + 2·l2·w)² */
static double sum_squares(const fc_optimizer *o, ptrdiff_t n, const float *w, const float *dw)
{
    double sum = 0;
    for (ptrdiff_t from = 0; from < n; from += RUN) {
        const ptrdiff_t end = from + RUN < n ? from + RUN : n;
        vf s = v_zero();
        for (ptrdiff_t i = from; i < end; i += V) {
            vf g = load_some(dw + i, end - i);
            if (o->l1 != 0 || o->l2 != 0) g = whole_gradient(o, load_some(w + i, end - i), g);
            s = v_fma(g, g, s);
        }
        sum += v_sum(s);
    }
    return sum;
}

/* Σ l1·|w| + l2·w² */
static double penalty(float l1, float l2, ptrdiff_t n, const float *w)
{
    double sum = 0;
    for (ptrdiff_t from = 0; from < n; from += RUN) {
        const ptrdiff_t end = from + RUN < n ? from + RUN : n;
        vf s = v_zero();
        for (ptrdiff_t i = from; i < end; i += V) {
            const vf wi = load_some(w + i, end - i), size = v_max(wi, v_sub(v_zero(), wi));
            s = v_fma(size, v_fma(v_set1(l2), size, v_set1(l1)), s);
        }
        sum += v_sum(s);
    }
    return sum;
}
#undef RUN
