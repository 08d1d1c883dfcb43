/* Convolution by Winograd's algorithm: F(4×4, 3×3), F(5×5, 3×3), F(3×3, 4×4), F(3×3, 5×5) and F(4×4, 5×5), forward and data;
 * weights: conv2d_winograd_weights.c.
 *
 *     y tile = Aᵀ [ Σ_ic U[ic][oc] ⊙ V[ic] ] A,   U = G w Gᵀ (packed), V = Bᵀ x B           (kernels/winograd.h)
 *
 * For each of the t² products p, the tiles of a block are the rows of one matrix product: V[p] [tiles][ic] × U[p] [ic][oc]
 * → M[p] [tiles][oc], with t² multiply-adds for m² outputs: 36 for 16 or 49 for 25 (3×3: direct takes 9 each), 36 for 9 (4×4: 16
 * each), 49 for 9 or 64 for 16 (5×5: 25 each). DATA is the same with dy for x and the taps turned round. Strided
 * convolutions: conv2d_tiles.c.
 *
 * A single image of few tiles needs U once. Where all of U would be read from memory, t² / 9 times the weights, an op for single
 * images (fc_set_alone) packs them as they are, and each row of U is made in registers, where it is needed. The sums are the same.
 *
 * Error against float64 on 5,000 random layers (tests/long.py): below 1e-5 of max|y|, 2e-6 in the 2-norm (F(4×4, 5×5): 2.7e-6). For
 * that tiles of 7 × 7 and 8 × 8, which enlarge what sums round, are summed in shorter chains (direct: 1e-6, 3e-7).
 * NaN and infinity in an image reach all of the m × m tiles whose window holds them.
 * Threads: by (image, rows of tiles, columns); an item's result does not depend on the others in its range. */
#include "conv2d_tiles.h"

#define IMAGES 4          /* that a chunk should hold: packed weights are read once for all of them; more would cost memory */
#define WORTH 0.6         /* products, as a part of direct's, from which it is not worth while */
#define LEAST 16          /* channels on either side */
#define LEAST_SPREAD 12   /* of space to depth: the first layers of ResNets and GoogLeNet, 7×7 of RGB in steps of 2 */
#define CACHED 131072     /* floats of U that stay near a core: 512 KiB */
#define FEW 3             /* times as many tiles as the kernel takes at once, for which U is then made each time */

static int suits(const fc_op *op, const fc_tiling *k)
{
    const fc_conv2d *o = &op->u.conv2d;
    const double products = (double)(k->t * k->t * k->tiles_h * k->tiles_w) * (double)k->c;
    const double direct = (double)(o->filter_h * o->filter_w) * (double)(op->out_h * op->out_w) * (double)op->in_c;
    return k->c / k->groups >= (fc_is_spread(op) ? LEAST_SPREAD : LEAST) && k->out_c / k->groups >= LEAST && products < WORTH * direct;
}

static int fits(const fc_op *op, fc_pass pass)
{
    const fc_conv2d *o = &op->u.conv2d;
    if (o->exact || o->dilation_h > 1 || o->dilation_w > 1 || o->stride_h != o->stride_w || o->filter_h != o->filter_w) return 0;
    if (fc_is_spread(op) && (o->groups > 1 || pass == FC_DATA)) return 0;
    const ptrdiff_t taps = fc_ceil_div(o->filter_h, o->stride_h);
    if (taps == 4 && op->trained && pass == FC_FORWARD) return 0; /* the first layer, whose error GoogLeNet's others enlarge */
    if (taps < 3 || taps > 5 || (double)op->in_size + (double)op->out_size > 1e8) return 0;
    const fc_tiling k = fc_get_tiling(op, pass);
    return (pass != FC_DATA || (k.pad_h >= 0 && k.pad_w >= 0)) && suits(op, &k);
}

static ptrdiff_t packed_size(const fc_tiling *k, ptrdiff_t numbers, ptrdiff_t vector)
{
    return numbers * k->c * fc_round_up(k->out_c / k->groups, vector);
}

