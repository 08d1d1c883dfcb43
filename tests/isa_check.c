/* Checks one instruction set against the scalar kernels without Python, for other compilers, and for machines reached by
 * cross-compiler and emulator (.ci/emulators). Small integers must agree bit for bit; transcendental functions within
 * 4e-6 of the largest value, convolutions by Winograd's algorithm within 1e-5. The last line has a sum of all the bits that
 * both made, which every compiler's check must print alike.
 * Usage: isa_check ISA [PART]: of the problems of each kind, one in PART. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

static uint32_t state = 1;
static uint32_t next(uint32_t n) { return (state = state * 1664525u + 1013904223u, (state >> 8) % n); }

/* Each place in the text has numbers of its own: in which order arguments are computed is the compiler's choice.
 * After a `next` they are others. */
#define draw(n) drawn(__COUNTER__ * 0x9e3779b9u, n)
static uint32_t drawn(uint32_t place, uint32_t n)
{
    uint32_t bits = state * 0x85ebca6bu + place;
    bits = (bits ^ bits >> 16) * 0x7feb352du;
    bits = (bits ^ bits >> 15) * 0x846ca68bu;
    return (bits ^ bits >> 16) % n;
}

static float *array(ptrdiff_t n, int integers)
{
    float *p = malloc(((size_t)n + 64) * sizeof *p);
    for (ptrdiff_t i = 0; i < n + 64; i++) p[i] = integers ? (float)next(9) - 4.0f : (float)next(20001) / 1000.0f - 10.0f;
    return p;
}

static double worst;
static uint32_t part = 1;
static uint64_t bits;

static void add_bits(const float *p, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, p + i, 4);
        bits = (bits ^ (p[i] == p[i] ? word : 0)) * 1099511628211u; /* NaN is NaN */
    }
}

static void must(fc_status status)
{
    if (status == FC_OK) return;
    printf("an op was refused: status %d\n", (int)status);
    exit(3);
}

static int32_t table[2 * 14 * 30]; /* of make_tabled's last op */

/* All passes of one op under one level: y, dx, dw, db one after the other in `out`. */
static ptrdiff_t run_op(const char *isa, fc_op (*make)(uint32_t), uint32_t seed, int integers, float **out)
{
    if (fc_select_isa(isa) != FC_OK) {
        printf("%s cannot run here\n", isa);
        exit(2);
    }
    const fc_op op = make(seed);
    const ptrdiff_t batch = 3, size = op.w_size + op.b_size, total = batch * (op.out_size + op.in_size) + size;
    state = seed * 77u + 5u;
    float *x = array(batch * op.in_size, integers), *dy = array(batch * op.out_size, integers), *w = array(size, integers);
    float *y = *out = calloc((size_t)total + 64, sizeof *y), *dx = y + batch * op.out_size, *dw = dx + batch * op.in_size;
    fc_io io = {.x = {.p = x, .size = op.in_size}, .y = {.p = y, .size = op.out_size}};
    io.dy = (fc_buf){.p = dy, .size = op.out_size}, io.dx = (fc_buf){.p = dx, .size = op.in_size};
    io.w = op.w_size ? w : NULL, io.b = op.b_size ? w + op.w_size : NULL, io.dw = dw, io.db = op.b_size ? dw + op.w_size : NULL;
    io.packed = array(op.packed_size, 1), io.packed_t = array(op.packed_t_size, 1), io.partial = array(batch * op.partial, 1);
    io.moving_mean = array(op.in_c, 1), io.moving_variance = array(op.in_c, 1);
    for (ptrdiff_t i = 0; i < op.in_c; i++) io.moving_variance[i] = fabsf(io.moving_variance[i]);
    io.pixels = (const uint8_t *)x, io.seed = seed, io.table = table;
    const fc_step steps[] = {{0, FC_PACK}, {0, FC_STATISTICS}, {0, FC_COMBINE}, {0, FC_FORWARD}, {0, FC_WEIGHTS}, {0, FC_REDUCE},
                             {0, FC_DATA}};
    fc_phase phases[7];
    for (int i = 0; i < 7; i++) {
        const fc_pass pass = steps[i].pass;
        phases[i] = (fc_phase){i, fc_op_has(&op, pass) && (pass != FC_REDUCE || op.partial), 1, 1};
    }
    fc_program program = {.ops = &op, .io = &io, .steps = steps, .phases = phases, .scratch_size = op.scratch};
    program.scratch = calloc((size_t)op.scratch + 64, sizeof(float));
    fc_run(&program, 0, 7, batch, 1);
    return total;
}

