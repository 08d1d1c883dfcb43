/* Arithmetic of sizes. */
#ifndef FC_SIZES_H
#define FC_SIZES_H
#include <stddef.h>

static inline ptrdiff_t fc_min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t fc_max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static inline ptrdiff_t fc_ceil_div(ptrdiff_t a, ptrdiff_t b) { return a / b + (a % b > 0); }
static inline ptrdiff_t fc_floor_div(ptrdiff_t a, ptrdiff_t b) { return a / b - (a % b < 0); }
static inline ptrdiff_t fc_round_up(ptrdiff_t a, ptrdiff_t b) { return fc_ceil_div(a, b) * b; }
static inline ptrdiff_t fc_round_down(ptrdiff_t a, ptrdiff_t b) { return a / b * b; }

/* The largest block ≤ limit (at least 1) that cuts n into blocks of about equal size. */
static inline ptrdiff_t fc_balanced(ptrdiff_t n, ptrdiff_t limit)
{
    return fc_ceil_div(n, fc_ceil_div(n, fc_max(1, fc_min(limit, n))));
}

#endif
