/* The kernels in plain C with the tiles of AVX-512, for tests. */
#define V 16
#define MR 12
#define NRV 2
#include "vec_plain.h"
#define FC_ISA_TABLE fc_kernels_plain16
#define FC_ISA_NAME "plain16"
#include "../kernels/all.h"
