/* Convolution by Winograd's algorithm: F(4×4, 3×3), F(5×5, 3×3) and F(4×4, 5×5), forward, data and weights.
 *
 *     y tile = Aᵀ [ Σ_ic U[ic][oc] ⊙ V[ic] ] A,   U = G w Gᵀ (packed), V = Bᵀ x B           (kernels/winograd.h)
 *
 * For each of the t² products p, the tiles of a block are the rows of one matrix product: V[p] [tiles][ic] × U[p] [ic][oc]
 * → M[p] [tiles][oc], with t² multiply-adds for m² outputs: 36 for 16 or 49 for 25 (3×3: direct takes 9 each), 64 for 16 (5×5: 25
 * each). DATA is the same with dy for x and the taps turned round. WEIGHTS: dw = Aᵀ [ Σ_tiles V[p]ᵀ [ic][tiles] × Z[p]
 * [tiles][oc] ] A, Z = G dy Gᵀ.
 * A strided convolution (AlexNet's first: 11×11, stride 4, 3 channels) becomes one of stride 1 by *space to depth*: a block of
 * stride × stride pixels is one pixel of stride²·in_c channels, the filter ⌈11/4⌉ = 3 wide.
 *
 * Error against float64, of max|y|, on AlexNet's layers: 36 products 1e-6 … 3e-6, 49 products 2e-6 … 5e-6, 64 products 4e-6 … 6e-6
 * (direct: 1e-6). NaN and infinity in an image reach all of the m × m tiles whose window holds them.
 * Threads: FORWARD and DATA by (image, rows of tiles, columns); an item's result does not depend on the others in its range. WEIGHTS by
 * blocks of (group, ic, oc), each summing over all images. */
#include "conv2d.h"

#define TILES 72          /* of a block, at most: rows of the products, a multiple of MR = 6 (eight images of 13×13) */
#define IMAGES 4          /* that a chunk should hold: packed weights are read once for all of them; more would cost memory */
#define MOST_OUT 5        /* outputs of a tile, each way */
#define DEPTH_6 192       /* products summed in one go: shorter sums round less, which larger tiles need: */
#define DEPTH 96          /* conv2's data gradient has half the error that it had with sums of 256 */
#define COLUMNS 96        /* output channels taken together: M[p] in L2 */
#define WEIGHTS_IN 128    /* channels of a block of weights */
#define WEIGHTS_OUT 96
#define WORTH 0.6         /* products, as a part of direct's, from which it is not worth while */
#define LEAST 16          /* channels on either side */
#define ITEMS 4           /* into which an image is cut, at least, for threads to share it */

/* A stride-1 convolution in tiles: FORWARD's, or DATA's with the roles exchanged. */
typedef struct {
    ptrdiff_t taps, m, t;              /* m × m outputs of t × t tiles */
    ptrdiff_t h, w, c;                 /* the image the tiles are cut from (after space to depth) */
    ptrdiff_t out_h, out_w, out_c;
    ptrdiff_t pad_h, pad_w, groups;
    ptrdiff_t tiles_h, tiles_w;
    ptrdiff_t rows;                    /* of tiles, in a block */
    ptrdiff_t images;                  /* in a block; 1 unless it has all rows */
    ptrdiff_t columns, column_blocks;  /* of a group, taken together; how many of them */
} geometry;

static int spread(const fc_op *op) { return op->u.conv2d.stride_h > 1 || op->u.conv2d.stride_w > 1; }

/* 4, or 5 where that takes fewer products: 13×13 outputs are 3×3 tiles of 49 or 4×4 of 36. */
static ptrdiff_t best_tile(ptrdiff_t taps, ptrdiff_t h, ptrdiff_t w)
{
    const double four = 36.0 * (double)(fc_ceil_div(h, 4) * fc_ceil_div(w, 4));
    const double five = 49.0 * (double)(fc_ceil_div(h, 5) * fc_ceil_div(w, 5));
    return taps == 3 && five < four ? 5 : 4;
}