static float *in_lanes(ptrdiff_t batch, ptrdiff_t size) { return array((batch + fc_lanes_width()) * size, 1); }

/* The same of an op in lanes, between to_lanes and from_lanes. */
static ptrdiff_t run_lanes(const char *isa, fc_op (*make)(uint32_t), uint32_t seed, int integers, float **out)
{
    if (fc_select_isa(isa) != FC_OK) {
        printf("%s cannot run here\n", isa);
        exit(2);
    }
    fc_op ops[3] = {{0}, make(seed)};
    must(fc_set_lanes(&ops[1]));
    const ptrdiff_t in = ops[1].in_size, end = ops[1].out_size, size = ops[1].w_size + ops[1].b_size, batch = 1 + seed % 11;
    must(fc_to_lanes_init(&ops[0], &ops[1])), must(fc_from_lanes_init(&ops[2], end));
    const ptrdiff_t total = batch * (end + in) + size;
    state = seed * 77u + 5u;
    float *x = array(batch * in, integers), *dy = array(batch * end, integers), *w = array(size, integers);
    float *y = *out = calloc((size_t)total + 64, sizeof *y), *dx = y + batch * end, *dw = dx + batch * in;
    const fc_buf xl = {.p = in_lanes(batch, ops[1].in_size), .size = ops[1].in_size}, yl = {.p = in_lanes(batch, end), .size = end};
    const fc_buf dxl = {.p = in_lanes(batch, xl.size), .size = xl.size}, dyl = {.p = in_lanes(batch, end), .size = end};
    fc_io io[3] = {{.x = {.p = x, .size = in}, .y = xl, .dy = dxl, .dx = {.p = dx, .size = in}},
                   {.x = xl, .y = yl, .dy = dyl, .dx = dxl},
                   {.x = yl, .y = {.p = y, .size = end}, .dy = {.p = dy, .size = end}, .dx = dyl}};
    io[1].w = w, io[1].b = ops[1].b_size ? w + ops[1].w_size : NULL;
    io[1].table = table, io[1].packed = array(ops[1].packed_size, 1);
    io[1].dw = dw, io[1].db = ops[1].b_size ? dw + ops[1].w_size : NULL;
    io[1].packed_t = array(ops[1].packed_t_size, 1), io[1].partial = array(batch * size, 1);
    const int pack = ops[1].packed_t_size > 0, weighted = ops[1].w_size > 0, reduce = ops[1].partial > 0;
    const fc_step steps[] = {{1, FC_PACK}, {0, FC_FORWARD}, {1, FC_FORWARD}, {2, FC_FORWARD}, {2, FC_DATA}, {1, FC_DATA},
                             {0, FC_DATA}, {1, FC_WEIGHTS}, {1, FC_REDUCE}};
    const ptrdiff_t v = fc_lanes_width();
    const fc_phase phases[] = {{0, pack, v, 1}, {1, 6, v, 0}, {7, weighted, v, 1}, {8, reduce, v, 1}};
    fc_program program = {.ops = ops, .io = io, .steps = steps, .phases = phases, .scratch_size = ops[1].scratch};
    program.scratch = calloc((size_t)ops[1].scratch + 64, sizeof(float));
    fc_run(&program, 0, 4, batch, 1);
    return total;
}

