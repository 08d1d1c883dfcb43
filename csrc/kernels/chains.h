/* Chains of products in registers, and their sum (fc_chains). */

#define CHAINS static inline __attribute__((always_inline))

/* Calls BODY for each of m × nv vectors i, `across` apart. */
#define EACH_OF_TILE(BODY) \
    _Pragma("GCC unroll 16") for (int r = 0; r < m; r++) \
        _Pragma("GCC unroll 4") for (int s = 0; s < nv; s++) { const int i = r * across + s; BODY; }

CHAINS void clear_sum(const int m, const int nv, const int across, vf *sum) { EACH_OF_TILE(sum[i] = v_zero()) }

/* sum += acc, which begins anew. */
CHAINS void end_chain(const int m, const int nv, const int across, vf *acc, vf *sum)
{
    EACH_OF_TILE(sum[i] = v_add(sum[i], acc[i]); acc[i] = v_zero())
}

/* acc += sum */
CHAINS void add_sum(const int m, const int nv, const int across, const vf *sum, vf *acc) { EACH_OF_TILE(acc[i] = v_add(sum[i], acc[i])) }
