/* The kernels, built from the neon words. */
#include "vec_neon.h"
#define FC_ISA_TABLE fc_kernels_neon
#define FC_ISA_NAME "neon"
#include "../kernels/all.h"
