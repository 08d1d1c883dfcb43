/* Optimizers: one fused pass over flat arrays.
 *
 *     g = dw + decay·w      v ← m·v − lr·g      w ← (1 − lr·shrink)·w + v   (Nesterov: … + m·v − lr·g)
 * That is Keras' SGD; decay is weight decay coupled to the gradient, shrink decoupled. w, dw, v: [n]; v may be NULL when
 * m = 0. */

static inline __attribute__((always_inline)) void sgd_vector(const fc_sgd *o, vf rate, vf *w, vf dw, vf *v)
{
    vf g = v_fma(v_set1(o->decay), *w, dw), m = v_set1(o->momentum);
    *v = v_fnma(rate, g, v_mul(m, *v));
    *w = v_fnma(v_mul(rate, v_set1(o->shrink)), *w, *w);
    *w = o->nesterov ? v_fnma(rate, g, v_fma(m, *v, *w)) : v_add(*w, *v);
}

static void sgd(const fc_sgd *o, float learning_rate, ptrdiff_t n, float *w, const float *dw, float *v)
{
    const vf rate = v_set1(learning_rate);
    for (ptrdiff_t i = 0; i < n; i += V) {
        const ptrdiff_t left = n - i;
        const int whole = left >= V;
        vf wi = whole ? v_load(w + i) : v_load_tail(w + i, left);
        vf di = whole ? v_load(dw + i) : v_load_tail(dw + i, left);
        vf vi = !v ? v_zero() : whole ? v_load(v + i) : v_load_tail(v + i, left);
        sgd_vector(o, rate, &wi, di, &vi);
        if (whole) {
            v_store(w + i, wi);
            if (v) v_store(v + i, vi);
        } else {
            v_store_tail(w + i, left, wi);
            if (v) v_store_tail(v + i, left, vi);
        }
    }
}