static geometry get_geometry(const fc_op *op, fc_pass pass)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t sh = o->stride_h, sw = o->stride_w;
    geometry k = {.taps = fc_ceil_div(o->filter_h, sh), .groups = o->groups};
    if (pass == FC_DATA) {
        k.h = op->out_h, k.w = op->out_w, k.c = op->out_c;
        k.out_h = op->in_h, k.out_w = op->in_w, k.out_c = op->in_c;
        k.pad_h = k.taps - 1 - o->pad_top, k.pad_w = k.taps - 1 - o->pad_left;
    } else {
        k.out_h = op->out_h, k.out_w = op->out_w, k.out_c = op->out_c;
        k.h = op->in_h, k.w = op->in_w, k.c = op->in_c, k.pad_h = o->pad_top, k.pad_w = o->pad_left;
        if (spread(op)) k.h = k.out_h + k.taps - 1, k.w = k.out_w + k.taps - 1, k.c *= sh * sw, k.pad_h = k.pad_w = 0;
    }
    k.m = best_tile(k.taps, k.out_h, k.out_w), k.t = k.m + k.taps - 1;
    k.tiles_h = fc_ceil_div(k.out_h, k.m), k.tiles_w = fc_ceil_div(k.out_w, k.m);
    k.rows = fc_balanced(k.tiles_h, TILES / k.tiles_w);
    k.images = k.rows < k.tiles_h || spread(op) ? 1 : fc_max(1, TILES / (k.tiles_h * k.tiles_w));
    const ptrdiff_t columns = k.out_c / k.groups, items = k.groups * fc_ceil_div(k.tiles_h, k.rows);
    k.columns = fc_min(COLUMNS, fc_ceil_div(columns, fc_ceil_div(ITEMS, items)));
    k.columns = fc_round_up(fc_balanced(columns, k.columns), fc_k->nr);
    k.column_blocks = fc_ceil_div(columns, k.columns);
    return k;
}

static ptrdiff_t tiles_of(const geometry *k) { return k->rows * k->tiles_w * k->images; }

/* Floats from one product to the next, one line more than needed: t² streams must not meet in one set of the cache. */
static ptrdiff_t product_step(ptrdiff_t rows, ptrdiff_t row) { return fc_round_up(rows * row, 16) + 16; }

/* Scratch of one block. */
typedef struct {
    float *zero, *image, *v, *m;
    ptrdiff_t v_row, v_step, m_row, m_step, size;
} layout;

static layout get_layout(const fc_op *op, const geometry *k, ptrdiff_t in, ptrdiff_t out, float *scratch)
{
    const ptrdiff_t tiles = fc_round_up(tiles_of(k), fc_k->mr), products = k->t * k->t;
    layout s = {.v_row = fc_round_up(in, fc_k->v), .m_row = fc_round_up(out, fc_k->nr)};
    s.v_step = product_step(tiles, s.v_row), s.m_step = product_step(tiles, s.m_row);
    s.zero = scratch;
    s.image = s.zero + fc_round_up(fc_max(in, out), 16);
    s.v = s.image + (spread(op) ? fc_round_up((k->rows * k->m + k->taps - 1) * k->w * k->c, 16) : 0);
    s.m = s.v + products * s.v_step;
    s.size = s.m + products * s.m_step - scratch;
    return s;
}

static ptrdiff_t weights_in(const geometry *k) { return fc_balanced(k->c / k->groups, WEIGHTS_IN); }
static ptrdiff_t weights_out(const geometry *k)
{
    return fc_round_up(fc_balanced(k->out_c / k->groups, WEIGHTS_OUT), fc_k->nr);
}

static int suits(const fc_op *op, const geometry *k)
{
    const fc_conv2d *o = &op->u.conv2d;
    const double products = (double)(k->t * k->t * k->tiles_h * k->tiles_w) * (double)k->c;
    const double direct = (double)(o->filter_h * o->filter_w) * (double)(op->out_h * op->out_w) * (double)op->in_c;
    return k->c / k->groups >= LEAST && k->out_c / k->groups >= LEAST && products < WORTH * direct;
}

