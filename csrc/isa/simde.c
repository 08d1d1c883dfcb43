/* The kernels, built from the avx512 words, whose intrinsics SIMDe makes of others. For tests. */
#define FC_SIMDE
#include "vec_avx512.h"
#define FC_ISA_TABLE fc_kernels_simde
#define FC_ISA_NAME "simde"
#include "../kernels/all.h"
