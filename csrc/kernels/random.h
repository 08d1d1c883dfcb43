/* Counter-based random numbers: Philox 4×32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). Element i of a dropout reads word i mod 4 of the block with counter (i div 4, step). */

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

/* y[i] = x[i]·scale where kept, else 0; x[0] has position `first`. Serves forward and backward alike. */
static void dropout(const fc_random *key, uint64_t first, ptrdiff_t n, const float *x, float *y)
{
    uint32_t word[4];
    for (ptrdiff_t i = 0; i < n; i++) {
        uint64_t at = first + (uint64_t)i;
        if (i == 0 || (at & 3) == 0) philox(at >> 2, key->step, key->seed, word);
        y[i] = word[at & 3] >= key->dropout.threshold ? x[i] * key->dropout.scale : 0.0f;
    }
}