/* Tiles whose products the kernel sums at once: as many vectors as a tile of gemm has. */
static ptrdiff_t most_tiles(const fc_tiling *k) { return fc_k->mr * (fc_k->nr / fc_k->v) / k->t; }

/* Does this op, for single images, transform its filters on the way? */
static int is_on_the_way(const fc_op *op, const fc_tiling *k, fc_pass pass)
{
    return op->alone && pass == FC_FORWARD && k->taps == 3 && !fc_is_spread(op) &&
           k->tiles_h * k->tiles_w <= FEW * most_tiles(k) && packed_size(k, k->t * k->t, fc_k->nr) > CACHED;
}

static fc_status size(fc_op *op, fc_pass pass)
{
    const fc_tiling k = fc_get_tiling(op, pass);
    if (pass == FC_WEIGHTS) {
        op->scratch = fc_max(op->scratch, fc_winograd_weights_scratch(op, &k));
        return FC_OK;
    }
    const ptrdiff_t packed = is_on_the_way(op, &k, pass) ? packed_size(&k, 9, fc_k->v) : packed_size(&k, k.t * k.t, fc_k->nr);
    if (pass == FC_FORWARD)
        op->packed_size = packed, op->images = fc_min(k.images, IMAGES);
    else
        op->packed_t_size = packed;
    op->scratch = fc_max(op->scratch, fc_get_tile_scratch(op, &k, k.c / k.groups, k.columns, NULL).size);
    return FC_OK;
}

static const char *variant(const fc_op *op, fc_pass pass)
{
    static const char *const names[][2] = {{"F(5×5, 3×3)", "space to depth, F(5×5, 3×3)"},
                                           {"F(4×4, 3×3)", "space to depth, F(4×4, 3×3)"},
                                           {"F(3×3, 4×4)", "space to depth, F(3×3, 4×4)"},
                                           {"F(3×3, 5×5)", "space to depth, F(3×3, 5×5)"},
                                           {"F(4×4, 5×5)", "space to depth, F(4×4, 5×5)"}};
    const fc_tiling k = fc_get_tiling(op, pass);
    return names[k.m == 5 ? 0 : k.t == 8 ? 4 : k.taps - 2][fc_is_spread(op)];
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    const fc_tiling k = fc_get_tiling(op, pass);
    return pass == FC_WEIGHTS ? fc_winograd_weight_blocks(op, &k) : fc_ceil_div(k.tiles_h, k.rows) * k.groups * k.column_blocks;
}

/* Columns of a tile of packed weights. */
static ptrdiff_t columns_of(const fc_op *op, const fc_tiling *k, fc_pass pass)
{
    return is_on_the_way(op, k, pass) ? fc_k->v : fc_k->nr;
}

static ptrdiff_t pack_items(const fc_op *op, fc_pass pass)
{
    const fc_tiling k = fc_get_tiling(op, pass);
    return k.groups * fc_ceil_div(k.out_c / k.groups, columns_of(op, &k, pass));
}

/* packed [group][column tile][channel][tap][V] */
static void pack_taps(const fc_op *op, const fc_tiling *k, const float *w, ptrdiff_t n, float *packed)
{
    const ptrdiff_t in = k->c / k->groups;
    for (ptrdiff_t i = 0; i < 9; i++)
        for (ptrdiff_t c = 0; c < in; c++)
            for (ptrdiff_t l = 0; l < fc_k->v; l++)
                packed[(c * 9 + i) * fc_k->v + l] = l < n ? w[(i * in + c) * op->out_c + l] : 0.0f;
}

