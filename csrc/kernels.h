/* The kernel table: name and signature of every kernel, the one contract between ops and ISAs. */
#ifndef FC_KERNELS_H
#define FC_KERNELS_H
#include "fastcnn.h"
#include "sizes.h"

#define FC_MAX_MR 12
#define FC_MAX_NR 32
#define FC_FEW 4 /* rows of gemm's smallest tile; where MR is larger than twice as many, there is one of these, too */
#define FC_LINE 16  /* floats of a line of the cache */
#define FC_CHAIN 96 /* multiply-adds of a chain, at most, of several */
#define FC_ONE_CHAIN 150 /* that one takes alone, of up to FC_FEW_RUNS: LeNet-5's third layer, 5 × 5 on 6 channels */
#define FC_FEW_RUNS 5    /* 7 × 7 on RGB are two chains: what those layers round GoogLeNet's others enlarge */

/* How runs of products are summed, in chains of multiply-adds that are added up:
 *
 *     Σ_k a_k·b_k = (chain 0 + chain 1) + chain 2 + …
 *
 * A chain's rounding errors grow with the root of its length. Chains end where runs of products do, or cut a long run into pieces; as
 * few of them as there can be, all but the last equally long. Whoever sums as many runs of as many products gets the same bits. */
typedef struct {
    ptrdiff_t runs, length; /* so many whole runs make a chain, or one is cut into pieces of `length` */
    int many;               /* is there more than one chain? */
} fc_chains;

/* Of runs of len products, chains of up to `most`; 0: FC_CHAIN, or FC_ONE_CHAIN where one chain of few runs is enough. */
static inline fc_chains fc_chains_of(ptrdiff_t runs, ptrdiff_t len, ptrdiff_t most)
{
    if (!most) most = runs <= FC_FEW_RUNS && runs * len <= FC_ONE_CHAIN ? FC_ONE_CHAIN : FC_CHAIN;
    if (runs * len <= most) return (fc_chains){runs, len, 0};
    if (len > most) return (fc_chains){1, fc_balanced(len, most), 1};
    const ptrdiff_t together = fc_balanced(runs, most / len);
    return (fc_chains){together, len, together < runs};
}

/* C[i][j] (+)= Σ_r Σ_k A_i[run[r] + k·a_step] · B[(r·len + k)·b_step + j],  i < m ≤ MR, j < n ≤ NR.
 * Rows a[m…MR) must be readable (repeat a[0]); B rows must hold a whole number of vectors (zero filled).
 * The sums start from the row `bias` (NULL: 0); accumulate: they are added to C, else they replace it. */
typedef struct {
    const float *a[FC_MAX_MR];
    float *c[FC_MAX_MR];
} fc_rows;

typedef struct {
    const ptrdiff_t *run;
    ptrdiff_t runs, len, a_step, b_step;
    fc_chains chains;
} fc_inner;

/* What is wanted next and may come to L2 meanwhile: `lines` lines of the cache, `each` with a product, of_row of a row. */
typedef struct {
    const float *p;
    ptrdiff_t lines, each, of_row, row; /* floats from row to row */
} fc_ahead;

/* Rows of bytes, as in fc_rows. */
typedef struct {
    const uint8_t *a[FC_MAX_MR];
    float *c[FC_MAX_MR];
} fc_byte_rows;

/* Winograd's products of some tiles with filters of 3 × 3 that are transformed on the way, for one vector of output channels j:
 * M[p][tile][j] (+)= Σ_c V[p][tile][c]·U[p][c][j]. Steps in floats: of V and M from tile to tile, from p to p. */
typedef struct {
    ptrdiff_t tiles, channels; /* tiles · t ≤ the vectors of a gemm tile */
    const float *v;
    ptrdiff_t v_row, v_step;
    float *m;
    ptrdiff_t m_row, m_step;
    int accumulate;
} fc_products;

/* Products in lanes (kernels/lanes.h). Steps in floats: of A from run to run, from k to k, from row to row; of B from run to
 * run, from k to k (a vector, where lanes are images), from pixel to pixel; of C from pixel to pixel. */
typedef struct {
    ptrdiff_t runs, len;
    fc_chains chains;
    ptrdiff_t a_run, a_step, a_row, b_run, b_step, b_pixel, c_pixel;
} fc_lanes;