/* A convolution, and pooling behind it, as one op where it can be fused: y. */
static ptrdiff_t run_pooled(const char *isa, fc_op (*make)(uint32_t), uint32_t seed, int integers, float **out)
{
    if (fc_select_isa(isa) != FC_OK) {
        printf("%s cannot run here\n", isa);
        exit(2);
    }
    fc_op ops[2] = {make(seed)};
    const fc_pool2d o = {.pool_h = 2, .pool_w = 2, .stride_h = 2, .stride_w = 2, .dilation_h = 1, .dilation_w = 1, .p = 1};
    const ptrdiff_t batch = 3, middle = ops[0].out_size;
    must(fc_pool2d_init(&ops[1], seed % 2 ? FC_MAX_POOL2D : FC_AVG_POOL2D, ops[0].out_h, ops[0].out_w, ops[0].out_c, &o, 0));
    const int apart = fc_conv2d_set_pool(&ops[0], &ops[1]) != FC_OK;
    state = seed * 77u + 5u;
    float *x = array(batch * ops[0].in_size, integers), *w = array(ops[0].w_size + ops[0].b_size, integers);
    const fc_buf y = {.p = *out = calloc((size_t)(batch * ops[1].out_size) + 64, sizeof *x), .size = ops[1].out_size};
    const fc_buf between = {.p = array(batch * middle, 1), .size = middle};
    fc_io io[2] = {{.x = {.p = x, .size = ops[0].in_size}, .y = apart ? between : y, .w = w}, {.x = between, .y = y}};
    io[0].b = ops[0].b_size ? w + ops[0].w_size : NULL, io[0].packed = array(ops[0].packed_size, 1);
    const fc_step steps[] = {{0, FC_PACK}, {0, FC_FORWARD}, {1, FC_FORWARD}};
    const fc_phase phases[] = {{0, 1, 1, 1}, {1, 1 + apart, 1, 0}};
    fc_program program = {.ops = ops, .io = io, .steps = steps, .phases = phases, .scratch_size = ops[0].scratch};
    program.scratch = calloc((size_t)ops[0].scratch + 64, sizeof(float));
    fc_run(&program, 0, 2, batch, 1);
    return batch * ops[1].out_size;
}

/* A kernel in fewer bits, and a wide dense op that reads it (make's op): the weights restored, of numbers of all magnitudes
 * unless there is a dense op; y. */
static ptrdiff_t run_half(const char *isa, fc_op (*make)(uint32_t), uint32_t seed, int integers, float **out)
{
    if (fc_select_isa(isa) != FC_OK) {
        printf("%s cannot run here\n", isa);
        exit(2);
    }
    const fc_op dense = make(seed);
    fc_op half;
    must(fc_half_weights_init(&half, dense.in_c, dense.out_c, dense.format));
    const ptrdiff_t batch = 1 + seed % 9, total = half.in_size + batch * dense.out_c;
    state = seed * 77u + 5u;
    float *w = array(half.in_size, integers && dense.wide), *x = array(batch * dense.in_c, integers);
    float *b = array(dense.out_c, integers);
    for (ptrdiff_t i = 0; i < half.in_size && !dense.wide; i++) w[i] = ldexpf(w[i], (int)next(34) - 28);
    *out = calloc((size_t)total + 64, sizeof **out);
    fc_io io[2] = {{.x = {.p = w, .size = half.in_size}, .dx = {.p = *out, .size = half.in_size}},
                   {.x = {.p = x, .size = dense.in_c}, .y = {.p = *out + half.in_size, .size = dense.out_c}, .b = b}};
    io[0].half = io[1].half = array(half.half_size, 1), io[0].scales = io[1].scales = array(half.scales_size, 1);
    const fc_op ops[] = {half, dense};
    const fc_step steps[] = {{0, FC_FORWARD}, {0, FC_DATA}, {1, FC_FORWARD}};
    const fc_phase phases[] = {{0, 1, 1, 1}, {1, 1, 1, 1}, {2, dense.wide, 1, 1}};
    fc_program program = {.ops = ops, .io = io, .steps = steps, .phases = phases, .scratch_size = dense.scratch,
                          .scratch = calloc((size_t)dense.scratch + 64, sizeof(float))};
    fc_run(&program, 0, 2, 1, 1);
    fc_run(&program, 2, 1, batch, 1);
    return total;
}

