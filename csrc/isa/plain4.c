/* The kernels in plain C with tiles that no instruction set has: 8 rows of 3 vectors of 4 floats. For tests. */
#define V 4
#define MR 8
#define NRV 3
#include "vec_plain.h"
#define FC_ISA_TABLE fc_kernels_plain4
#define FC_ISA_NAME "plain4"
#include "../kernels/all.h"
