/* Winograd's transforms: t × t tiles of a stride-1 convolution with r × r taps and m × m outputs, t = m + r − 1.
 *
 *     Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A                                       forward: g taps, d a tile of x
 *     g = Aᵀ [ Σ_tiles (G dY Gᵀ) ⊙ (Bᵀ d B) ] A, with m and r exchanged      weights: dY takes the place of the taps
 *
 * All three matrices follow from t points (Toom–Cook): 0, ±a, ±b (±c), and, where t is even, ∞. With
 * N_i = Π_{j≠i} (x_i − x_j) over the finite points and M(x) = Π_j (x − x_j),
 *
 *     Bᵀ: row i the coefficients of M(x)/(x − x_i), row ∞ those of M     (input)
 *     G:  row i  (1, x_i, x_i², …)/N_i,             row ∞ (0, …, 0, 1)   (filter)
 *     Aᵀ: column i (1, x_i, x_i², …)ᵀ,              column ∞ (0, …, 0, 1)ᵀ  (output)
 *
 * Rows of +a and −a share their even and odd parts, which is all the factoring there is. Points, with the root mean square error
 * of one tile on normal data, 64 channels, of that of y:
 *     t = 6   0, ±⅝, ±1½, ∞          0.8e-6  (0, ±1, ±2, ∞: 1.8e-6)
 *     t = 7   0, ±9/16, ±9/8, ±2     2.0e-6
 *     t = 8   0, ±1, ±2, ±½, ∞       2.3e-6
 * and of tiles of one row, 30 products:
 *     t = 6                          2.5e-7  (direct: 2.1e-7)
 *     t = 9   0, ±½, ±⅞, ±1½, ±3     8.7e-7
 * each the best of all pairs or triples of a dozen dyadic numbers, or as good as the best of all four. G's numbers are rounded once, from double.
 * A tile is given by t·t (m·m, r·r) pointers to pixels of n channels, an output's NULL being left out. Products lie `step`
 * floats apart. Assumes: results of input and filter have room for whole vectors. */

#define WINO static inline __attribute__((always_inline))

/* Point k of t: all of them, their squares and products are exact. */
WINO float wino_point(const int t, const int k)
{
    if (t == 6) return k ? 1.5f : 0.625f;
    if (t == 7) return k == 0 ? 0.5625f : k == 1 ? 1.125f : 2.0f;
    if (t == 9) return k == 0 ? 0.5f : k == 1 ? 0.875f : k == 2 ? 1.5f : 3.0f;
    return k == 0 ? 1.0f : k == 1 ? 2.0f : 0.5f;
}
WINO float wino_square(const int t, const int k) { return wino_point(t, k) * wino_point(t, k); }

/* Bᵀ d: t values `s` apart in d and o. */
WINO void wino_input(const int t, const vf *d, vf *o, const int s)
{
    if (t == 6) {
        const float sum = wino_square(t, 0) + wino_square(t, 1), product = wino_square(t, 0) * wino_square(t, 1);
        o[0] = v_fma(v_set1(product), d[0], v_fnma(v_set1(sum), d[2 * s], d[4 * s]));
        o[5 * s] = v_fma(v_set1(product), d[s], v_fnma(v_set1(sum), d[3 * s], d[5 * s]));
#pragma GCC unroll 2
        for (int k = 0; k < 2; k++) {
            const vf a = v_set1(wino_point(t, k)), q = v_set1(wino_square(t, 1 - k));
            const vf even = v_fnma(q, d[2 * s], d[4 * s]), odd = v_fnma(q, d[s], d[3 * s]);
            o[(2 * k + 1) * s] = v_fma(a, odd, even);
            o[(2 * k + 2) * s] = v_fnma(a, odd, even);
        }
        return;
    }
    const float q0 = wino_square(t, 0), q1 = wino_square(t, 1), q2 = wino_square(t, 2);
    if (t == 9) {
        const float q3 = wino_square(t, 3), one = q0 + q1 + q2, two = q0 * q1 + q0 * q2 + q1 * q2, three = q0 * q1 * q2;
        const vf high = v_fnma(v_set1(one + q3), d[6 * s], d[8 * s]);
        o[0] = v_fma(v_set1(three * q3), d[0],
                     v_fnma(v_set1(three + two * q3), d[2 * s], v_fma(v_set1(two + one * q3), d[4 * s], high)));
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            const float x = wino_square(t, (k + 1) % 4), y = wino_square(t, (k + 2) % 4), z = wino_square(t, (k + 3) % 4);
            const vf a = v_set1(wino_point(t, k)), sum = v_set1(x + y + z), pairs = v_set1(x * y + x * z + y * z);
            const vf product = v_set1(x * y * z);
            const vf even = v_fnma(product, d[2 * s], v_fma(pairs, d[4 * s], v_fnma(sum, d[6 * s], d[8 * s])));
            const vf odd = v_fnma(product, d[s], v_fma(pairs, d[3 * s], v_fnma(sum, d[5 * s], d[7 * s])));
            o[(2 * k + 1) * s] = v_fma(a, odd, even);
            o[(2 * k + 2) * s] = v_fnma(a, odd, even);
        }
        return;
    }
    const vf sum = v_set1(q0 + q1 + q2), pairs = v_set1(q0 * q1 + q0 * q2 + q1 * q2), product = v_set1(q0 * q1 * q2);
    o[0] = v_fnma(product, d[0], v_fma(pairs, d[2 * s], v_fnma(sum, d[4 * s], d[6 * s])));
    if (t == 8) o[7 * s] = v_fnma(product, d[s], v_fma(pairs, d[3 * s], v_fnma(sum, d[5 * s], d[7 * s])));