/* A step of an optimizer, its gradient bounded: w and three states one after the other in `out`. */
static ptrdiff_t run_update(const char *isa, fc_op (*make)(uint32_t), uint32_t seed, int integers, float **out)
{
    if (fc_select_isa(isa) != FC_OK) {
        printf("%s cannot run here\n", isa);
        exit(2);
    }
    const fc_op op = make(seed);
    const ptrdiff_t n = op.w_size;
    state = seed * 77u + 5u;
    float *w = *out = array(4 * n, integers), *dw = array(n, integers);
    for (ptrdiff_t i = n; i < 4 * n; i++) w[i] = fabsf(w[i]); /* running means of squares */
    fc_io io = {.w = w, .dw = dw, .state = {w + n, w + 2 * n, w + 3 * n}, .scale = 0.125f, .correction = 0.5f};
    io.partial = array(fc_norm_blocks(n), 1);
    const fc_step steps[] = {{0, FC_REDUCE}, {0, FC_UPDATE}};
    const fc_phase phases[] = {{0, 1, 1, 1}, {1, 1, 1, 1}};
    fc_program program = {.ops = &op, .io = &io, .steps = steps, .phases = phases, .scratch_size = 64,
                          .scratch = calloc(64, sizeof(float))};
    fc_run(&program, 0, 2, 1, 1);
    return 4 * n;
}

typedef ptrdiff_t run_fn(const char *isa, fc_op (*make)(uint32_t), uint32_t seed, int integers, float **out);

/* tolerance, of the largest value; 0: integers, bit for bit */
static void compare(const char *isa, const char *what, run_fn *run, fc_op (*make)(uint32_t), double tolerance, int count)
{
    static uint64_t all;
    int wrong = 0;
    double most = 0;
    bits = 1469598103934665603u;
    for (uint32_t seed = 1; seed <= (uint32_t)count; seed += part) {
        float *a, *b;
        const ptrdiff_t n = run("scalar", make, seed, tolerance == 0, &a);
        run(isa, make, seed, tolerance == 0, &b);
        add_bits(a, n), add_bits(b, n);
        double error = 0, largest = 1e-30;
        for (ptrdiff_t i = 0; i < n; i++) {
            error = fmax(error, fabs((double)a[i] - b[i]));
            largest = fmax(largest, fabs(a[i]));
        }
        wrong += !(error <= tolerance * largest);
        most = fmax(most, error / largest);
    }
    worst = fmax(worst, most);
    printf("%-16s %d problems, %d wrong, largest relative difference %.1e, bits %016llx\n", what,
           (count + (int)part - 1) / (int)part, wrong, most, (unsigned long long)bits);
    bits = all = (all ^ bits) * 1099511628211u;
    if (wrong) exit(1);
}