/* packed [group][column tile][product][channel][NR] */
static void pack(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t item, float *packed, float *scratch)
{
    (void)scratch;
    const fc_tiling k = fc_get_tiling(op, pass);
    const ptrdiff_t nr = columns_of(op, &k, pass), in = k.c / k.groups, out = k.out_c / k.groups, tiles = fc_ceil_div(out, nr);
    const ptrdiff_t g = item / tiles, j = item % tiles * nr, n = fc_min(nr, out - j);
    if (is_on_the_way(op, &k, pass)) {
        pack_taps(op, &k, io->w + g * out + j, n, packed + item * 9 * in * nr);
        return;
    }
    float taps[5 * 5 * FC_MAX_NR];
    static const float zero[FC_MAX_NR];
    const float *at[25];
    packed += item * k.t * k.t * in * nr;
    for (ptrdiff_t c = 0; c < in; c++, packed += nr) {
        for (ptrdiff_t i = 0; i < k.taps * k.taps; i++) {
            const ptrdiff_t th = i / k.taps, tw = i % k.taps;
            if (pass == FC_FORWARD) {
                const ptrdiff_t from = fc_filter_tap(op, th, tw, c, g * out + j);
                at[i] = from < 0 ? zero : io->w + from;
                continue;
            }
            const float *from = io->w + fc_filter_tap(op, k.taps - 1 - th, k.taps - 1 - tw, j, g * in + c);
            for (ptrdiff_t l = 0; l < n; l++) taps[i * nr + l] = from[l * op->out_c];
            at[i] = taps + i * nr;
        }
        fc_k->winograd_filter(k.t, k.taps, n, at, packed, in * nr);
    }
}

/* M[p] = V[p] × U[p] for columns [j, j + n) of a group. */
static void multiply(const fc_tiling *k, const fc_tile_scratch *s, ptrdiff_t tiles, ptrdiff_t in, const float *packed,
                     ptrdiff_t j, ptrdiff_t n)
{
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr, products = k->t * k->t;
    static const ptrdiff_t run[1] = {0};
    const fc_inner inner = {run, 1, in, 1, nr, fc_chains_of(1, in, fc_tile_chain(k))};
    for (ptrdiff_t p = 0; p < products; p++)
        for (ptrdiff_t t = 0; t < n; t += nr) {
            const float *u = packed + ((j + t) / nr * products + p) * in * nr;
            for (ptrdiff_t i = 0; i < tiles; i += mr) {
                fc_rows rows;
                for (ptrdiff_t r = 0; r < mr; r++) {
                    rows.a[r] = s->v + p * s->v_step + (i + r) * s->v_row;
                    rows.c[r] = s->m + p * s->m_step + (i + r) * s->m_row + t;
                }
                fc_k->gemm(fc_min(mr, tiles - i), fc_min(nr, n - t), &rows, &inner, u, NULL, 0);
            }
        }
}

/* The same of filters that are transformed on the way. */
static void multiply_on_the_way(const fc_tiling *k, const fc_tile_scratch *s, ptrdiff_t tiles, ptrdiff_t in, const float *packed,
                                ptrdiff_t j, ptrdiff_t n)
{
    const ptrdiff_t v = fc_k->v, depth = fc_balanced(in, fc_tile_chain(k)), most = most_tiles(k);
    const float *w = packed + j * 9 * in;
    for (ptrdiff_t t = 0; t < n; t += v)
        for (ptrdiff_t d = 0; d < in; d += depth) {
            const ptrdiff_t channels = fc_min(depth, in - d), last = t + v >= n && d + depth >= in;
            const float *next = last ? w : w + channels * 9 * v;
            for (ptrdiff_t i = 0; i < tiles; i += most) {
                const fc_products q = {fc_min(most, tiles - i), channels, s->v + i * s->v_row + d, s->v_row, s->v_step,
                                       s->m + i * s->m_row + t, s->m_row, s->m_step, d > 0};
                fc_k->winograd_products(k->t, &q, w, next);
            }
            w = next;
        }
}

/* What FORWARD and DATA share. */
typedef struct {
    const fc_buf *from, *to, *sum; /* sum: added to `to`; NULL: nothing */
    const float *packed, *bias;
    ptrdiff_t packed_size;
    int on_the_way; /* filters are transformed, not packed so */
    fc_activation activation;
} product;