void fc_winograd_init(fc_op *op)
{
    fc_conv2d *o = &op->u.conv2d;
    o->winograd = 0;
    if (o->dilation_h > 1 || o->dilation_w > 1 || o->stride_h != o->stride_w || o->filter_h != o->filter_w) return;
    if (spread(op) && o->groups > 1) return;
    const ptrdiff_t taps = fc_ceil_div(o->filter_h, o->stride_h);
    if ((taps != 3 && taps != 5) || (double)op->in_size + (double)op->out_size > 1e8) return;
    const geometry k = get_geometry(op, FC_FORWARD);
    const ptrdiff_t products = k.t * k.t, nr = fc_k->nr;
    if (suits(op, &k)) {
        o->winograd |= 1 << FC_FORWARD | 1 << FC_WEIGHTS;
        op->images = fc_min(k.images, IMAGES);
        op->packed_size = products * k.c * fc_round_up(k.out_c / k.groups, nr);
        op->scratch = fc_max(op->scratch, get_layout(op, &k, k.c / k.groups, k.columns, NULL).size);
        const ptrdiff_t in = weights_in(&k), out = weights_out(&k);
        op->scratch = fc_max(op->scratch, get_layout(op, &k, in, out, NULL).size + products * product_step(in, out));
    }
    const geometry d = get_geometry(op, FC_DATA);
    if (!spread(op) && d.pad_h >= 0 && d.pad_w >= 0 && suits(op, &d)) {
        o->winograd |= 1 << FC_DATA;
        op->packed_t_size = d.t * d.t * d.c * fc_round_up(d.out_c / d.groups, nr);
        op->scratch = fc_max(op->scratch, get_layout(op, &d, d.c / d.groups, d.columns, NULL).size);
    }
}

int fc_winograd_serves(const fc_op *op, fc_pass pass) { return op->u.conv2d.winograd >> pass & 1; }

const char *fc_op_algorithm(const fc_op *op, fc_pass pass)
{
    if (op->kind == FC_CONV2D_TRANSPOSE) {
        const fc_op conv = fc_conv2d_transposed(op);
        return fc_op_algorithm(&conv, pass == FC_FORWARD ? FC_DATA : pass == FC_DATA ? FC_FORWARD : pass);
    }
    if (op->kind == FC_CONV2D && fc_depthwise_serves(op, pass)) return "depthwise";
    if (op->kind != FC_CONV2D || !fc_winograd_serves(op, pass)) return "direct";
    static const char *const names[] = {"F(4×4, 3×3)", "space to depth, F(4×4, 3×3)", "F(5×5, 3×3)",
                                        "space to depth, F(5×5, 3×3)", "F(4×4, 5×5)", "space to depth, F(4×4, 5×5)"};
    const geometry k = get_geometry(op, pass);
    return names[(k.taps == 5 ? 4 : k.m == 5 ? 2 : 0) + spread(op)];
}

static ptrdiff_t weight_blocks(const geometry *k)
{
    return k->groups * fc_ceil_div(k->c / k->groups, weights_in(k)) * fc_ceil_div(k->out_c / k->groups, weights_out(k));
}

ptrdiff_t fc_winograd_items(const fc_op *op, fc_pass pass)
{
    const geometry k = get_geometry(op, pass);
    return pass == FC_WEIGHTS ? weight_blocks(&k) : fc_ceil_div(k.tiles_h, k.rows) * k.groups * k.column_blocks;
}

/* The filter's tap (th, tw) of channel `ic` after space to depth, for output channels from `oc`; −1: there is none. */
static ptrdiff_t tap_at(const fc_op *op, ptrdiff_t th, ptrdiff_t tw, ptrdiff_t ic, ptrdiff_t oc)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t icg = op->in_c / o->groups, residue = ic / icg;
    const ptrdiff_t fh = th * o->stride_h + residue / o->stride_w, fw = tw * o->stride_w + residue % o->stride_w;
    if (fh >= o->filter_h || fw >= o->filter_w) return -1;
    return ((fh * o->filter_w + fw) * icg + ic % icg) * op->out_c + oc;
}

/* packed [group][column tile][product][channel][NR] */
void fc_winograd_pack(const fc_op *op, fc_pass pass, const float *w, float *packed, ptrdiff_t item)
{
    const geometry k = get_geometry(op, pass);
    const ptrdiff_t nr = fc_k->nr, in = k.c / k.groups, out = k.out_c / k.groups, tiles = fc_ceil_div(out, nr);
    const ptrdiff_t g = item / tiles, j = item % tiles * nr, n = fc_min(nr, out - j);
    float taps[5 * 5 * FC_MAX_NR];
    static const float zero[FC_MAX_NR];
    const float *at[25];
    packed += item * k.t * k.t * in * nr;
    for (ptrdiff_t c = 0; c < in; c++, packed += nr) {
        for (ptrdiff_t i = 0; i < k.taps * k.taps; i++) {
            const ptrdiff_t th = i / k.taps, tw = i % k.taps;
            if (pass == FC_FORWARD) {
                const ptrdiff_t from = tap_at(op, th, tw, c, g * out + j);
                at[i] = from < 0 ? zero : w + from;
                continue;
            }
            const float *from = w + tap_at(op, k.taps - 1 - th, k.taps - 1 - tw, j, g * in + c);
            for (ptrdiff_t l = 0; l < n; l++) taps[i * nr + l] = from[l * op->out_c];
            at[i] = taps + i * nr;
        }
        fc_k->winograd_filter(k.t, k.taps, n, at, packed, in * nr);
    }
}

