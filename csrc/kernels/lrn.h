/* Local response normalization across channels, some pixels at a time.
 *
 *     S_c = k + s·Σ_{i = c−below}^{c+above} x_i²        f_c = S_c^−β        y_c = x_c · f_c
 *     dx_c = dy_c·f_c − 2sβ·x_c·Σ_{j: c ∈ W(j)} dy_j·w_j,  w_j = y_j / S_j,  and c ∈ W(j) ⇔ c−above ≤ j ≤ c+below
 *
 * x, y, dy, dx, f, w: [pixels][c]. Forward keeps f and w unless they are NULL; backward takes them, or NULL and computes
 * them again: the same bits. relu: x is the result of relu, whose derivative masks dx. An S that overflows gives f = w = 0.
 * scratch: fc_lrn_scratch(c, below, above) floats (kernels.h). A block of pixels is taken through each loop, as sums that read what
 * was stored just before would wait for it. Sums run over zero-edged copies of x² (of dy·w), so every channel has the
 * same order of additions. AlexNet's size and β have code of their own. */

#define LRN static inline __attribute__((always_inline))

/* Σ_{i=0}^{size−1} e[c + i] for the vector of channels starting at e. */
LRN vf window_sum(const float *e, const ptrdiff_t size)
{
    if (size == 5)
        return v_add(v_add(v_add(v_load(e), v_load(e + 1)), v_add(v_load(e + 2), v_load(e + 3))), v_load(e + 4));
    vf sum = v_load(e);
    for (ptrdiff_t i = 1; i < size; i++) sum = v_add(sum, v_load(e + i));
    return sum;
}

/* f = S^−β and 1/S. */
LRN void lrn_powers(const float beta, vf s, vf *f, vf *inverse)
{
    if (beta == 0.75f || beta == 0.5f) {
        const vf r = v_rsqrt(s);
        *f = beta == 0.5f ? r : v_mul(r, v_sqrt(r));
        *inverse = v_mul(r, r);
    } else {
        *inverse = v_div(v_set1(1.0f), s);
        *f = beta == 1.0f ? *inverse : v_exp(v_mul(v_set1(-beta), v_log(s)));
    }
}

/* Zero-edged rows for the pixels of a block: row q begins at edge + q·step, channel 0 `edge` floats from there. */
typedef struct {
    ptrdiff_t edge, step, pixels;
} lrn_block;

static inline lrn_block lrn_blocks(const fc_lrn *o, ptrdiff_t c)
{
    const ptrdiff_t most = o->below > o->above ? o->below : o->above;
    lrn_block b = {.edge = (most + V - 1) / V * V};
    b.step = b.edge + (c + V - 1) / V * V;
    b.pixels = FC_LRN_BLOCK > b.step ? FC_LRN_BLOCK / b.step : 1;
    return b;
}

static inline void zero_edges(const lrn_block *b, float *e)
{
    for (ptrdiff_t q = 0; q <= b->pixels; q++)
        for (ptrdiff_t i = 0; i < b->edge; i++) e[q * b->step + i] = 0.0f;
}

LRN void squares(const lrn_block *b, ptrdiff_t pixels, ptrdiff_t c, const float *x, float *e)
{
    e += b->edge;
    for (ptrdiff_t q = 0; q < pixels; q++, x += c, e += b->step)
        for (ptrdiff_t i = 0; i < c; i += V) {
            const vf v = load_some(x + i, c - i);
            v_store(e + i, v_mul(v, v));
        }
}

LRN void lrn_of(const float beta, const ptrdiff_t size, const int keep, const fc_lrn *o, ptrdiff_t pixels, ptrdiff_t c,
                const float *x, float *y, float *f, float *w, float *scratch)
{
    const vf k = v_set1(o->k), s = v_set1(o->scale);
    const lrn_block b = lrn_blocks(o, c);
    zero_edges(&b, scratch);
    for (ptrdiff_t p = 0; p < pixels; p += b.pixels) {
        const ptrdiff_t count = pixels - p < b.pixels ? pixels - p : b.pixels;
        squares(&b, count, c, x + p * c, scratch);
        const float *e = scratch + b.edge - o->below;
        for (ptrdiff_t at = p * c; at < (p + count) * c; at += c, e += b.step)
            for (ptrdiff_t i = 0; i < c; i += V) {
                vf fi, inverse;
                lrn_powers(beta, v_fma(s, window_sum(e + i, size), k), &fi, &inverse);
                const vf yi = v_mul(load_some(x + at + i, c - i), fi);
                store_some(y + at + i, c - i, yi);
                if (keep) {
                    store_some(f + at + i, c - i, fi);
                    store_some(w + at + i, c - i, v_mul(yi, inverse));
                }
            }
    }
}

