/* The zero edge of an image: a copy of the rows at hand, where they reach beyond it. */
#include "conv2d.h"

const float *fc_conv2d_padded(const float *x, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, ptrdiff_t row0, ptrdiff_t rows,
                              ptrdiff_t col0, ptrdiff_t cols, float *copy, ptrdiff_t *row_step)
{
    if (row0 >= 0 && row0 + rows <= h && col0 >= 0 && col0 + cols <= w) {
        *row_step = w * c;
        return x + (row0 * w + col0) * c;
    }
    *row_step = cols * c;
    const ptrdiff_t left = fc_min(cols, fc_max(0, -col0)), from = fc_max(0, col0);
    const ptrdiff_t inside = fc_max(0, fc_min(w - from, cols - left));
    for (ptrdiff_t r = 0; r < rows; r++) {
        float *d = copy + r * cols * c;
        if (row0 + r < 0 || row0 + r >= h || inside == 0) {
            memset(d, 0, (size_t)(cols * c) * sizeof *d);
            continue;
        }
        memset(d, 0, (size_t)(left * c) * sizeof *d);
        memcpy(d + left * c, x + ((row0 + r) * w + from) * c, (size_t)(inside * c) * sizeof *d);
        memset(d + (left + inside) * c, 0, (size_t)((cols - left - inside) * c) * sizeof *d);
    }
    return copy;
}
