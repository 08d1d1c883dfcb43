/* Chooses the kernel table: what the build contains, what CPU and system can run, what FASTCNN_ISA asks for. */
#include <ctype.h>
#include <stdlib.h>

#include "kernels.h"

const fc_kernels *fc_k = &fc_kernels_scalar;
int fc_has_dots;

static int always(void) { return 1; }
#if defined(FC_HAVE_AVX2) || defined(FC_HAVE_AVX512)
#include <cpuid.h>

enum { FMA = 1 << 12, OSXSAVE = 1 << 27, F16C = 1 << 29 }; /* leaf 1, ecx */
enum { AVX2 = 1 << 5, AVX512F = 1 << 16 }; /* leaf 7, ebx */
enum { VNNI = 1 << 11 }; /* and ecx */
enum { KEEPS_AVX = 0x6, KEEPS_AVX512 = 0xe6 }; /* XCR0: registers that the system keeps for each process */

/* By cpuid, as __builtin_cpu_supports is not the same everywhere: clang 14 lacks names, zig's library for Windows what it asks. */
static int cpu_has(unsigned leaf7, unsigned keeps)
{
    const unsigned leaf1 = FMA | F16C | OSXSAVE;
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & leaf1) != leaf1) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & leaf7) != leaf7) return 0;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & keeps) == keeps;
}
#endif
#ifdef FC_HAVE_AVX2
static int has_avx2(void) { return cpu_has(AVX2, KEEPS_AVX); }
#endif
#ifdef FC_HAVE_AVX512
static int has_avx512(void) { return cpu_has(AVX2 | AVX512F, KEEPS_AVX512); }

static int has_dots(void)
{
    unsigned a, b, c, d;
    return has_avx512() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && c & VNNI;
}
#else
static int has_dots(void) { return 0; }
#endif

static const struct {
    const char *name;
    const fc_kernels *table;
    int (*usable)(void);
} levels[] = { /* worst first; those for tests are never chosen unless asked for */
#ifdef FC_HAVE_PLAIN4
    {"plain4", &fc_kernels_plain4, always},
#endif
#ifdef FC_HAVE_PLAIN16
    {"plain16", &fc_kernels_plain16, always},
#endif
#ifdef FC_HAVE_SIMDE
    {"simde", &fc_kernels_simde, always},
#endif
    {"scalar", &fc_kernels_scalar, always},
#ifdef FC_HAVE_NEON
    {"neon", &fc_kernels_neon, always},
#endif
#ifdef FC_HAVE_AVX2
    {"avx2", &fc_kernels_avx2, has_avx2},
#endif
#ifdef FC_HAVE_AVX512
    {"avx512", &fc_kernels_avx512, has_avx512},
#endif
};

int fc_isa_count(void) { return (int)(sizeof levels / sizeof *levels); }
const char *fc_isa_name(int i) { return levels[i].name; }
int fc_isa_usable(int i) { return levels[i].usable(); }
const fc_kernels *fc_isa_table(int i) { return levels[i].table; }
const char *fc_active_isa(void) { return fc_k->isa; }

const char *fc_requested_isa(void)
{
    const char *name = getenv("FASTCNN_ISA");
    return name && *name ? name : NULL;
}

/* Is this the name of a level, in capitals or not, maybe with blanks around it? */
static int names(const char *text, const char *level)
{
    while (isspace((unsigned char)*text)) text++;
    while (*level && tolower((unsigned char)*text) == *level) text++, level++;
    while (isspace((unsigned char)*text)) text++;
    return !*text && !*level;
}

fc_status fc_select_isa(const char *name)
{
    if (!name) name = fc_requested_isa();
    for (int i = fc_isa_count() - 1; i >= 0; i--)
        if (name ? names(name, levels[i].name) : levels[i].usable()) {
            if (!levels[i].usable()) return FC_INVALID;
            fc_k = levels[i].table;
            fc_has_dots = fc_k->bytes && has_dots();
            return FC_OK;
        }
    return FC_INVALID;
}