/* dx = dy·f for now; t = dy·w, which the sums run over. */
LRN void lrn_backward_of(const float beta, const ptrdiff_t size, const int kept, int relu, const fc_lrn *o,
                         ptrdiff_t pixels, ptrdiff_t c, const float *x, const float *f, const float *w, const float *dy,
                         float *dx, float *scratch)
{
    const vf k = v_set1(o->k), s = v_set1(o->scale), factor = v_set1(2.0f * o->scale * o->beta);
    const lrn_block b = lrn_blocks(o, c);
    float *t = scratch, *edged = scratch + b.pixels * b.step + b.edge;
    zero_edges(&b, t);
    if (!kept) zero_edges(&b, edged);
    for (ptrdiff_t p = 0; p < pixels; p += b.pixels, t = scratch) {
        const ptrdiff_t count = pixels - p < b.pixels ? pixels - p : b.pixels;
        if (!kept) squares(&b, count, c, x + p * c, edged);
        const float *e = edged + b.edge - o->below;
        for (ptrdiff_t at = p * c; at < (p + count) * c; at += c, e += b.step, t += b.step)
            for (ptrdiff_t i = 0; i < c; i += V) {
                vf fi, wi;
                if (kept) {
                    fi = load_some(f + at + i, c - i), wi = load_some(w + at + i, c - i);
                } else {
                    lrn_powers(beta, v_fma(s, window_sum(e + i, size), k), &fi, &wi);
                    wi = v_mul(v_mul(load_some(x + at + i, c - i), fi), wi);
                }
                const vf d = load_some(dy + at + i, c - i);
                store_some(dx + at + i, c - i, v_mul(d, fi));
                v_store(t + b.edge + i, v_mul(d, wi));
            }
        t = scratch + b.edge - o->above;
        for (ptrdiff_t at = p * c; at < (p + count) * c; at += c, t += b.step)
            for (ptrdiff_t i = 0; i < c; i += V) {
                const vf xi = load_some(x + at + i, c - i), sum = v_mul(factor, window_sum(t + i, size));
                const vf d = v_fnma(xi, sum, load_some(dx + at + i, c - i));
                store_some(dx + at + i, c - i, relu ? v_select(v_gt(xi, v_zero()), d, v_zero()) : d);
            }
    }
}

static void lrn(const fc_lrn *o, ptrdiff_t pixels, ptrdiff_t c, const float *x, float *y, float *f, float *w, float *scratch)
{
    const ptrdiff_t size = o->below + 1 + o->above;
    if (size != 5 || o->beta != 0.75f)
        lrn_of(o->beta, size, f != NULL, o, pixels, c, x, y, f, w, scratch);
    else if (f)
        lrn_of(0.75f, 5, 1, o, pixels, c, x, y, f, w, scratch);
    else
        lrn_of(0.75f, 5, 0, o, pixels, c, x, y, f, w, scratch);
}

static void lrn_backward(const fc_lrn *o, ptrdiff_t pixels, ptrdiff_t c, int relu, const float *x, const float *f,
                         const float *w, const float *dy, float *dx, float *scratch)
{
    const ptrdiff_t size = o->below + 1 + o->above;
    if (size != 5 || o->beta != 0.75f)
        lrn_backward_of(o->beta, size, f != NULL, relu, o, pixels, c, x, f, w, dy, dx, scratch);
    else if (f)
        lrn_backward_of(0.75f, 5, 1, relu, o, pixels, c, x, f, w, dy, dx, scratch);
    else
        lrn_backward_of(0.75f, 5, 0, relu, o, pixels, c, x, f, w, dy, dx, scratch);
}

#undef LRN