static fc_op make_conv2d(uint32_t seed)
{
    fc_op op;
    fc_status status;
    state = seed;
    do {
        next(1);
        const ptrdiff_t g = 1 + draw(3);
        const fc_conv2d o = {.filter_h = 1 + draw(4), .filter_w = 1 + draw(4), .stride_h = 1 + draw(3), .stride_w = 1 + draw(3),
                             .dilation_h = 1 + draw(2), .dilation_w = 1 + draw(2), .pad_top = draw(3), .pad_left = draw(3),
                             .groups = g, .exact = 1};
        status = fc_conv2d_init(&op, 3 + draw(14), 3 + draw(14), g * (1 + draw(14)), g * (1 + draw(40)), &o, draw(3),
                                draw(3), draw(2));
    } while (status != FC_OK);
    return op;
}
static fc_op make_depthwise(uint32_t seed)
{
    fc_op op;
    fc_status status;
    state = seed;
    do {
        next(1);
        const ptrdiff_t c = 2 + draw(40);
        const fc_conv2d o = {.filter_h = 1 + draw(4), .filter_w = 1 + draw(4), .stride_h = 1 + draw(3), .stride_w = 1 + draw(3),
                             .dilation_h = 1 + draw(2), .dilation_w = 1 + draw(2), .pad_top = draw(3), .pad_left = draw(3),
                             .groups = c};
        status = fc_conv2d_init(&op, 3 + draw(14), 3 + draw(14), c, c * (1 + draw(3)), &o, draw(3), draw(3), draw(2));
    } while (status != FC_OK);
    return op;
}
static fc_op make_transposed(uint32_t seed)
{
    fc_op op;
    fc_status status;
    state = seed;
    do {
        next(1);
        const ptrdiff_t h = 1 + draw(7), w = 1 + draw(7), fh = 1 + draw(4), fw = 1 + draw(4), sh = 1 + draw(3), sw = 1 + draw(3);
        const ptrdiff_t g = 1 + draw(3);
        const fc_conv2d o = {.filter_h = fh, .filter_w = fw, .stride_h = sh, .stride_w = sw, .dilation_h = 1, .dilation_w = 1,
                             .pad_top = draw(2), .pad_left = draw(2), .groups = g, .exact = 1};
        status = fc_conv2d_transpose_init(&op, h, w, g * (1 + draw(20)), (h - 1) * sh + fh - o.pad_top,
                                          (w - 1) * sw + fw - o.pad_left, g * (1 + draw(20)), &o, 0, 0, draw(2));
    } while (status != FC_OK);
    return op;
}
/* Each output sees some of the inputs, at least one. */
static fc_op make_tabled(uint32_t seed)
{
    fc_op op;
    fc_status status;
    state = seed;
    do {
        next(1);
        fc_conv2d o = {.filter_h = 1 + draw(5), .filter_w = 1 + draw(5), .stride_h = 1, .stride_w = 1, .dilation_h = 1,
                       .dilation_w = 1, .pad_top = draw(4), .pad_left = draw(4), .groups = 1};
        const ptrdiff_t in = 1 + draw(14), out = 1 + draw(30);
        for (int32_t j = 0; j < out; j++) {
            const ptrdiff_t before = o.connections;
            for (int32_t i = 0; i < in; i++)
                if (next(2) || (i == in - 1 && o.connections == before))
                    table[2 * o.connections] = i, table[2 * o.connections++ + 1] = j;
        }
        status = fc_conv2d_init(&op, 1 + draw(14), 1 + draw(14), in, out, &o, draw(4), draw(4), draw(2));
    } while (status != FC_OK);
    return op;
}
static fc_op make_scale(uint32_t seed)
{
    fc_op op;
    state = seed;
    must(fc_scale_init(&op, 1 + draw(9), 1 + draw(9), 1 + draw(40), draw(2)));
    return op;
}
static fc_op make_rbf(uint32_t seed)
{
    fc_op op;
    state = seed;
    must(fc_rbf_init(&op, 1 + draw(90), 1 + draw(20)));
    return op;
}
static fc_op make_distort(uint32_t seed)
{
    fc_op op;
    state = seed;
    const fc_distort d = {.translation = 2, .scaling = 0.2f, .squeezing = 0.1f, .shearing = 0.3f, .mean = 1, .scale = 0.5f};
    must(fc_distort_init(&op, 4 + draw(20), 4 + draw(20), 1, 1 + draw(20), 1 + draw(20), &d));
    return op;
}
static fc_op make_winograd(uint32_t seed)
{
    fc_op op;
    fc_status status;
    state = seed;
    do {
        next(1);
        const ptrdiff_t filter = seed % 2 ? 3 : 5, pad = draw((uint32_t)filter);
        const fc_conv2d o = {.filter_h = filter, .filter_w = filter, .stride_h = 1, .stride_w = 1, .dilation_h = 1,
                             .dilation_w = 1, .pad_top = pad, .pad_left = pad, .groups = 1};
        status = fc_conv2d_init(&op, 9 + draw(14), 9 + draw(14), 16 + draw(20), 16 + draw(20), &o, pad, pad, 1);
    } while (status != FC_OK || strcmp(fc_op_algorithm(&op, FC_FORWARD), "direct") == 0);
    return op;
}
static fc_op make_window(uint32_t seed, fc_kind kind, uint32_t dilations, float p)
{
    fc_op op;
    fc_status status;
    state = seed;
    do {
        next(1);
        const fc_pool2d o = {.pool_h = 1 + draw(3), .pool_w = 1 + draw(3), .stride_h = 1 + draw(3), .stride_w = 1 + draw(3),
                             .dilation_h = 1 + draw(dilations), .dilation_w = 1 + draw(dilations), .p = p};
        status = fc_pool2d_init(&op, kind, 3 + draw(9), 3 + draw(9), 1 + draw(30), &o, draw(2));
    } while (status != FC_OK);
    return op;
}
static fc_op make_pool(uint32_t seed) { return make_window(seed, FC_MAX_POOL2D, 2, 1.0f); }
static fc_op make_smooth_pool(uint32_t seed)
{
    static const float powers[] = {1.0f, 2.0f, 3.0f, 2.5f};
    return make_window(seed, seed % 2 ? FC_SOFT_POOL2D : FC_LP_POOL2D, 2, powers[seed / 2 % 4]);
}
static fc_op make_adaptive_pool(uint32_t seed)
{
    fc_op op;
    state = seed;
    must(fc_adaptive_avg_pool2d_init(&op, 1 + draw(20), 1 + draw(20), 1 + draw(30), 1 + draw(9), 1 + draw(9)));
    return op;
}
static fc_op make_batch_norm(uint32_t seed)
{
    fc_op op;
    state = seed;
    const fc_kind kind = seed % 2 ? FC_BATCH_NORM : FC_FIXED_NORM;
    must(fc_batch_norm_init(&op, kind, 1 + draw(90), 1 + draw(60), 0.9f, 0.5f, draw(2), draw(2)));
    return op;
}
static fc_op make_group_norm(uint32_t seed)
{
    fc_op op;
    state = seed;
    const ptrdiff_t count = 1 + draw(90), rows = seed % 2;
    must(fc_group_norm_init(&op, rows ? count : 1, rows ? 1 : count, 1 + draw(9), 1 + draw(40), 0.5f, draw(2), draw(2)));
    return op;
}
static fc_op make_prelu(uint32_t seed)
{
    fc_op op;
    state = seed;
    const fc_prelu o = {1 + draw(9), 1 + draw(3), 1 + draw(3), 1 + draw(20), 1 + draw(3)};
    must(fc_prelu_init(&op, &o));
    return op;
}
static fc_op make_maxout(uint32_t seed)
{
    fc_op op;
    state = seed;
    const ptrdiff_t group = 1 + draw(4);
    must(fc_maxout_init(&op, 1 + draw(5), group * (1 + draw(20)), group));
    return op;
}
static fc_op make_shaping(uint32_t seed)
{
    fc_op op;
    state = seed;
    const ptrdiff_t h = 3 + draw(9), w = 3 + draw(9), c = 1 + draw(40), size[] = {h, w, c};
    static const int orders[][3] = {{1, 0, 2}, {2, 0, 1}, {1, 2, 0}, {2, 1, 0}};
    if (seed % 3 == 0)
        must(fc_permute_init(&op, 3, size, orders[draw(4)]));
    else if (seed % 3 == 1)
        must(fc_pad2d_init(&op, h, w, c, (ptrdiff_t)draw(4) - 1, (ptrdiff_t)draw(4) - 1, (ptrdiff_t)draw(4) - 1, draw(4)));
    else
        must(fc_upsample2d_init(&op, h, w, c, 1 << draw(3), 1 << draw(2), draw(2)));
    return op;
}
static fc_op make_random(uint32_t seed)
{
    fc_op op;
    state = seed;
    if (seed % 2)
        must(fc_gaussian_noise_init(&op, 1 + draw(300), 2.0f));
    else
        must(fc_dropout_init(&op, 1 + draw(9), 1 + draw(60), 0.5));
    return op;
}
static fc_op make_dense(uint32_t seed)
{
    fc_op op;
    state = seed;
    must(fc_dense_init(&op, 1 + draw(seed % 5 ? 90 : 900), 1 + draw(seed % 5 ? 90 : 500), draw(2)));
    return op;
}
static fc_op make_stored(uint32_t seed) /* not wide: rounded only */
{
    fc_op op;
    state = seed;
    must(fc_dense_init(&op, 1 + draw(900), 1 + draw(200), 1));
    op.format = seed % 2 ? FC_FLOAT16 : FC_INT8;
    return op;
}
static fc_op make_wide(uint32_t seed, fc_format format)
{
    fc_op op;
    state = seed;
    const ptrdiff_t out = 16 + draw(600);
    must(fc_dense_init(&op, 262144 / out + 1 + draw(300), out, 1));
    must(fc_dense_set_format(&op, format));
    return op;
}
static fc_op make_float16(uint32_t seed) { return make_wide(seed, FC_FLOAT16); }
static fc_op make_int8(uint32_t seed) { return make_wide(seed, FC_INT8); }
static fc_op make_lrn(uint32_t seed)
{
    static const float betas[] = {0.75f, 0.5f, 1.0f, 0.6f};
    fc_op op;
    state = seed;
    must(fc_lrn_init(&op, 1 + draw(9), 1 + draw(40), 1 + draw(9), 1e-2f, betas[draw(4)], 2.0f, draw(2), draw(2)));
    return op;
}
static fc_op make_lrn_pool(uint32_t seed)
{
    fc_op op, lrn, pool = make_window(seed, FC_MAX_POOL2D, 1, 1.0f);
    must(fc_lrn_init(&lrn, pool.in_h * pool.in_w, pool.in_c, 1 + draw(9), 1e-2f, seed % 2 ? 0.75f : 0.6f, 2.0f, 0, 0));
    must(fc_lrn_pool_init(&op, &lrn, &pool));
    op.activation = draw(2) ? FC_RELU : FC_LINEAR;
    return op;
}
static fc_op make_lrn_within(uint32_t seed)
{
    fc_op op;
    state = seed;
    must(fc_lrn_within_init(&op, 1 + draw(9), 1 + draw(9), 1 + draw(30), 1 + draw(9), 1e-2f, 0.75f, 1.0f, draw(2)));
    return op;
}
static fc_op make_augment(uint32_t seed)
{
    fc_op op;
    state = seed;
    const fc_augment a = {.position = draw(FC_POSITIONS), .flip = draw(FC_FLIPS), .mean = {1, 2, 3, 4}, .scale = {1, 2, 4, 8}};
    const ptrdiff_t crop_h = 1 + draw(9), crop_w = 1 + draw(40);
    must(fc_augment_init(&op, crop_h + draw(4), crop_w + draw(4), 1 + draw(4), crop_h, crop_w, &a));
    return op;
}
static fc_op make_activation(uint32_t seed)
{
    fc_op op;
    state = seed;
    const fc_activation f = seed % FC_ACTIVATIONS;
    const fc_kind kind = f >= FC_SILU ? FC_ACTIVATION_OF_X : f != FC_LINEAR ? FC_ACTIVATION : FC_SOFTMAX;
    must(fc_plain_init(&op, kind, 1 + draw(3), 1 + draw(40)));
    op.activation = f, op.alpha = 0.5f;
    return op;
}