/* Rows [row, row + rows) of x after space to depth, zero beyond the image; channel (sh, sw, c). */
static void space_to_depth(const fc_op *op, const geometry *k, const float *x, ptrdiff_t row, ptrdiff_t rows, float *to)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t line = o->stride_w * op->in_c; /* floats of one image row in one pixel */
    memset(to, 0, (size_t)(rows * k->w * k->c) * sizeof *to);
    for (ptrdiff_t r = 0; r < rows; r++, to += k->w * k->c)
        for (ptrdiff_t sh = 0; sh < o->stride_h; sh++) {
            const ptrdiff_t ih = (row + r) * o->stride_h + sh - o->pad_top;
            if (ih < 0 || ih >= op->in_h) continue;
            const float *from = x + ih * op->in_w * op->in_c;
            for (ptrdiff_t p = 0; p < k->w; p++) {
                const ptrdiff_t iw = p * o->stride_w - o->pad_left;
                const ptrdiff_t first = fc_max(0, -iw), last = fc_min(o->stride_w, op->in_w - iw);
                if (first < last)
                    memcpy(to + p * k->c + sh * line + first * op->in_c, from + (iw + first) * op->in_c,
                           (size_t)((last - first) * op->in_c) * sizeof *to);
            }
        }
}

/* A block of tiles: `rows` rows from `row` of `images` images from `image`. */
typedef struct {
    ptrdiff_t image, images, row, rows;
} block;

/* V of channels [c, c + n): the transformed tiles of a block. */
static void input_tiles(const fc_op *op, const geometry *k, const layout *s, const fc_buf *from, const fc_work *work,
                        const block *b, ptrdiff_t c, ptrdiff_t n)
{
    const float *at[64];
    float *v = s->v;
    for (ptrdiff_t image = b->image; image < b->image + b->images; image++) {
        const float *x = fc_row(from, image, work);
        const ptrdiff_t row0 = b->row * k->m - k->pad_h;
        ptrdiff_t skipped = 0;
        if (spread(op)) {
            space_to_depth(op, k, x, row0, fc_min(b->rows * k->m + k->taps - 1, k->h - row0), s->image);
            x = s->image, skipped = row0;
        }
        for (ptrdiff_t th = 0; th < b->rows; th++)
            for (ptrdiff_t tw = 0; tw < k->tiles_w; tw++, v += s->v_row) {
                for (ptrdiff_t i = 0; i < k->t; i++)
                    for (ptrdiff_t j = 0; j < k->t; j++) {
                        const ptrdiff_t h = row0 + th * k->m + i, w = tw * k->m - k->pad_w + j;
                        const int inside = h >= 0 && h < k->h && w >= 0 && w < k->w;
                        at[i * k->t + j] = inside ? x + ((h - skipped) * k->w + w) * k->c + c : s->zero;
                    }
                fc_k->winograd_input(k->t, n, at, v, s->v_step);
            }
    }
}

/* M[p] = V[p] × U[p] for columns [j, j + n) of a group. */
static void multiply(const geometry *k, const layout *s, ptrdiff_t tiles, ptrdiff_t in, const float *packed, ptrdiff_t j,
                     ptrdiff_t n)
{
    static const ptrdiff_t run[1] = {0};
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr, products = k->t * k->t;
    const ptrdiff_t depth = fc_balanced(in, k->t == 6 ? DEPTH_6 : DEPTH);
    for (ptrdiff_t p = 0; p < products; p++)
        for (ptrdiff_t t = 0; t < n; t += nr)
            for (ptrdiff_t d = 0; d < in; d += depth) {
                const float *u = packed + (((j + t) / nr * products + p) * in + d) * nr;
                const fc_inner inner = {run, 1, fc_min(depth, in - d), 1, nr};
                for (ptrdiff_t i = 0; i < tiles; i += mr) {
                    fc_rows rows;
                    for (ptrdiff_t r = 0; r < mr; r++) {
                        rows.a[r] = s->v + p * s->v_step + (i + r) * s->v_row + d;
                        rows.c[r] = s->m + p * s->m_step + (i + r) * s->m_row + t;
                    }
                    fc_k->gemm(fc_min(mr, tiles - i), fc_min(nr, n - t), &rows, &inner, u, NULL, d > 0);
                }
            }
}

