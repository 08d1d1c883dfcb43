/* Softmax over the last axis, rows × c.
 *
 *     y_i = e^(x_i − max) / Σ e^(x_j − max)          dx_i = y_i·(dy_i − Σ dy_j·y_j)
 *     log: y_i = x_i − max − log Σ e^(x_j − max)     dx_i = dy_i − e^(y_i)·Σ dy_j
 * Sums are lane-wise (sums.h), then across the vector in a fixed order. */

static inline vf load_or(const float *p, ptrdiff_t left, vf other)
{
    if (left >= V) return v_load(p);
    float t[V];
    v_store(t, other);
    for (ptrdiff_t i = 0; i < left; i++) t[i] = p[i];
    return v_load(t);
}

static float row_max(ptrdiff_t c, const float *x)
{
    vf m = v_set1(-HUGE_VALF);
    for (ptrdiff_t i = 0; i < c; i += V) m = v_max(load_or(x + i, c - i, v_set1(-HUGE_VALF)), m);
    return v_max_across(m);
}

static void softmax(ptrdiff_t rows, ptrdiff_t c, const float *x, float *y)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += c, y += c) {
        const vf m = v_set1(row_max(c, x));
        long_sum sum;
        start(&sum);
        for (ptrdiff_t i = 0; i < c; i += V) {
            vf e = v_exp(v_sub(load_or(x + i, c - i, v_set1(-HUGE_VALF)), m));
            sum.last = v_add(sum.last, e), count_terms(&sum, 1);
            store_some(y + i, c - i, e);
        }
        const vf scale = v_set1(1.0f / v_sum(total(&sum)));
        for (ptrdiff_t i = 0; i < c; i += V) store_some(y + i, c - i, v_mul(load_or(y + i, c - i, scale), scale));
    }
}

static void log_softmax(ptrdiff_t rows, ptrdiff_t c, const float *x, float *y)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += c, y += c) {
        const vf m = v_set1(row_max(c, x));
        long_sum sum;
        start(&sum);
        for (ptrdiff_t i = 0; i < c; i += V) {
            sum.last = v_add(sum.last, v_exp(v_sub(load_or(x + i, c - i, v_set1(-HUGE_VALF)), m)));
            count_terms(&sum, 1);
        }
        const vf shift = v_set1(logf(v_sum(total(&sum))));
        for (ptrdiff_t i = 0; i < c; i += V)
            store_some(y + i, c - i, v_sub(v_sub(load_or(x + i, c - i, m), m), shift));
    }
}

static void softmax_backward(ptrdiff_t rows, ptrdiff_t c, const float *y, const float *dy, float *dx)
{
    for (ptrdiff_t r = 0; r < rows; r++, y += c, dy += c, dx += c) {
        long_sum sum;
        start(&sum);
        for (ptrdiff_t i = 0; i < c; i += V) {
            sum.last = v_fma(load_or(y + i, c - i, v_zero()), load_or(dy + i, c - i, v_zero()), sum.last);
            count_terms(&sum, 1);
        }
        const vf s = v_set1(v_sum(total(&sum)));
        for (ptrdiff_t i = 0; i < c; i += V)
            store_some(dx + i, c - i, v_mul(load_or(y + i, c - i, s), v_sub(load_or(dy + i, c - i, s), s)));
    }
}

static void log_softmax_backward(ptrdiff_t rows, ptrdiff_t c, const float *y, const float *dy, float *dx)
{
    for (ptrdiff_t r = 0; r < rows; r++, y += c, dy += c, dx += c) {
        long_sum sum;
        start(&sum);
        for (ptrdiff_t i = 0; i < c; i += V) {
            sum.last = v_add(load_or(dy + i, c - i, v_zero()), sum.last);
            count_terms(&sum, 1);
        }
        const vf s = v_set1(v_sum(total(&sum)));
        for (ptrdiff_t i = 0; i < c; i += V)
            store_some(dx + i, c - i, v_fnma(v_exp(load_or(y + i, c - i, s)), s, load_or(dy + i, c - i, s)));
    }
}
