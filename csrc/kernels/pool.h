/* Pooling of one window, all channels: x points at the window's first pixel (edges already clipped).
 *
 *     max   y[c] = max x[p][c]          dx[p*][c] += dy[c], p* the first maximum (or the first NaN)
 *     avg   y[c] = scale · Σ x[p][c]    dx[p][c] += scale · dy[c]
 *     pool_planes   of n planes, numbers side by side: y[i][l] = max or mean of columns 2l and 2l + 1 of x[i] and below[i]
 * A fresh window sets dx. Windows of 2 × 2 have code of their own: three times as fast. Of many pixels sums are long (sums.h).
 * Assumes: at least one pixel for max. Channels are contiguous; the tail of a vector is masked. */

/* The larger, NaN if either is: as NumPy's maximum. */
static inline vf larger(vf best, vf x) { return v_select(v_isnan(best), best, v_max(best, x)); }

#define EACH_VECTOR(c, BODY) { \
        ptrdiff_t i = 0; \
        for (; i + V <= (c); i += V) BODY(v_load, v_store) \
        if (i < (c)) { \
            const ptrdiff_t left = (c) - i; \
            BODY(LOAD_TAIL, STORE_TAIL) \
        } \
    }
#define LOAD_TAIL(p) v_load_tail((p), left)
#define STORE_TAIL(p, value) v_store_tail((p), left, (value))

static inline __attribute__((always_inline)) void max_pool_of(ptrdiff_t height, ptrdiff_t width, const fc_window *win,
                                                              const float *x, float *y)
{
#define BODY(load, store) { \
        vf best = load(x + i); \
        for (ptrdiff_t h = 0; h < height; h++) \
            for (ptrdiff_t w = 0; w < width; w++) best = larger(best, load(x + h * win->row + w * win->step + i)); \
        store(y + i, best); \
    }
    EACH_VECTOR(win->c, BODY)
#undef BODY
}

static void max_pool(const fc_window *win, const float *x, float *y)
{
    if (win->h == 2 && win->w == 2)
        max_pool_of(2, 2, win, x, y);
    else
        max_pool_of(win->h, win->w, win, x, y);
}

/* The maximum is found again, as the number of its pixel in the window, and dy added there. */
static void max_pool_backward(const fc_window *win, const float *x, const float *dy, float *dx)
{
#define BODY(load, store) { \
        vf best = load(x + i), at = v_zero(), p = v_zero(); \
        for (ptrdiff_t h = 0; h < win->h; h++) \
            for (ptrdiff_t w = 0; w < win->w; w++) { \
                vf v = load(x + h * win->row + w * win->step + i); \
                vm better = v_andnot(v_isnan(best), v_or(v_gt(v, best), v_isnan(v))); \
                best = v_select(better, v, best); \
                at = v_select(better, p, at); \
                p = v_add(p, v_set1(1.0f)); \
            } \
        vf g = load(dy + i); \
        p = v_zero(); \
        for (ptrdiff_t h = 0; h < win->h; h++) \
            for (ptrdiff_t w = 0; w < win->w; w++) { \
                float *d = dx + h * win->row + w * win->step + i; \
                vf v = v_select(v_eq(at, p), g, v_zero()); \
                store(d, win->fresh ? v : v_add(load(d), v)); \
                p = v_add(p, v_set1(1.0f)); \
            } \
    }
    EACH_VECTOR(win->c, BODY)
#undef BODY
}

static inline int has_many(const fc_window *win) { return win->h * win->w > LONG; }

static inline __attribute__((always_inline)) void avg_pool_of(ptrdiff_t height, ptrdiff_t width, const fc_window *win,
                                                              float scale, const float *x, float *y)
{
    const vf s = v_set1(scale);
#define BODY(load, store) { \
        vf sum = v_zero(); \
        for (ptrdiff_t h = 0; h < height; h++) \
            for (ptrdiff_t w = 0; w < width; w++) sum = v_add(sum, load(x + h * win->row + w * win->step + i)); \
        store(y + i, v_mul(s, sum)); \
    }
    EACH_VECTOR(win->c, BODY)
#undef BODY
}

static __attribute__((noinline)) void avg_pool_many(const fc_window *win, float scale, const float *x, float *y)
{
    const fc_plane pixels = {x, win->row, win->step};
    EACH_SUM(VALUES, win->h, win->w, win->c, &pixels, &pixels, store_some(y + i, left, v_mul(v_set1(scale), sum)))
}

static void avg_pool(const fc_window *win, float scale, const float *x, float *y)
{
    if (win->h == 2 && win->w == 2)
        avg_pool_of(2, 2, win, scale, x, y);
    else if (has_many(win))
        avg_pool_many(win, scale, x, y);
    else
        avg_pool_of(win->h, win->w, win, scale, x, y);
}