/* Taps of a filter in lanes, each with some channels. Steps in floats: from tap to tap, and of x and y from pixel to pixel. */
typedef struct {
    ptrdiff_t rows, cols, channels;
    ptrdiff_t row, col, x_pixel, y_pixel;
} fc_taps;

/* Rows and columns of pixels, of an image in lanes among others. Steps in floats. */
typedef struct {
    const float *p;
    ptrdiff_t row, pixel;
} fc_plane;

/* A window of a channel-last image for pooling: h × w pixels, `row` floats from one row to the next, `step` to the next pixel. */
typedef struct {
    ptrdiff_t h, w, row, step, c;
    int fresh; /* backward: no other window reaches these pixels, so dx is set, not added to */
} fc_window;

/* The windows of one row of outputs, as far as they reach into a row of in_w pixels: window ow is pixels
 * ow·stride − pad … + pool, clipped. */
typedef struct {
    ptrdiff_t out_w, in_w, pool, stride, pad, c;
    int fresh; /* forward: y is set, else the maximum of y and the row */
} fc_row_windows;

/* Floats of squares (or products) of a block of pixels that normalization takes together, and its scratch. */
#define FC_LRN_BLOCK 1024

static inline ptrdiff_t fc_lrn_scratch(ptrdiff_t c, ptrdiff_t below, ptrdiff_t above)
{
    const ptrdiff_t edge = (below > above ? below : above) + FC_MAX_NR, step = c + edge + FC_MAX_NR;
    return 2 * ((step > FC_LRN_BLOCK ? step : FC_LRN_BLOCK) + edge);
}

/* Weights in fewer bits lie in panels of FC_PANEL columns, row by row, the last one filled with zeros to a multiple of
 * FC_PANEL_PAD. A column has a scale for the rows of a block (int8 only). */
#define FC_PANEL 64
#define FC_PANEL_PAD 16

/* What changes from step to step of an optimizer: the learning rate, Adam's factor of it, and the gradient's factor. */
typedef struct {
    float rate, correction, factor;
} fc_rates;

/* A rectangle of pixels, lines × pixels, whose windows hold the same taps of a convolution channel by channel. Steps in floats:
 * of x and y from line to line and from pixel to pixel, of x and w from tap to tap down and across. */
typedef struct {
    ptrdiff_t lines, pixels, c;
    ptrdiff_t x_line, x_pixel, y_line, y_pixel;
    ptrdiff_t taps_h, taps_w, x_row, x_tap, w_row, w_tap;
} fc_rectangle;

/* Philox key and the high counter words of a dropout, and what to do with the words. */
typedef struct {
    uint64_t seed, step;
    fc_dropout dropout;
} fc_random;

/* Of the kernels of FC_OPTIMIZER_LIST. w, dw: [n]; state: FC_STATES arrays of n, or NULL. */
#define FC_OPTIMIZER (const fc_optimizer *o, const fc_rates *rates, ptrdiff_t n, float *w, const float *dw, \
                      float *const *state)