static void output_tiles(const fc_tiling *k, const fc_tile_scratch *s, const product *q, const fc_work *work,
                         const fc_tile_block *b, ptrdiff_t c, ptrdiff_t n, float alpha)
{
    const fc_activation activation = q->activation;
    const int relu = activation == FC_RELU && !q->sum;
    float *at[FC_MOST_OUT * FC_MOST_OUT];
    const float *m = s->m;
    for (ptrdiff_t image = b->image; image < b->image + b->images; image++)
        for (ptrdiff_t th = b->row; th < b->row + b->rows; th++)
            for (ptrdiff_t tw = 0; tw < k->tiles_w; tw++, m += s->m_row) {
                float *y = fc_row(q->to, image, work);
                fc_output_pixels(k, y, th, tw, c, at);
                fc_k->winograd_output(k->t, k->m, n, m, s->m_step, q->bias ? q->bias + c : NULL, relu, at);
                if (relu || (activation == FC_LINEAR && !q->sum)) continue;
                const float *x2 = q->sum ? fc_row(q->sum, image, work) : NULL;
                for (ptrdiff_t i = 0; i < k->m * k->m; i++)
                    if (at[i] && x2)
                        fc_k->activate_sum(activation, alpha, n, x2 + (at[i] - y), at[i]);
                    else if (at[i])
                        fc_k->activate(activation, alpha, n, at[i], at[i]);
            }
}

/* Column blocks [first, last), counted through all groups, of one block of tiles. */
static void run_block(const fc_op *op, const fc_tiling *k, const product *q, const fc_work *work, const fc_tile_block *b,
                      ptrdiff_t first, ptrdiff_t last)
{
    const ptrdiff_t in = k->c / k->groups, out = k->out_c / k->groups;
    const fc_tile_scratch s = fc_get_tile_scratch(op, k, in, k->columns, work->scratch);
    memset(s.zero, 0, (size_t)in * sizeof(float));
    for (ptrdiff_t item = first; item < last; item++) {
        const ptrdiff_t g = item / k->column_blocks, j = item % k->column_blocks * k->columns;
        const ptrdiff_t n = fc_min(k->columns, out - j);
        if (item == first || j == 0) fc_input_tiles(op, k, &s, q->from, work, b, g * in, in);
        const ptrdiff_t tiles = b->images * b->rows * k->tiles_w;
        (q->on_the_way ? multiply_on_the_way : multiply)(k, &s, tiles, in, q->packed + g * (q->packed_size / k->groups), j, n);
        output_tiles(k, &s, q, work, b, g * out + j, n, op->alpha);
    }
}

/* Items (image, block of rows, column block); whole images are taken together as far as a block reaches. */
static void run_items(const fc_op *op, const fc_tiling *k, const product *q, const fc_work *work)
{
    const ptrdiff_t all = k->groups * k->column_blocks, row_blocks = fc_ceil_div(k->tiles_h, k->rows);
    for (ptrdiff_t item = work->first; item < work->last;) {
        const ptrdiff_t rest = item % all, row = item / all % row_blocks * k->rows;
        fc_tile_block b = {item / all / row_blocks, 1, row, fc_min(k->rows, k->tiles_h - row)};
        if (rest == 0 && k->images > 1) b.images = fc_max(1, fc_min(k->images, (work->last - item) / all));
        const ptrdiff_t count = fc_min(all - rest, work->last - item);
        run_block(op, k, q, work, &b, rest, rest + count);
        item += b.images > 1 ? b.images * all : count;
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_tiling k = fc_get_tiling(op, FC_FORWARD);
    const product q = {&io->x, &io->y, op->sums ? &io->x2 : NULL, io->packed, io->b, op->packed_size,
                       is_on_the_way(op, &k, FC_FORWARD), op->activation};
    run_items(op, &k, &q, work);
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation)
{
    const fc_tiling k = fc_get_tiling(op, FC_DATA);
    const product q = {&io->dy, &io->dx, NULL, io->packed_t, bias, op->packed_t_size, 0, activation};
    run_items(op, &k, &q, work);
}

const fc_conv2d_algorithm fc_conv2d_winograd = {
    .variant = variant, .fits = fits, .size = size, .items = items, .pack_items = pack_items, .pack = pack, .forward = forward,
    .data = data, .weights = fc_winograd_weights, .add = fc_winograd_add,
};