/* A vector of y are V / 2 windows of x and as many of what lies `next` behind it. */
static void pool_planes(int most, ptrdiff_t n, const float *x, const float *below, ptrdiff_t next, float *y)
{
    for (ptrdiff_t i = 0; i < n * V; i += V) {
        const vf a = v_load(x + i), b = v_load(x + next + i), c = v_load(below + i), d = v_load(below + next + i);
        const vf pixels[4] = {v_evens(a, b), v_odds(a, b), v_evens(c, d), v_odds(c, d)};
        vf r = most ? pixels[0] : v_zero();
#pragma GCC unroll 4
        for (int p = 0; p < 4; p++) r = most ? larger(r, pixels[p]) : v_add(r, pixels[p]);
        v_store(y + i, most ? r : v_mul(v_set1(0.25f), r));
    }
}

static inline __attribute__((always_inline)) void avg_pool_backward_of(ptrdiff_t height, ptrdiff_t width, int fresh,
                                                                       const fc_window *win, float scale, const float *dy,
                                                                       float *restrict dx)
{
    const vf s = v_set1(scale);
#define BODY(load, store) { \
        vf g = v_mul(s, load(dy + i)); \
        for (ptrdiff_t h = 0; h < height; h++) \
            for (ptrdiff_t w = 0; w < width; w++) { \
                float *d = dx + h * win->row + w * win->step + i; \
                store(d, fresh ? g : v_add(load(d), g)); \
            } \
    }
    EACH_VECTOR(win->c, BODY)
#undef BODY
}

static void avg_pool_backward(const fc_window *win, float scale, const float *dy, float *dx)
{
    if (win->fresh && win->h == 2 && win->w == 2)
        avg_pool_backward_of(2, 2, 1, win, scale, dy, dx);
    else
        avg_pool_backward_of(win->h, win->w, win->fresh, win, scale, dy, dx);
}

/* Max pooling a row of pixels at a time: y of each window's maximum within the row, or the larger of that and y. Rows of a window
 * taken one after the other give the bits of max_pool. */
static inline __attribute__((always_inline)) void max_pool_row_of(ptrdiff_t width, const int fresh, ptrdiff_t c,
                                                                  const float *x, float *y)
{
#define BODY(load, store) { \
        vf best = load(x + i); \
        for (ptrdiff_t w = 1; w < width; w++) best = larger(best, load(x + w * c + i)); \
        store(y + i, fresh ? best : larger(load(y + i), best)); \
    }
    EACH_VECTOR(c, BODY)
#undef BODY
}

/* Each window's first pixel that holds its maximum y (or its first NaN) takes dy, which is 0 for the rows that follow. x: a row
 * of what was pooled; dy: a copy, of which max_pool_row_backward leaves what no pixel has taken yet; dx: added to. */
static inline __attribute__((always_inline)) void max_pool_row_backward_of(ptrdiff_t width, ptrdiff_t c, const float *x,
                                                                           const float *y, float *dy, float *dx)
{
#define BODY(load, store) { \
        const vf best = load(y + i); \
        vf rest = load(dy + i); \
        for (ptrdiff_t w = 0; w < width; w++) { \
            const vf v = load(x + w * c + i); \
            const vm here = v_or(v_eq(v, best), v_isnan(v)); \
            float *d = dx + w * c + i; \
            store(d, v_add(load(d), v_select(here, rest, v_zero()))); \
            rest = v_select(here, v_zero(), rest); \
        } \
        store(dy + i, rest); \
    }
    EACH_VECTOR(c, BODY)
#undef BODY
}

/* Window ow's first pixel of the row, and how many there are. */
static inline ptrdiff_t row_window(const fc_row_windows *r, ptrdiff_t ow, ptrdiff_t *width)
{
    const ptrdiff_t from = ow * r->stride - r->pad, first = from > 0 ? from : 0;
    *width = (from + r->pool < r->in_w ? from + r->pool : r->in_w) - first;
    return first;
}

static void max_pool_row(const fc_row_windows *r, const float *x, float *y)
{
    for (ptrdiff_t ow = 0, width; ow < r->out_w; ow++, y += r->c) {
        const float *from = x + row_window(r, ow, &width) * r->c;
        if (width == 3 && r->fresh)
            max_pool_row_of(3, 1, r->c, from, y);
        else if (width == 3)
            max_pool_row_of(3, 0, r->c, from, y);
        else if (r->fresh)
            max_pool_row_of(width, 1, r->c, from, y);
        else
            max_pool_row_of(width, 0, r->c, from, y);
    }
}

static void max_pool_row_backward(const fc_row_windows *r, const float *x, const float *y, float *dy, float *dx)
{
    for (ptrdiff_t ow = 0, width; ow < r->out_w; ow++, y += r->c, dy += r->c) {
        const ptrdiff_t at = row_window(r, ow, &width) * r->c;
        if (width == 3)
            max_pool_row_backward_of(3, r->c, x + at, y, dy, dx + at);
        else
            max_pool_row_backward_of(width, r->c, x + at, y, dy, dx + at);
    }
}
