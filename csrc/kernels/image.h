/* Bytes of an image row to floats: y[i] (+)= (x[i] − mean[i])·scale[i] + shift[i]. */

static inline vf converted(vf x, vf mean, vf scale, vf shift) { return v_fma(v_sub(x, mean), scale, shift); }

static void convert_pixels(ptrdiff_t n, const uint8_t *x, const float *mean, const float *scale, const float *shift,
                           int accumulate, float *y)
{
    ptrdiff_t i = 0;
    if (accumulate)
        for (; i + V <= n; i += V)
            v_store(y + i, v_add(v_load(y + i), converted(v_load_u8(x + i), v_load(mean + i), v_load(scale + i),
                                                          v_load(shift + i))));
    else
        for (; i + V <= n; i += V)
            v_store(y + i, converted(v_load_u8(x + i), v_load(mean + i), v_load(scale + i), v_load(shift + i)));
    const ptrdiff_t rest = n - i;
    if (rest == 0) return;
    uint8_t last[V] = {0};
    for (ptrdiff_t j = 0; j < rest; j++) last[j] = x[i + j];
    vf r = converted(v_load_u8(last), v_load_tail(mean + i, rest), v_load_tail(scale + i, rest),
                     v_load_tail(shift + i, rest));
    if (accumulate) r = v_add(v_load_tail(y + i, rest), r);
    v_store_tail(y + i, rest, r);
}