#pragma GCC unroll 3
    for (int k = 0; k < 3; k++) {
        const float p = wino_square(t, (k + 1) % 3), q = wino_square(t, (k + 2) % 3);
        const vf a = v_set1(wino_point(t, k)), both = v_set1(p + q), times = v_set1(p * q);
        const vf even = v_fma(times, d[2 * s], v_fnma(both, d[4 * s], d[6 * s]));
        const vf odd = v_fma(times, d[s], v_fnma(both, d[3 * s], d[5 * s]));
        o[(2 * k + 1) * s] = v_fma(a, odd, even);
        o[(2 * k + 2) * s] = v_fnma(a, odd, even);
    }
}

/* 1/N of the points ±a_k; k < 0: of 0. */
WINO double wino_scale(const int t, const int k)
{
    double n = k < 0 ? 1.0 : 2.0 * wino_square(t, k);
#pragma GCC unroll 4
    for (int j = 0; j < (t - 1) / 2; j++)
        if (j != k) n *= (k < 0 ? 0.0 : (double)wino_square(t, k)) - (double)wino_square(t, j);
    return 1.0 / n;
}

/* G g: `taps` values to t, `s` apart. stored: G's numbers are read from `numbers`, as wino_numbers writes them. */
WINO void wino_filter(const int t, const int taps, const int stored, const float *numbers, const vf *g, vf *o, const int s)
{
#define NUMBER(value) v_set1(stored ? *numbers++ : (float)(value))
    const int pairs = (t - 1) / 2;
    o[0] = v_mul(NUMBER(wino_scale(t, -1)), g[0]);
    if (t % 2 == 0) o[(t - 1) * s] = g[(taps - 1) * s];
#pragma GCC unroll 4
    for (int k = 0; k < pairs; k++) {
        double power = wino_scale(t, k);
        vf even = v_mul(NUMBER(power), g[0]), odd = v_zero();
#pragma GCC unroll 5
        for (int i = 1; i < taps; i++) {
            power *= wino_point(t, k);
            const vf number = NUMBER(power);
            if (i % 2)
                odd = i == 1 ? v_mul(number, g[i * s]) : v_fma(number, g[i * s], odd);
            else
                even = v_fma(number, g[i * s], even);
        }
        o[(2 * k + 1) * s] = v_add(even, odd);
        o[(2 * k + 2) * s] = v_sub(even, odd);
    }
#undef NUMBER
}

/* G's numbers, in the order in which wino_filter reads them. */
WINO void wino_numbers(const int t, const int taps, float *numbers)
{
    *numbers++ = (float)wino_scale(t, -1);
    for (int k = 0; k < (t - 1) / 2; k++) {
        double power = wino_scale(t, k);
        for (int i = 0; i < taps; i++, power *= wino_point(t, k)) *numbers++ = (float)power;
    }
}

