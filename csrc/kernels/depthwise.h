/* Convolution channel by channel: the channel is the lane, on both sides.
 *
 *     y[l][p][i] = bias[i] + Σ_{fh, fw} x[l·x_line + p·x_pixel + fh·x_row + fw·x_tap + i] · w[fh·w_row + fw·w_tap + i]
 *     dw[fh][fw][i] += Σ_{l, p} the same x · dy[l][p][i]
 *
 * for a rectangle of pixels (l, p) whose windows hold the same taps; i < c. A tile is LINE pixels of two vectors of channels,
 * which are a line of the cache; of dw up to 3 × 3 taps of one vector. Every y is one chain of multiply-adds in order of
 * (fh, fw), whatever the tile; every dw one in order of (l, p), added at the end. */

#define LINE 6 /* pixels: twelve sums and two weights, x from memory */
#define LOAD(p) (whole ? v_load(p) : v_load_tail((p), left))

static inline __attribute__((always_inline)) void depthwise_tile(const int height, const int nv, const int whole,
                                                                 const fc_rectangle *t, ptrdiff_t left, const float *x,
                                                                 const float *w, const float *bias, float *y)
{
    vf acc[LINE][2];
    const ptrdiff_t x_pixel = t->x_pixel, y_pixel = t->y_pixel;
#pragma GCC unroll 6
    for (int i = 0; i < height; i++)
#pragma GCC unroll 2
        for (int j = 0; j < nv; j++) acc[i][j] = bias ? LOAD(bias + j * V) : v_zero();
    for (ptrdiff_t fh = 0; fh < t->taps_h; fh++) {
        const float *xr = x + fh * t->x_row, *wr = w + fh * t->w_row;
        for (ptrdiff_t fw = 0; fw < t->taps_w; fw++, xr += t->x_tap, wr += t->w_tap) {
            vf wk[2];
#pragma GCC unroll 2
            for (int j = 0; j < nv; j++) wk[j] = LOAD(wr + j * V);
#pragma GCC unroll 6
            for (int i = 0; i < height; i++)
#pragma GCC unroll 2
                for (int j = 0; j < nv; j++) acc[i][j] = v_fma(LOAD(xr + i * x_pixel + j * V), wk[j], acc[i][j]);
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < height; i++)
#pragma GCC unroll 2
        for (int j = 0; j < nv; j++) {
            if (whole)
                v_store(y + i * y_pixel + j * V, acc[i][j]);
            else
                v_store_tail(y + i * y_pixel + j * V, left, acc[i][j]);
        }
}

/* One line of pixels for nv vectors of channels, or for the last few of them. */
static inline __attribute__((always_inline)) void depthwise_line(const int nv, const int whole, const fc_rectangle *t, ptrdiff_t left,
                                                                 const float *x, const float *w, const float *bias, float *y)
{
    const ptrdiff_t tiles = (t->pixels + LINE - 1) / LINE, least = t->pixels / tiles; /* 8 are 4 + 4 rather than 6 + 2 */
    ptrdiff_t longer = t->pixels % tiles;
    for (ptrdiff_t i = 0; i < tiles; i++, longer--) {
        const ptrdiff_t height = least + (longer > 0);
        switch (height) {
        case 1: depthwise_tile(1, nv, whole, t, left, x, w, bias, y); break;
        case 2: depthwise_tile(2, nv, whole, t, left, x, w, bias, y); break;
        case 3: depthwise_tile(3, nv, whole, t, left, x, w, bias, y); break;
        case 4: depthwise_tile(4, nv, whole, t, left, x, w, bias, y); break;
        case 5: depthwise_tile(5, nv, whole, t, left, x, w, bias, y); break;
        default: depthwise_tile(LINE, nv, whole, t, left, x, w, bias, y);
        }
        x += height * t->x_pixel, y += height * t->y_pixel;
    }
}

static void depthwise(const fc_rectangle *t, const float *x, const float *w, const float *bias, float *y)
{
    for (ptrdiff_t i = 0; i < t->c;) {
        const ptrdiff_t left = t->c - i, n = left >= 2 * V ? 2 * V : V;
        for (ptrdiff_t l = 0; l < t->lines; l++) {
            const float *at = x + l * t->x_line + i, *b = bias ? bias + i : NULL;
            float *to = y + l * t->y_line + i;
            if (left >= 2 * V)
                depthwise_line(2, 1, t, left, at, w + i, b, to);
            else if (left >= V)
                depthwise_line(1, 1, t, left, at, w + i, b, to);
            else
                depthwise_line(1, 0, t, left, at, w + i, b, to);
        }
        i += n;
    }
}

static inline __attribute__((always_inline)) void depthwise_taps(const int th, const int tw, const int whole, const fc_rectangle *t,
                                                                 ptrdiff_t left, const float *x, const float *dy, float *dw)
{
    vf acc[3][3];
    const ptrdiff_t x_row = t->x_row, x_tap = t->x_tap;
#pragma GCC unroll 3
    for (int h = 0; h < th; h++)
#pragma GCC unroll 3
        for (int w = 0; w < tw; w++) acc[h][w] = v_zero();
    for (ptrdiff_t l = 0; l < t->lines; l++) {
        const float *xp = x + l * t->x_line, *g = dy + l * t->y_line;
        for (ptrdiff_t p = 0; p < t->pixels; p++, xp += t->x_pixel, g += t->y_pixel) {
            const vf d = LOAD(g);
#pragma GCC unroll 3
            for (int h = 0; h < th; h++)
#pragma GCC unroll 3
                for (int w = 0; w < tw; w++) acc[h][w] = v_fma(LOAD(xp + h * x_row + w * x_tap), d, acc[h][w]);
        }
    }
#pragma GCC unroll 3
    for (int h = 0; h < th; h++)
#pragma GCC unroll 3
        for (int w = 0; w < tw; w++) {
            float *to = dw + h * t->w_row + w * t->w_tap;
            if (whole)
                v_store(to, v_add(v_load(to), acc[h][w]));
            else
                v_store_tail(to, left, v_add(v_load_tail(to, left), acc[h][w]));
        }
}

#undef LOAD

static void depthwise_weights(const fc_rectangle *t, const float *x, const float *dy, float *dw)
{
    for (ptrdiff_t i = 0; i < t->c; i += V)
        for (ptrdiff_t h = 0; h < t->taps_h; h += 3)
            for (ptrdiff_t w = 0; w < t->taps_w; w += 3) {
                const ptrdiff_t left = t->c - i, th = t->taps_h - h, tw = t->taps_w - w;
                const float *at = x + h * t->x_row + w * t->x_tap + i;
                float *to = dw + h * t->w_row + w * t->w_tap + i;
                switch ((th < 3 ? th : 3) * 10 + (tw < 3 ? tw : 3)) {
#define TAPS(H, W) \
    case H * 10 + W: \
        if (left >= V) \
            depthwise_taps(H, W, 1, t, left, at, dy + i, to); \
        else \
            depthwise_taps(H, W, 0, t, left, at, dy + i, to); \
        break;
                    TAPS(1, 1) TAPS(1, 2) TAPS(1, 3)
                    TAPS(2, 1) TAPS(2, 2) TAPS(2, 3)
                    TAPS(3, 1) TAPS(3, 2) TAPS(3, 3)
#undef TAPS
                }
            }
}

/* y[i·times + m] = x[i] */
static void repeat(ptrdiff_t n, ptrdiff_t times, const float *x, float *y)
{
    switch (times) {
    case 2:
        for (ptrdiff_t i = 0; i < n; i++) y[2 * i] = y[2 * i + 1] = x[i];
        break;
    default:
        for (ptrdiff_t i = 0; i < n; i++, y += times)
            for (ptrdiff_t m = 0; m < times; m++) y[m] = x[i];
    }
}

/* y[i] = Σ_m x[i·times + m] */
static void fold(ptrdiff_t n, ptrdiff_t times, const float *x, float *y)
{
    for (ptrdiff_t i = 0; i < n; i++, x += times) {
        float sum = x[0];
        for (ptrdiff_t m = 1; m < times; m++) sum += x[m];
        y[i] = sum;
    }
}