static fc_op make_optimizer(uint32_t seed)
{
    fc_op op;
    state = seed;
    const ptrdiff_t n = 1 + draw(seed % 5 ? 90 : 40000);
    const fc_optimizer o = {.l1 = draw(2) * 0.25f, .l2 = draw(2) * 0.125f, .clip_value = draw(2) * 2.0f,
                            .clip_norm = draw(2) * 16.0f, .norm_count = fc_norm_blocks(n), .decay = draw(2) * 0.5f,
                            .shrink = draw(2) * 0.25f, .momentum = 0.5f, .momentum_gain = 0.5f, .rho = 0.75f,
                            .rho_gain = 0.25f, .epsilon = 0.01f, .nesterov = draw(2), .amsgrad = draw(2)};
    must(fc_optimizer_init(&op, (fc_kind)(FC_SGD + seed % 5), n, &o));
    return op;
}

static fc_op make_rows(uint32_t seed)
{
    fc_op op, other;
    fc_status status;
    state = seed;
    do {
        next(1);
        const fc_conv2d o = {.filter_h = 1 + draw(5), .filter_w = seed % 2 ? 3 : 5, .stride_h = 1, .stride_w = 1, .dilation_h = 1,
                             .dilation_w = 1, .pad_top = draw(4), .pad_left = draw(4), .groups = 1};
        status = fc_conv2d_init(&op, 1 + draw(24), 1 + draw(24), 1 + draw(14), 1 + draw(30), &o, draw(4), draw(4), draw(2));
        other = op;
        if (status == FC_OK) must(fc_set_lanes(&other));
    } while (status != FC_OK || strcmp(fc_op_algorithm(&other, FC_WEIGHTS), "direct") == 0);
    return op;
}
static fc_op make_planes(uint32_t seed)
{
    fc_op op;
    fc_status status;
    state = seed;
    do {
        next(1);
        const fc_conv2d o = {.filter_h = 1 + draw(5), .filter_w = 1 + draw(5), .stride_h = 1 + draw(2), .stride_w = 1,
                             .dilation_h = 1 + draw(2), .dilation_w = 1 + draw(2), .pad_top = draw(4), .pad_left = draw(4),
                             .groups = 1};
        status = fc_conv2d_init(&op, 2 + draw(30), 16 + draw(40), 1, 1 + draw(8), &o, draw(4), draw(4), draw(2));
    } while (status != FC_OK || op.out_h < 2);
    op.activation = seed % 3 ? FC_LINEAR : FC_RELU;
    return op;
}
static fc_op make_narrow(uint32_t seed)
{
    fc_op op;
    fc_status status;
    if (seed % 8 == 0) return make_maxout(seed);
    if (seed % 4 == 0) return make_pool(seed);
    state = seed;
    if (seed % 4 == 1) {
        must(fc_dense_init(&op, 1 + draw(300), 1 + draw(90), draw(2)));
        return op;
    }
    do {
        next(1);
        const fc_conv2d o = {.filter_h = 1 + draw(5), .filter_w = 1 + draw(5), .stride_h = 1, .stride_w = 1, .dilation_h = 1,
                             .dilation_w = 1, .pad_top = draw(4), .pad_left = draw(4), .groups = 1, .exact = 1};
        status = fc_conv2d_init(&op, 1 + draw(14), 1 + draw(14), 1 + draw(14), 1 + draw(30), &o, draw(4), draw(4), draw(2));
    } while (status != FC_OK);
    return op;
}

