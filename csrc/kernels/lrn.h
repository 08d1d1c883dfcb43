/* Local response normalization across channels, one pixel after the other.
 *
 *     S_c = k + s·Σ_{i = c−below}^{c+above} x_i²        y_c = x_c · S_c^−β
 *     dx_c = dy_c·S_c^−β − 2sβ·x_c·Σ_{j: c ∈ W(j)} t_j,  t_j = dy_j·x_j·S_j^−β−1,  and c ∈ W(j) ⇔ c−above ≤ j ≤ c+below
 *
 * x, y: [pixels][c]. scratch: forward c + below + above + V floats; backward twice that. The sums run over a zero-edged
 * copy of x² (of t), so every channel has the same order of additions. */

/* Σ_{i=0}^{size−1} e[c + i] for the vector of channels starting at e. */
static inline vf window_sum(const float *e, ptrdiff_t size)
{
    vf sum = v_load(e);
    for (ptrdiff_t i = 1; i < size; i++) sum = v_add(sum, v_load(e + i));
    return sum;
}

static inline void zero_fill(float *p, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) p[i] = 0.0f;
}

static inline void squares(ptrdiff_t below, ptrdiff_t above, ptrdiff_t c, const float *x, float *e)
{
    ptrdiff_t i = 0;
    for (; i + V <= c; i += V) v_store(e + below + i, v_mul(v_load(x + i), v_load(x + i)));
    if (i < c) {
        vf t = v_load_tail(x + i, c - i);
        v_store(e + below + i, v_mul(t, t));
        i += V;
    }
    zero_fill(e + below + i, c + above + V - i > 0 ? c + above + V - i : 0);
}

static void lrn(const fc_lrn *o, ptrdiff_t pixels, ptrdiff_t c, const float *x, float *y, float *scratch)
{
    const ptrdiff_t size = o->below + 1 + o->above;
    const vf k = v_set1(o->k), s = v_set1(o->scale);
    zero_fill(scratch, o->below);
    for (ptrdiff_t p = 0; p < pixels; p++, x += c, y += c) {
        squares(o->below, o->above, c, x, scratch);
        for (ptrdiff_t i = 0; i < c; i += V) {
            vf f = v_pow_minus(v_fma(s, window_sum(scratch + i, size), k), o->beta);
            if (i + V <= c)
                v_store(y + i, v_mul(v_load(x + i), f));
            else
                v_store_tail(y + i, c - i, v_mul(v_load_tail(x + i, c - i), f));
        }
    }
}

static void lrn_backward(const fc_lrn *o, ptrdiff_t pixels, ptrdiff_t c, const float *x, const float *dy, float *dx,
                         float *scratch)
{
    const ptrdiff_t size = o->below + 1 + o->above;
    const vf k = v_set1(o->k), s = v_set1(o->scale), factor = v_set1(2.0f * o->scale * o->beta);
    float *e = scratch, *t = scratch + c + o->below + o->above + 2 * V;
    zero_fill(e, o->below);
    for (ptrdiff_t p = 0; p < pixels; p++, x += c, dy += c, dx += c) {
        squares(o->below, o->above, c, x, e);
        zero_fill(t, o->above);
        for (ptrdiff_t i = 0; i < c; i += V) { /* dx = dy·S^−β for now; t[above + j] = t_j */
            vf scale = v_fma(s, window_sum(e + i, size), k), f = v_pow_minus(scale, o->beta);
            if (i + V <= c) {
                vf d = v_mul(v_load(dy + i), f);
                v_store(dx + i, d);
                v_store(t + o->above + i, v_div(v_mul(d, v_load(x + i)), scale));
            } else {
                vf d = v_mul(v_load_tail(dy + i, c - i), f);
                v_store_tail(dx + i, c - i, d);
                v_store_tail(t + o->above + i, c - i, v_div(v_mul(d, v_load_tail(x + i, c - i)), scale));
            }
        }
        zero_fill(t + o->above + c, o->below + V);
        for (ptrdiff_t i = 0; i < c; i += V) {
            vf sum = v_mul(factor, window_sum(t + i, size));
            if (i + V <= c)
                v_store(dx + i, v_fnma(v_load(x + i), sum, v_load(dx + i)));
            else
                v_store_tail(dx + i, c - i,
                             v_fnma(v_load_tail(x + i, c - i), sum, v_load_tail(dx + i, c - i)));
        }
    }
}
