/* Long sums of products in registers: chains of up to FC_CHAIN multiply-adds, and their sum.
 *
 *     Σ_k a_k·b_k = (chain 0 + chain 1) + chain 2 + …
 *
 * A chain's rounding errors grow with the root of its length. Chains end where runs of products do, or cut a long run into pieces; as
 * few of them as there can be, all but the last equally long. Whoever sums as many runs of as many products gets the same bits. */

#define CHAINS static inline __attribute__((always_inline))

/* How runs of products are cut into chains: `runs` whole ones make a chain, or one is cut into pieces of `length`. */
typedef struct {
    ptrdiff_t runs, length;
    int many; /* is there more than one chain? */
} chains;

/* The smallest equal parts of n that are at most `most`. */
CHAINS ptrdiff_t equal_parts(ptrdiff_t n, ptrdiff_t most)
{
    const ptrdiff_t count = (n + most - 1) / most;
    return n > most ? (n + count - 1) / count : n;
}

/* Of runs of len products, chains of up to `most`; 0: FC_CHAIN, or FC_ONE_CHAIN where one chain of few runs is enough. */
CHAINS chains chains_of(ptrdiff_t runs, ptrdiff_t len, ptrdiff_t most)
{
    if (!most) most = runs <= FC_FEW_RUNS && runs * len <= FC_ONE_CHAIN ? FC_ONE_CHAIN : FC_CHAIN;
    if (runs * len <= most) return (chains){runs, len, 0};
    if (len > most) return (chains){1, equal_parts(len, most), 1};
    const ptrdiff_t together = equal_parts(runs, most / len);
    return (chains){together, len, together < runs};
}

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