/* The output pixels of a tile from channel c on; NULL outside the image. */
static void output_pixels(const geometry *k, float *y, ptrdiff_t th, ptrdiff_t tw, ptrdiff_t c, float **at)
{
    for (ptrdiff_t i = 0; i < k->m; i++)
        for (ptrdiff_t j = 0; j < k->m; j++) {
            const ptrdiff_t h = th * k->m + i, w = tw * k->m + j;
            at[i * k->m + j] = h < k->out_h && w < k->out_w ? y + (h * k->out_w + w) * k->out_c + c : NULL;
        }
}

static void output_tiles(const geometry *k, const layout *s, const fc_buf *to, const fc_work *work, const block *b,
                         ptrdiff_t c, ptrdiff_t n, const float *bias, fc_activation activation, float alpha)
{
    float *at[MOST_OUT * MOST_OUT];
    const float *m = s->m;
    for (ptrdiff_t image = b->image; image < b->image + b->images; image++)
        for (ptrdiff_t th = b->row; th < b->row + b->rows; th++)
            for (ptrdiff_t tw = 0; tw < k->tiles_w; tw++, m += s->m_row) {
                output_pixels(k, fc_row(to, image, work), th, tw, c, at);
                fc_k->winograd_output(k->t, k->m, n, m, s->m_step, bias ? bias + c : NULL, activation == FC_RELU, at);
                if (activation == FC_RELU || activation == FC_LINEAR) continue;
                for (ptrdiff_t i = 0; i < k->m * k->m; i++)
                    if (at[i]) fc_k->activate(activation, alpha, n, at[i], at[i]);
            }
}

/* What FORWARD and DATA share. */
typedef struct {
    const fc_buf *from, *to;
    const float *packed, *bias;
    fc_activation activation;
} product;

/* Column blocks [first, last), counted through all groups, of one block of tiles. */
static void run_block(const fc_op *op, const geometry *k, const product *q, const fc_work *work, const block *b,
                      ptrdiff_t first, ptrdiff_t last)
{
    const ptrdiff_t in = k->c / k->groups, out = k->out_c / k->groups;
    const layout s = get_layout(op, k, in, k->columns, work->scratch);
    memset(s.zero, 0, (size_t)in * sizeof(float));
    for (ptrdiff_t item = first; item < last; item++) {
        const ptrdiff_t g = item / k->column_blocks, j = item % k->column_blocks * k->columns;
        const ptrdiff_t n = fc_min(k->columns, out - j);
        if (item == first || j == 0) input_tiles(op, k, &s, q->from, work, b, g * in, in);
        multiply(k, &s, b->images * b->rows * k->tiles_w, in,
                 q->packed + g * fc_round_up(out, fc_k->nr) * in * k->t * k->t, j, n);
        output_tiles(k, &s, q->to, work, b, g * out + j, n, q->bias, q->activation, op->alpha);
    }
}

/* Items (image, block of rows, column block); whole images are taken together as far as a block reaches. */
static void run_items(const fc_op *op, const geometry *k, const product *q, const fc_work *work)
{
    const ptrdiff_t all = k->groups * k->column_blocks, row_blocks = fc_ceil_div(k->tiles_h, k->rows);
    for (ptrdiff_t item = work->first; item < work->last;) {
        const ptrdiff_t rest = item % all, row = item / all % row_blocks * k->rows;
        block b = {item / all / row_blocks, 1, row, fc_min(k->rows, k->tiles_h - row)};
        if (rest == 0 && k->images > 1) b.images = fc_max(1, fc_min(k->images, (work->last - item) / all));
        const ptrdiff_t count = fc_min(all - rest, work->last - item);
        run_block(op, k, q, work, &b, rest, rest + count);
        item += b.images > 1 ? b.images * all : count;
    }
}

void fc_winograd_forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const geometry k = get_geometry(op, FC_FORWARD);
    const product q = {&io->x, &io->y, io->packed, io->b, op->activation};
    run_items(op, &k, &q, work);
}

void fc_winograd_data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation)
{
    const geometry k = get_geometry(op, FC_DATA);
    const product q = {&io->dy, &io->dx, io->packed_t, bias, activation};
    run_items(op, &k, &q, work);
}