/* Aᵀ p: t products to `out` values, `s` apart in p and `so` in o. */
WINO void wino_output(const int t, const int out, const vf *p, const int s, vf *o, const int so)
{
    const int pairs = (t - 1) / 2;
    vf sum[4], difference[4];
#pragma GCC unroll 4
    for (int k = 0; k < pairs; k++) {
        sum[k] = v_add(p[(2 * k + 1) * s], p[(2 * k + 2) * s]);
        difference[k] = v_sub(p[(2 * k + 1) * s], p[(2 * k + 2) * s]);
    }
#pragma GCC unroll 5
    for (int i = 0; i < out; i++) {
        vf y = i == 0 ? p[0] : i == out - 1 && t % 2 == 0 ? p[(t - 1) * s] : v_zero();
#pragma GCC unroll 4
        for (int k = 0; k < pairs; k++) {
            float power = 1.0f;
#pragma GCC unroll 5
            for (int e = 0; e < i; e++) power *= wino_point(t, k);
            const vf part = i % 2 ? difference[k] : sum[k];
            y = power == 1.0f ? v_add(y, part) : v_fma(v_set1(power), part, y);
        }
        o[i * so] = y;
    }
}

/* One vector of channels: whole, or the first `left`. */
WINO vf wino_load(const int whole, const float *p, ptrdiff_t left) { return whole ? v_load(p) : v_load_tail(p, left); }

WINO void wino_input_vector(const int t, const int whole, ptrdiff_t c, ptrdiff_t left, const float *const *x, float *v,
                            ptrdiff_t step)
{
    vf d[64], o[8];
#pragma GCC unroll 8
    for (int j = 0; j < t; j++) {
        vf column[8];
#pragma GCC unroll 8
        for (int i = 0; i < t; i++) column[i] = wino_load(whole, x[i * t + j] + c, left);
        wino_input(t, column, o, 1);
#pragma GCC unroll 8
        for (int i = 0; i < t; i++) d[i * t + j] = o[i];
    }
#pragma GCC unroll 8
    for (int i = 0; i < t; i++) {
        wino_input(t, d + i * t, o, 1);
#pragma GCC unroll 8
        for (int j = 0; j < t; j++) v_store(v + (i * t + j) * step + c, o[j]);
    }
}

WINO void wino_input_tile(const int t, ptrdiff_t n, const float *const *x, float *v, ptrdiff_t step)
{
    ptrdiff_t c = 0;
    for (; c + V <= n; c += V) wino_input_vector(t, 1, c, V, x, v, step);
    if (c < n) wino_input_vector(t, 0, c, n - c, x, v, step);
}

WINO void wino_filter_vector(const int t, const int taps, const int whole, ptrdiff_t c, ptrdiff_t left,
                             const float *const *w, float *u, ptrdiff_t step)
{
    vf d[40], o[8];
#pragma GCC unroll 5
    for (int j = 0; j < taps; j++) {
        vf column[5];
#pragma GCC unroll 5
        for (int i = 0; i < taps; i++) column[i] = wino_load(whole, w[i * taps + j] + c, left);
        wino_filter(t, taps, 0, NULL, column, o, 1);
#pragma GCC unroll 8
        for (int i = 0; i < t; i++) d[i * taps + j] = o[i];
    }
#pragma GCC unroll 8
    for (int i = 0; i < t; i++) {
        wino_filter(t, taps, 0, NULL, d + i * taps, o, 1);
#pragma GCC unroll 8
        for (int j = 0; j < t; j++) v_store(u + (i * t + j) * step + c, o[j]);
    }
}

WINO void wino_filter_tile(const int t, const int taps, ptrdiff_t n, const float *const *w, float *u, ptrdiff_t step)
{
    ptrdiff_t c = 0;
    for (; c + V <= n; c += V) wino_filter_vector(t, taps, 1, c, V, w, u, step);
    if (c < n) wino_filter_vector(t, taps, 0, c, n - c, w, u, step);
}

/* The products p = i·t … i·t + t − 1 of up to MOST tiles, whose sums stay in registers, in the order of gemm. */
#define MOST(t) (MR * NRV / (t))

