/* Counter-based random numbers: Philox 4×32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). Element i of a dropout reads word i mod 4 of the block with counter (i div 4, step); elements 4i … 4i + 3
 * of a noise are made of the four words of block (i, step). */

static void philox(uint64_t block, uint64_t high, uint64_t key, uint32_t out[4])
{
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = (uint32_t)high, c3 = (uint32_t)(high >> 32);
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

#define BLOCKS 8 /* of four words, side by side for the compiler to take in one vector */

/* The words of BLOCKS blocks from `block` on, in order: the same as philox, block by block. */
static void philox_blocks(uint64_t block, uint64_t high, uint64_t key, uint32_t out[4 * BLOCKS])
{
    uint32_t c0[BLOCKS], c1[BLOCKS], c2[BLOCKS], c3[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        c0[i] = (uint32_t)(block + (uint64_t)i), c1[i] = (uint32_t)((block + (uint64_t)i) >> 32);
        c2[i] = (uint32_t)high, c3[i] = (uint32_t)(high >> 32);
    }
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
        for (int i = 0; i < BLOCKS; i++) {
            const uint64_t p0 = (uint64_t)0xD2511F53u * c0[i], p1 = (uint64_t)0xCD9E8D57u * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
    for (int i = 0; i < BLOCKS; i++) out[4 * i] = c0[i], out[4 * i + 1] = c1[i], out[4 * i + 2] = c2[i], out[4 * i + 3] = c3[i];
}

/* y[i] = x[i]·scale where kept, else 0; x[0] has position `first`. Serves forward and backward alike. x and y may be the same array. */
static void dropout(const fc_random *key, uint64_t first, ptrdiff_t n, const float *x, float *y)
{
    const uint32_t threshold = key->dropout.threshold;
    const float scale = key->dropout.scale;
    uint32_t word[4 * BLOCKS];
    for (ptrdiff_t i = 0, skip = first & 3; i < n; skip = 0) {
        const ptrdiff_t count = n - i < 4 * BLOCKS - skip ? n - i : 4 * BLOCKS - skip;
        philox_blocks((first + (uint64_t)i) >> 2, key->step, key->seed, word);
        for (ptrdiff_t j = 0; j < count; j++, i++) y[i] = word[skip + j] >= threshold ? x[i] * scale : 0.0f;
    }
}

/* The gradient of dropout(relu(…)) from its result: dy ← y > 0 ? scale·dy : 0. */
static void dropped_backward(float scale, ptrdiff_t n, const float *y, float *dy)
{
    const vf s = v_set1(scale);
    ptrdiff_t i = 0;
    for (; i + V <= n; i += V) v_store(dy + i, v_select(v_gt(v_load(y + i), v_zero()), v_mul(s, v_load(dy + i)), v_zero()));
    if (i < n)
        v_store_tail(dy + i, n - i, v_select(v_gt(v_load_tail(y + i, n - i), v_zero()),
                                             v_mul(s, v_load_tail(dy + i, n - i)), v_zero()));
}

/* y[p][c] = x[p][c]·factor[c], 0 where the factor is 0. */
static void keep_channels(ptrdiff_t pixels, ptrdiff_t c, const float *factor, const float *x, float *y)
{
    for (ptrdiff_t p = 0; p < pixels; p++, x += c, y += c) {
        ptrdiff_t i = 0;
        for (; i + V <= c; i += V) {
            const vf f = v_load(factor + i);
            v_store(y + i, v_select(v_gt(f, v_zero()), v_mul(v_load(x + i), f), v_zero()));
        }
        if (i == c) continue;
        const vf f = v_load_tail(factor + i, c - i);
        v_store_tail(y + i, c - i, v_select(v_gt(f, v_zero()), v_mul(v_load_tail(x + i, c - i), f), v_zero()));
    }
}

#define PAIRS (2 * BLOCKS) /* of normal numbers made together: a multiple of every V */

/* y[i] = x[i] + stddev·normal(first + i). Box and Muller: words a, b make √(−2 ln u)·(cos, sin) of t turns, with
 * u = (2⌊a/2⁹⌋ + 1)/2²⁴ and t = ⌊b/2⁸⌋/2²⁴, which float32 holds exactly. */
static void gaussian_noise(uint64_t seed, uint64_t step, float stddev, uint64_t first, ptrdiff_t n, const float *x, float *y)
{
    uint32_t word[2 * PAIRS];
    float u[PAIRS], turn[PAIRS], sine[PAIRS], cosine[PAIRS], normal[2 * PAIRS];
    const vf scale = v_set1(stddev);
    for (ptrdiff_t count, skip = first & 3; n > 0; n -= count, first += (uint64_t)count, x += count, y += count, skip = 0) {
        count = n < 2 * PAIRS - skip ? n : 2 * PAIRS - skip;
        philox_blocks(first >> 2, step, seed, word);
        for (ptrdiff_t i = 0; i < PAIRS; i++) {
            u[i] = (float)((word[2 * i] >> 9) * 2 + 1) * 0x1p-24f;
            turn[i] = (float)(word[2 * i + 1] >> 8) * 0x1p-24f;
        }
        for (ptrdiff_t i = 0; i < PAIRS; i += V) {
            const vf r = v_sqrt(v_mul(v_set1(-2.0f), v_log(v_load(u + i))));
            vf s, c;
            v_sincos(v_load(turn + i), &s, &c);
            v_store(sine + i, v_mul(r, s));
            v_store(cosine + i, v_mul(r, c));
        }
        for (ptrdiff_t i = 0; i < PAIRS; i++) normal[2 * i] = cosine[i], normal[2 * i + 1] = sine[i];
        ptrdiff_t i = 0;
        for (; i + V <= count; i += V) v_store(y + i, v_fma(scale, v_load(normal + skip + i), v_load(x + i)));
        if (i < count)
            v_store_tail(y + i, count - i, v_fma(scale, v_load_tail(normal + skip + i, count - i),
                                                 v_load_tail(x + i, count - i)));
    }
}

#undef PAIRS
#undef BLOCKS