int main(int argc, char **argv)
{
    const char *isa = argc > 1 ? argv[1] : "neon";
    part = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
    setbuf(stdout, NULL);
    compare(isa, "conv2d", run_op, make_conv2d, 0, 300);
    compare(isa, "depthwise", run_op, make_depthwise, 0, 200);
    compare(isa, "conv2d_transpose", run_op, make_transposed, 0, 200);
    compare(isa, "tables", run_op, make_tabled, 0, 200);
    compare(isa, "scale", run_op, make_scale, 0, 100);
    compare(isa, "rbf", run_op, make_rbf, 0, 100);
    compare(isa, "distort", run_op, make_distort, 1e-6, 50);
    compare(isa, "winograd", run_op, make_winograd, 1e-5, 40);
    compare(isa, "winograd rows", run_op, make_rows, 1e-5, 80);
    compare(isa, "pooled planes", run_pooled, make_planes, 0, 200);
    compare(isa, "optimizers", run_update, make_optimizer, 4e-6, 200);
    compare(isa, "max_pool2d", run_op, make_pool, 0, 100);
    compare(isa, "smooth pool", run_op, make_smooth_pool, 4e-6, 80);
    compare(isa, "adaptive", run_op, make_adaptive_pool, 4e-6, 80);
    compare(isa, "batch norm", run_op, make_batch_norm, 4e-6, 80);
    compare(isa, "group norm", run_op, make_group_norm, 4e-6, 80);
    compare(isa, "prelu", run_op, make_prelu, 0, 100);
    compare(isa, "maxout", run_op, make_maxout, 0, 100);
    compare(isa, "shaping", run_op, make_shaping, 0, 90);
    compare(isa, "random", run_op, make_random, 4e-6, 60);
    compare(isa, "dense", run_op, make_dense, 0, 60);
    compare(isa, "half_weights", run_half, make_stored, 0, 60);
    compare(isa, "float16", run_half, make_float16, 0, 12);
    compare(isa, "int8", run_half, make_int8, 4e-6, 12);
    compare(isa, "lrn", run_op, make_lrn, 4e-6, 100);
    compare(isa, "lrn_pool", run_op, make_lrn_pool, 4e-6, 100);
    compare(isa, "lrn within", run_op, make_lrn_within, 4e-6, 60);
    compare(isa, "augment", run_op, make_augment, 0, 200);
    compare(isa, "activations", run_op, make_activation, 4e-6, 160);
    compare(isa, "lanes", run_lanes, make_narrow, 0, 300);
    compare(isa, "winograd", run_lanes, make_rows, 1e-5, 80);
    compare(isa, "tables", run_lanes, make_tabled, 0, 200);
    compare(isa, "scale", run_lanes, make_scale, 0, 100);
    printf("%s agrees with scalar; largest relative difference %.1e; bits %016llx\n", isa, worst, (unsigned long long)bits);
    return 0;
}
