/* The kernels, built from the avx512 words. */
#include "vec_avx512.h"
#define FC_ISA_TABLE fc_kernels_avx512
#define FC_ISA_NAME "avx512"
#include "../kernels/all.h"
