/* The maximum of each group of consecutive floats.
 *
 *     y[j] = max x[j·group …+ group)      dx[k] = dy[j] at the first maximum (or the first NaN) of group j, else 0
 * x, dx: [n·group]; y, dy: [n]. Plain C: the compiler takes pairs apart as well as words could. */

/* Does b take the place of the maximum a before it? */
static inline int beats(float b, float a) { return (b > a || b != b) && a == a; }

static void maxout(ptrdiff_t n, ptrdiff_t group, const float *restrict x, float *restrict y)
{
    if (group == 2) {
        for (ptrdiff_t j = 0; j < n; j++) y[j] = beats(x[2 * j + 1], x[2 * j]) ? x[2 * j + 1] : x[2 * j];
        return;
    }
    for (ptrdiff_t j = 0; j < n; j++, x += group) {
        float best = x[0];
        for (ptrdiff_t k = 1; k < group; k++) best = beats(x[k], best) ? x[k] : best;
        y[j] = best;
    }
}

static void maxout_backward(ptrdiff_t n, ptrdiff_t group, const float *restrict x, const float *restrict dy,
                            float *restrict dx)
{
    if (group == 2) {
        for (ptrdiff_t j = 0; j < n; j++) {
            const int second = beats(x[2 * j + 1], x[2 * j]);
            dx[2 * j] = second ? 0.0f : dy[j];
            dx[2 * j + 1] = second ? dy[j] : 0.0f;
        }
        return;
    }
    for (ptrdiff_t j = 0; j < n; j++, x += group, dx += group) {
        ptrdiff_t at = 0;
        for (ptrdiff_t k = 1; k < group; k++) at = beats(x[k], x[at]) ? k : at;
        for (ptrdiff_t k = 0; k < group; k++) dx[k] = k == at ? dy[j] : 0.0f;
    }
}