/* Z of output channels [c, c + n): dy's tiles as filters of m × m taps. */
static void gradient_tiles(const geometry *k, const layout *s, const fc_buf *dy, const fc_work *work, const block *b,
                           ptrdiff_t c, ptrdiff_t n)
{
    float *pixels[MOST_OUT * MOST_OUT];
    const float *at[MOST_OUT * MOST_OUT];
    float *z = s->m;
    for (ptrdiff_t image = b->image; image < b->image + b->images; image++)
        for (ptrdiff_t th = b->row; th < b->row + b->rows; th++)
            for (ptrdiff_t tw = 0; tw < k->tiles_w; tw++, z += s->m_row) {
                output_pixels(k, fc_row(dy, image, work), th, tw, c, pixels);
                for (ptrdiff_t i = 0; i < k->m * k->m; i++) at[i] = pixels[i] ? pixels[i] : s->zero;
                fc_k->winograd_filter(k->t, k->m, n, at, z, s->m_step);
            }
}

/* sum[p] (+)= V[p]ᵀ × Z[p] */
static void accumulate(const geometry *k, const layout *s, ptrdiff_t tiles, ptrdiff_t in, ptrdiff_t out, float *sum,
                       ptrdiff_t sum_step, int add)
{
    static const ptrdiff_t run[1] = {0};
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr;
    const fc_inner inner = {run, 1, tiles, s->v_row, s->m_row};
    for (ptrdiff_t p = 0; p < k->t * k->t; p++)
        for (ptrdiff_t j = 0; j < out; j += nr)
            for (ptrdiff_t i = 0; i < in; i += mr) {
                fc_rows rows;
                for (ptrdiff_t r = 0; r < mr; r++) {
                    const ptrdiff_t row = fc_min(i + r, in - 1);
                    rows.a[r] = s->v + p * s->v_step + row;
                    rows.c[r] = sum + p * sum_step + row * s->m_row + j;
                }
                fc_k->gemm(fc_min(mr, in - i), fc_min(nr, out - j), &rows, &inner, s->m + p * s->m_step + j, NULL, add);
            }
}

void fc_winograd_weights(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t item, ptrdiff_t from, ptrdiff_t to,
                         float *dw, float *db)
{
    const geometry k = get_geometry(op, FC_WEIGHTS);
    const ptrdiff_t in = weights_in(&k), out = weights_out(&k), icg = k.c / k.groups, ocg = k.out_c / k.groups;
    const ptrdiff_t across = fc_ceil_div(ocg, out), down = fc_ceil_div(icg, in), g = item / (across * down);
    const ptrdiff_t c0 = item / across % down * in, j0 = item % across * out;
    const ptrdiff_t n = fc_min(in, icg - c0), columns = fc_min(out, ocg - j0), oc = g * ocg + j0;
    const layout s = get_layout(op, &k, in, out, work->scratch);
    float *sum = work->scratch + s.size, *at[25];
    const ptrdiff_t sum_step = product_step(in, s.m_row);
    memset(s.zero, 0, (size_t)fc_max(in, out) * sizeof(float));
    for (ptrdiff_t image = from; image < to; image += k.images)
        for (ptrdiff_t row = 0; row < k.tiles_h; row += k.rows) {
            const block b = {image, fc_min(k.images, to - image), row, fc_min(k.rows, k.tiles_h - row)};
            input_tiles(op, &k, &s, &io->x, work, &b, g * icg + c0, n);
            gradient_tiles(&k, &s, &io->dy, work, &b, oc, columns);
            accumulate(&k, &s, b.images * b.rows * k.tiles_w, n, columns, sum, sum_step, image > from || row > 0);
        }
    for (ptrdiff_t c = 0; c < n; c++) {
        for (ptrdiff_t i = 0; i < k.taps * k.taps; i++) {
            const ptrdiff_t tap = tap_at(op, i / k.taps, i % k.taps, c0 + c, oc);
            at[i] = tap < 0 ? NULL : dw + tap;
        }
        fc_k->winograd_output(k.t, k.taps, columns, sum + c * s.m_row, sum_step, NULL, 0, at);
    }
    if (!db || c0 > 0) return;
    memset(db + oc, 0, (size_t)columns * sizeof *db);
    for (ptrdiff_t image = from; image < to; image++)
        fc_k->sum_rows(op->out_h * op->out_w, columns, fc_row(&io->dy, image, work) + oc, op->out_c, db + oc);
}
