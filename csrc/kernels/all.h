/* All kernels and the table that exports them; included once by each isa/<isa>.c after its words. */
#include <math.h>
#include <string.h>

#include "../kernels.h"

_Static_assert(MR <= FC_MAX_MR && NRV <= 4 && NRV * V <= FC_MAX_NR, "kernels.h and gemm.h have room for the tile");

#include "vmath.h"
#include "tail.h"
#include "sums.h"
#include "chains.h"
#include "eltwise.h"
#include "gemm.h"
#include "half.h"
#include "int8.h"
#include "winograd.h"
#include "depthwise.h"
#include "merge.h"
#include "pool.h"
#include "pool_smooth.h"
#include "prelu.h"
#include "maxout.h"
#include "lrn.h"
#include "lrn_within.h"
#include "batch_norm.h"
#include "softmax.h"
#include "layer_norm.h"
#include "random.h"
#include "optim.h"
#include "image.h"
#include "lanes.h"
#include "rbf.h"

static unsigned flush_denormals(void) { return v_flush_denormals(); }
static void restore_denormals(unsigned mode) { v_restore_denormals(mode); }

const fc_kernels FC_ISA_TABLE = {
    .isa = FC_ISA_NAME,
    .v = V,
    .mr = MR,
    .nr = NRV * V,
    .bytes = DOTS,
#define X(type, name, args) .name = name,
    FC_KERNEL_LIST(X)
#undef X
#define X(kind, name) .name = name,
    FC_OPTIMIZER_LIST(X)
#undef X
};
