/* The kernels, built from the avx2 words. */
#include "vec_avx2.h"
#define FC_ISA_TABLE fc_kernels_avx2
#define FC_ISA_NAME "avx2"
#include "../kernels/all.h"
