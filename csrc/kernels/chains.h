/* Long sums of products in registers: chains of up to FC_CHAIN multiply-adds, and their sum.
 *
 *     Σ_k a_k·b_k = (chain 0 + chain 1) + chain 2 + …     of n products ⌈n / FC_CHAIN⌉ chains, all but the last equally long
 *
 * A chain's rounding errors grow with the root of its length. The sum of those that are full waits in memory, which a tile of
 * registers touches once a chain. Whoever sums as many products in these chains gets the same bits. */

#define CHAINS static inline __attribute__((always_inline))

/* How long chains are, what is left of the one at hand, and of all behind it. */
typedef struct {
    ptrdiff_t length, left, rest;
} chains;

/* Of n products, chains of up to `most`; 0: FC_CHAIN. */
CHAINS chains chains_of(ptrdiff_t n, ptrdiff_t most)
{
    if (!most) most = FC_CHAIN;
    const ptrdiff_t count = (n + most - 1) / most, length = n > most ? (n + count - 1) / count : n;
    return (chains){length, length, n - length};
}

/* How many of the next n products the chain at hand takes. */
CHAINS ptrdiff_t take(chains *c, ptrdiff_t n)
{
    const ptrdiff_t taken = n < c->left ? n : c->left;
    c->left -= taken;
    return taken;
}

/* Is the chain at hand full, and does another begin? */
CHAINS int next_chain(chains *c)
{
    if (c->left || !c->rest) return 0;
    c->left = c->length < c->rest ? c->length : c->rest;
    c->rest -= c->left;
    return 1;
}

/* Calls BODY for each of m × nv vectors i, `across` apart. */
#define EACH_OF_TILE(BODY) \
    _Pragma("GCC unroll 16") for (int r = 0; r < m; r++) \
        _Pragma("GCC unroll 4") for (int s = 0; s < nv; s++) { const int i = r * across + s; BODY; }

/* Zeros where there is more than one chain; without it compilers take the sum for not initialized. */
#define BEGIN_SUM(c, m, nv, across, sum) \
    __asm__("" : "=m"(sum)); \
    if ((c).rest) clear_sum(m, nv, across, (vf *)(sum))

CHAINS void clear_sum(const int m, const int nv, const int across, vf *sum) { EACH_OF_TILE(sum[i] = v_zero()) }

/* sum += acc, which begins anew. */
CHAINS void end_chain(const int m, const int nv, const int across, vf *acc, vf *sum)
{
    EACH_OF_TILE(sum[i] = v_add(sum[i], acc[i]); acc[i] = v_zero())
}

/* acc += sum */
CHAINS void add_sum(const int m, const int nv, const int across, const vf *sum, vf *acc) { EACH_OF_TILE(acc[i] = v_add(sum[i], acc[i])) }
