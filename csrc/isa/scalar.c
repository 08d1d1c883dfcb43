/* The kernels, built from the scalar words. */
#include "vec_scalar.h"
#define FC_ISA_TABLE fc_kernels_scalar
#define FC_ISA_NAME "scalar"
#include "../kernels/all.h"