WINO void wino_row(const int t, const int i, const fc_products *q, const float *w, const float *next)
{
    enum { most = MOST(6) };
    const float *v[7];
    float numbers[10];
    ptrdiff_t tile[most];
    vf sum[7][most];
    wino_numbers(t, 3, numbers);
#pragma GCC unroll 8
    for (int k = 0; k < MOST(t); k++) tile[k] = k < q->tiles ? k * q->v_row : 0;
#pragma GCC unroll 8
    for (int p = 0; p < t; p++) {
        v[p] = q->v + (i * t + p) * q->v_step;
#pragma GCC unroll 8
        for (int k = 0; k < MOST(t); k++) sum[p][k] = v_zero();
    }
    const float *at = numbers;
    for (ptrdiff_t c = 0; c < q->channels; c++, w += 9 * V, next += 9 * V / t) {
        __asm__("" : "+r"(at)); /* the numbers are read each time: registers are for sums */
        vf row[3], u[7];
#pragma GCC unroll 3
        for (int j = 0; j < 3; j++) {
            const vf column[3] = {v_load(w + j * V), v_load(w + (3 + j) * V), v_load(w + (6 + j) * V)};
            vf all[7];
            wino_filter(t, 3, 1, at, column, all, 1);
            row[j] = all[i];
        }
        for (int l = 0; l <= 9 * V / t; l += FC_LINE) __builtin_prefetch(next + l, 0, 2);
        wino_filter(t, 3, 1, at, row, u, 1);
#pragma GCC unroll 8
        for (int p = 0; p < t; p++)
#pragma GCC unroll 8
            for (int k = 0; k < MOST(t); k++) sum[p][k] = v_fma(v_set1(v[p][tile[k] + c]), u[p], sum[p][k]);
    }
#pragma GCC unroll 8
    for (int k = 0; k < MOST(t); k++)
        if (k < q->tiles)
#pragma GCC unroll 8
            for (int p = 0; p < t; p++) {
                float *m = q->m + (i * t + p) * q->m_step + k * q->m_row;
                v_store(m, q->accumulate ? v_add(v_load(m), sum[p][k]) : sum[p][k]);
            }
}

WINO void wino_output_tile(const int t, const int out, ptrdiff_t n, const float *p, ptrdiff_t step, const float *bias,
                           int relu, float *const *y)
{
    for (ptrdiff_t c = 0; c < n; c += V) {
        const ptrdiff_t left = n - c;
        vf d[40], o[8];
        const vf b = !bias ? v_zero() : left >= V ? v_load(bias + c) : v_load_tail(bias + c, left);
        for (int j = 0; j < t; j++) { /* not unrolled: its code would be larger, and up to 40 % slower */
            vf column[8];
#pragma GCC unroll 8
            for (int i = 0; i < t; i++) column[i] = v_load(p + (i * t + j) * step + c);
            wino_output(t, out, column, 1, o, 1);
#pragma GCC unroll 5
            for (int i = 0; i < out; i++) d[i * t + j] = o[i];
        }
#pragma GCC unroll 5
        for (int i = 0; i < out; i++) {
            wino_output(t, out, d + i * t, 1, o, 1);
#pragma GCC unroll 5
            for (int j = 0; j < out; j++) {
                float *to = y[i * out + j];
                if (!to) continue;
                vf r = v_add(o[j], b);
                if (relu) r = v_max(v_zero(), r);
                if (left >= V)
                    v_store(to + c, r);
                else
                    v_store_tail(to + c, left, r);
            }
        }
    }
}

static void winograd_input(ptrdiff_t t, ptrdiff_t n, const float *const *x, float *v, ptrdiff_t step)
{
    if (t == 6) wino_input_tile(6, n, x, v, step);
    if (t == 7) wino_input_tile(7, n, x, v, step);
    if (t == 8) wino_input_tile(8, n, x, v, step);
}

static void winograd_filter(ptrdiff_t t, ptrdiff_t taps, ptrdiff_t n, const float *const *w, float *u, ptrdiff_t step)
{
    if (t == 6 && taps == 3) wino_filter_tile(6, 3, n, w, u, step);
    if (t == 6 && taps == 4) wino_filter_tile(6, 4, n, w, u, step);
    if (t == 7 && taps == 3) wino_filter_tile(7, 3, n, w, u, step);
    if (t == 7 && taps == 5) wino_filter_tile(7, 5, n, w, u, step);
    if (t == 8 && taps == 4) wino_filter_tile(8, 4, n, w, u, step);
    if (t == 8 && taps == 5) wino_filter_tile(8, 5, n, w, u, step);
}

static void winograd_output(ptrdiff_t t, ptrdiff_t out, ptrdiff_t n, const float *p, ptrdiff_t step, const float *bias,
                            int relu, float *const *y)
{
    if (t == 6 && out == 3) wino_output_tile(6, 3, n, p, step, bias, relu, y);
    if (t == 6 && out == 4) wino_output_tile(6, 4, n, p, step, bias, relu, y);
    if (t == 7 && out == 3) wino_output_tile(7, 3, n, p, step, bias, relu, y);
    if (t == 7 && out == 5) wino_output_tile(7, 5, n, p, step, bias, relu, y);
    if (t == 8 && out == 4) wino_output_tile(8, 4, n, p, step, bias, relu, y);
    if (t == 8 && out == 5) wino_output_tile(8, 5, n, p, step, bias, relu, y);
}