#define FC_KERNEL_LIST(X)                                                                                             \
    X(void, gemm, (ptrdiff_t m, ptrdiff_t n, const fc_rows *rows, const fc_inner *in, const float *b,                 \
                   const float *bias, int accumulate))                                                                \
    X(void, gemm_ahead, (ptrdiff_t m, ptrdiff_t n, const fc_rows *rows, const fc_inner *in, const float *b,           \
                         const float *bias, int accumulate, const fc_ahead *next))                                    \
    X(void, pack, (ptrdiff_t k, ptrdiff_t n, const float *src, ptrdiff_t k_step, float *dst))                         \
    X(void, gemv, (ptrdiff_t k, ptrdiff_t n, const float *x, const float *w, ptrdiff_t ldw, float *y))                \
    X(void, dots, (ptrdiff_t rows, ptrdiff_t n, const float *w, ptrdiff_t ldw, const float *x, float *y))             \
    X(void, outer, (ptrdiff_t rows, ptrdiff_t n, const float *x, const float *y, float *w, ptrdiff_t ldw))            \
    X(void, half_pack, (fc_format format, ptrdiff_t k, ptrdiff_t n, const float *w, ptrdiff_t ldw, void *half,         \
                        ptrdiff_t step, float *scales))                                                               \
    X(void, half_unpack, (fc_format format, ptrdiff_t k, ptrdiff_t n, const void *half, ptrdiff_t step,               \
                          const float *scales, float *w, ptrdiff_t ldw))                                              \
    X(void, half_gemv, (fc_format format, ptrdiff_t k, ptrdiff_t n, const float *x, const void *half, ptrdiff_t step, \
                        const float *scales, const float *bias, int accumulate, float *y))                            \
    X(void, quantize, (ptrdiff_t n, const float *x, float inverse, float low, float high, float *y, uint8_t *bytes))   \
    X(void, int8_gemm, (ptrdiff_t m, ptrdiff_t n, const fc_byte_rows *rows, const fc_inner *in, const int8_t *b,      \
                        const int32_t *start, const float *scale, const float *bias))                                 \
    X(void, to_lanes, (ptrdiff_t images, ptrdiff_t n, const float *x, ptrdiff_t step, float *y, ptrdiff_t y_step))     \
    X(void, from_lanes, (ptrdiff_t images, ptrdiff_t n, const float *x, float *y, ptrdiff_t step))                    \
    X(void, lanes_gemm, (ptrdiff_t m, ptrdiff_t pixels, const fc_lanes *in, const float *a, const float *b,           \
                         const float *bias, float *c))                                                                \
    X(void, lanes_outer, (ptrdiff_t m, ptrdiff_t n, ptrdiff_t rows, ptrdiff_t cols, const fc_plane *x,                \
                          const fc_plane *dy, float *dw, ptrdiff_t step))                                             \
    X(void, lanes_dot, (const fc_taps *taps, const ptrdiff_t *at, const float *w, const float *bias, ptrdiff_t pixels, \
                        const float *x, float *y))                                                                    \
    X(void, lanes_taps, (ptrdiff_t taps, ptrdiff_t step, ptrdiff_t two, ptrdiff_t rows, ptrdiff_t cols,               \
                         const fc_plane *x, const fc_plane *dy, float *dw, ptrdiff_t dw_step))                        \
    X(void, lanes_sum, (ptrdiff_t rows, ptrdiff_t n, const float *x, float *y))                                       \
    X(void, activate, (fc_activation f, float alpha, ptrdiff_t n, const float *x, float *y))                          \
    X(void, activate_sum, (fc_activation f, float alpha, ptrdiff_t n, const float *x, float *y))                      \
    X(void, activate_backward, (fc_activation f, float alpha, ptrdiff_t n, const float *y, const float *dy,           \
                                float *dx))                                                                           \
    X(void, prelu, (ptrdiff_t n, const float *x, const float *a, float *y))                                           \
    X(void, prelu_backward, (ptrdiff_t n, const float *x, const float *a, const float *dy, float *dx))                \
    X(void, prelu_weights, (ptrdiff_t rows, ptrdiff_t n, const float *x, const float *dy, float *da))                 \
    X(void, maxout, (ptrdiff_t n, ptrdiff_t group, const float *x, float *y))                                         \
    X(void, maxout_backward, (ptrdiff_t n, ptrdiff_t group, const float *x, const float *dy, float *dx))              \
    X(void, add, (ptrdiff_t n, const float *x, float *y))                                                             \
    X(void, merge, (fc_kind kind, const fc_merge *by, ptrdiff_t n, const float *x, const float *z, float *y))         \
    X(void, merge_backward, (fc_kind kind, float factor, int second, ptrdiff_t n, const float *x, const float *z,     \
                             const float *dy, float *dx))                                                             \
    X(void, blend, (ptrdiff_t n, float a, const float *x, float b, const float *z, float *y))                         \
    X(void, rescale, (ptrdiff_t n, const float *x, const float *mean, const float *scale, const float *offset,        \
                      float *y))                                                                                      \
    X(void, sum_rows, (ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t n, const fc_plane *x, float *y))                     \
    X(void, scale_rows, (ptrdiff_t rows, ptrdiff_t n, const float *x, const float *w, const float *b, float *y))      \
    X(void, sum_products, (ptrdiff_t rows, ptrdiff_t n, const float *x, const float *dy, float *dw))                  \
    X(void, rbf, (ptrdiff_t n, ptrdiff_t units, const float *x, const float *w, float *y))                            \
    X(void, rbf_backward, (ptrdiff_t n, ptrdiff_t units, const float *x, const float *w, const float *dy, float *dx)) \
    X(void, rbf_weights, (ptrdiff_t n, float dy, const float *x, const float *w, float *dw))                          \
    X(void, rbf_curvature, (ptrdiff_t n, ptrdiff_t units, const float *x, const float *w, const float *h, float start, \
                            float *hx))                                                                               \
    X(void, square, (ptrdiff_t n, const float *x, float *y))                                                          \
    X(void, max_pool, (const fc_window *win, const float *x, float *y))                                               \
    X(void, max_pool_backward, (const fc_window *win, const float *x, const float *dy, float *dx))                    \
    X(void, avg_pool, (const fc_window *win, float scale, const float *x, float *y))                                  \
    X(void, pool_planes, (int most, ptrdiff_t n, const float *x, const float *below, ptrdiff_t next, float *y))       \
    X(void, avg_pool_backward, (const fc_window *win, float scale, const float *dy, float *dx))                       \
    X(void, max_pool_row, (const fc_row_windows *r, const float *x, float *y))                                        \
    X(void, max_pool_row_backward, (const fc_row_windows *r, const float *x, const float *y, float *dy, float *dx))   \
    X(void, soft_pool, (const fc_window *win, const float *x, float *y))                                              \
    X(void, soft_pool_backward, (const fc_window *win, const float *x, const float *dy, float *dx))                   \
    X(void, lp_pool, (const fc_window *win, float p, const float *x, float *y))                                       \
    X(void, lp_pool_backward, (const fc_window *win, float p, const float *x, const float *dy, float *dx))            \
    X(void, lrn, (const fc_lrn *lrn, ptrdiff_t pixels, ptrdiff_t c, const float *x, float *y, float *f, float *w,     \
                  float *scratch))                                                                                    \
    X(void, lrn_backward, (const fc_lrn *lrn, ptrdiff_t pixels, ptrdiff_t c, int relu, const float *x,                \
                           const float *f, const float *w, const float *dy, float *dx, float *scratch))               \
    X(void, depthwise, (const fc_rectangle *t, const float *x, const float *w, const float *bias, float *y))               \
    X(void, depthwise_weights, (const fc_rectangle *t, const float *x, const float *dy, float *dw))                        \
    X(void, repeat, (ptrdiff_t n, ptrdiff_t times, const float *x, float *y))                                         \
    X(void, fold, (ptrdiff_t n, ptrdiff_t times, const float *x, float *y))                                           \
    X(void, sum_squared_rows, (ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t step, float *y))                \
    X(void, lrn_row, (const fc_lrn *lrn, ptrdiff_t n, ptrdiff_t c, const float *e, const float *x, float *y))         \
    X(void, lrn_row_terms, (const fc_lrn *lrn, ptrdiff_t n, ptrdiff_t c, const float *e, const float *x,              \
                            const float *dy, float *dx, float *t))                                                    \
    X(void, lrn_row_backward, (const fc_lrn *lrn, ptrdiff_t n, ptrdiff_t c, const float *e, const float *x, float *dx)) \
    X(void, norm_offset, (ptrdiff_t rows, ptrdiff_t n, const float *x, const float *from, float *y))                  \
    X(void, norm_spread, (ptrdiff_t rows, ptrdiff_t n, const float *x, const float *mean, float *y))                  \
    X(void, norm, (ptrdiff_t rows, ptrdiff_t n, const float *x, const float *mean, const float *scale,                \
                   const float *shift, float *y))                                                                     \
    X(void, norm_sums, (ptrdiff_t rows, ptrdiff_t n, const float *x, const float *dy, const float *mean, float *s,    \
                        float *t))                                                                                    \
    X(void, norm_backward, (ptrdiff_t rows, ptrdiff_t n, const float *x, const float *dy, const float *mean,          \
                            const float *scale, const float *k, const float *l, float *dx))                           \
    X(void, group_norm_backward, (ptrdiff_t rows, ptrdiff_t n, const float *x, const float *dy, const float *mean,    \
                                  const float *scale, const float *k, const float *l, float *dx))                     \
    X(void, layer_norm, (ptrdiff_t rows, ptrdiff_t n, float epsilon, const float *x, const float *w, const float *b,  \
                         float *y))                                                                                   \
    X(void, layer_norm_backward, (ptrdiff_t rows, ptrdiff_t n, float epsilon, const float *x, const float *dy,        \
                                  const float *w, float *dx))                                                         \
    X(void, layer_norm_weights, (ptrdiff_t rows, ptrdiff_t n, float epsilon, const float *x, const float *dy,         \
                                 float *dw, float *db))                                                               \
    X(void, norm_scale, (ptrdiff_t rows, ptrdiff_t n, const float *x, const float *scale, float *y))                  \
    X(void, softmax, (ptrdiff_t rows, ptrdiff_t c, const float *x, float *y))                                         \
    X(void, log_softmax, (ptrdiff_t rows, ptrdiff_t c, const float *x, float *y))                                     \
    X(void, softmax_backward, (ptrdiff_t rows, ptrdiff_t c, const float *y, const float *dy, float *dx))              \
    X(void, log_softmax_backward, (ptrdiff_t rows, ptrdiff_t c, const float *y, const float *dy, float *dx))          \
    X(void, philox, (uint64_t block, uint64_t high, uint64_t key, uint32_t out[4]))                                    \
    X(void, dropout, (const fc_random *key, uint64_t first, ptrdiff_t n, const float *x, float *y))                   \
    X(void, dropped_backward, (float scale, ptrdiff_t n, const float *y, float *dy))                                  \
    X(void, keep_channels, (ptrdiff_t pixels, ptrdiff_t c, const float *factor, const float *x, float *y))            \
    X(void, gaussian_noise, (uint64_t seed, uint64_t step, float stddev, uint64_t first, ptrdiff_t n, const float *x, \
                             float *y))                                                                               \
    X(void, winograd_input, (ptrdiff_t t, ptrdiff_t n, const float *const *x, float *v, ptrdiff_t step))              \
    X(void, winograd_filter, (ptrdiff_t t, ptrdiff_t taps, ptrdiff_t n, const float *const *w, float *u,              \
                              ptrdiff_t step))                                                                        \
    X(void, winograd_output, (ptrdiff_t t, ptrdiff_t out, ptrdiff_t n, const float *p, ptrdiff_t step,                \
                              const float *bias, int relu, float *const *y))                                          \
    X(void, winograd_products, (ptrdiff_t t, const fc_products *q, const float *w, const float *next))                \
    X(void, winograd_row_input, (ptrdiff_t t, ptrdiff_t n, const float *const *x, float *v, ptrdiff_t step))          \
    X(void, winograd_row_filter, (ptrdiff_t t, ptrdiff_t taps, ptrdiff_t n, const float *const *w, float *u,          \
                                  ptrdiff_t step))                                                                    \
    X(void, winograd_row_output, (ptrdiff_t t, ptrdiff_t out, ptrdiff_t n, const float *p, ptrdiff_t step,            \
                                  const float *bias, int lanes, float *const *y))                                     \
    X(double, sum_squares, (const fc_optimizer *o, ptrdiff_t n, const float *w, const float *dw))                     \
    X(double, penalty, (float l1, float l2, ptrdiff_t n, const float *w))                                             \
    X(void, convert_pixels, (ptrdiff_t n, const uint8_t *x, const float *mean, const float *scale, const float *shift, \
                             int accumulate, float *y))                                                               \
    X(unsigned, flush_denormals, (void))                                                                              \
    X(void, restore_denormals, (unsigned mode))

typedef struct {
    const char *isa;
    ptrdiff_t v, mr, nr; /* floats per vector, rows and columns of the gemm tile */
    int bytes;           /* is there an int8_gemm? */
#define X(type, name, args) type(*name) args;
    FC_KERNEL_LIST(X)
#undef X
#define X(kind, name) void(*name) FC_OPTIMIZER;
    FC_OPTIMIZER_LIST(X)
#undef X
} fc_kernels;

extern const fc_kernels fc_kernels_scalar, fc_kernels_avx2, fc_kernels_avx512, fc_kernels_neon;
extern const fc_kernels fc_kernels_plain4, fc_kernels_plain16, fc_kernels_simde; /* for tests */
extern const fc_kernels *fc_k; /* the active table */
const fc_kernels *fc_isa_table(int i); /* the table of a level, for tests and benchmarks */

#endif