static void winograd_products(ptrdiff_t t, const fc_products *q, const float *w, const float *next)
{
#define ROW(T, I) wino_row(T, I, q, w, next + (I) * q->channels * (9 * V / T));
    if (t == 6) {
        ROW(6, 0) ROW(6, 1) ROW(6, 2) ROW(6, 3) ROW(6, 4) ROW(6, 5)
    }
    if (t == 7) {
        ROW(7, 0) ROW(7, 1) ROW(7, 2) ROW(7, 3) ROW(7, 4) ROW(7, 5) ROW(7, 6)
    }
#undef ROW
}

/* One-dimensional tiles: of n floats each, `step` apart; NULL is a zero. v may be written up to a whole number of vectors. */
WINO void wino_row_input(const int t, ptrdiff_t n, const float *const *x, float *v, ptrdiff_t step)
{
    for (ptrdiff_t c = 0; c < n; c += V) {
        const ptrdiff_t left = n - c;
        vf d[9], o[9];
#pragma GCC unroll 9
        for (int i = 0; i < t; i++) d[i] = !x[i] ? v_zero() : left >= V ? v_load(x[i] + c) : v_load_tail(x[i] + c, left);
        wino_input(t, d, o, 1);
#pragma GCC unroll 9
        for (int i = 0; i < t; i++) v_store(v + i * step + c, o[i]);
    }
}

WINO void wino_row_filter(const int t, const int taps, ptrdiff_t n, const float *const *w, float *u, ptrdiff_t step)
{
    for (ptrdiff_t c = 0; c < n; c += V) {
        const ptrdiff_t left = n - c;
        vf g[5], o[9];
#pragma GCC unroll 5
        for (int i = 0; i < taps; i++)
            g[i] = !w[i] ? v_zero() : left >= V ? v_load(w[i] + c) : v_load_tail(w[i] + c, left);
        wino_filter(t, taps, 0, NULL, g, o, 1);
#pragma GCC unroll 9
        for (int i = 0; i < t; i++)
            if (left >= V)
                v_store(u + i * step + c, o[i]);
            else
                v_store_tail(u + i * step + c, left, o[i]);
    }
}

/* In lanes a vector has one bias. */
WINO void wino_row_output(const int t, const int out, ptrdiff_t n, const float *p, ptrdiff_t step, const float *bias, int lanes,
                          float *const *y)
{
    for (ptrdiff_t c = 0; c < n; c += V) {
        const ptrdiff_t left = n - c;
        const vf b = !bias ? v_zero() : lanes ? v_set1(bias[c / V]) : left >= V ? v_load(bias + c) : v_load_tail(bias + c, left);
        vf d[9], o[5];
#pragma GCC unroll 9
        for (int i = 0; i < t; i++) d[i] = left >= V ? v_load(p + i * step + c) : v_load_tail(p + i * step + c, left);
        wino_output(t, out, d, 1, o, 1);
#pragma GCC unroll 5
        for (int i = 0; i < out; i++) {
            if (!y[i]) continue;
            if (left >= V)
                v_store(y[i] + c, v_add(o[i], b));
            else
                v_store_tail(y[i] + c, left, v_add(o[i], b));
        }
    }
}

static void winograd_row_input(ptrdiff_t t, ptrdiff_t n, const float *const *x, float *v, ptrdiff_t step)
{
    if (t == 6) wino_row_input(6, n, x, v, step);
    if (t == 9) wino_row_input(9, n, x, v, step);
}

static void winograd_row_filter(ptrdiff_t t, ptrdiff_t taps, ptrdiff_t n, const float *const *w, float *u, ptrdiff_t step)
{
    if (t == 6 && taps == 3) wino_row_filter(6, 3, n, w, u, step);
    if (t == 6 && taps == 4) wino_row_filter(6, 4, n, w, u, step);
    if (t == 9) wino_row_filter(9, 5, n, w, u, step);
}

static void winograd_row_output(ptrdiff_t t, ptrdiff_t out, ptrdiff_t n, const float *p, ptrdiff_t step, const float *bias,
                                int lanes, float *const *y)
{
    if (t == 6 && out == 3) wino_row_output(6, 3, n, p, step, bias, lanes, y);
    if (t == 6 && out == 4) wino_row_output(6, 4, n, p, step, bias, lanes, y);
    if (t == 9) wino_row_output(9, 5, n, p, step, bias, lanes, y);
}

#undef MOST
#undef WINO
