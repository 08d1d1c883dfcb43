/* The fields of fc_io: by name, and which of them a pass of an op needs. */
#include "ops.h"

static const struct {
    const char *name;
    size_t at;
    int bytes;
} fields[FC_FIELDS] = {
#define F(bit, field, bytes) {#field, offsetof(fc_io, field), bytes},
    FC_FIELD_LIST(F)
#undef F
};

_Static_assert(offsetof(fc_buf, p) == 0, "a field with rows begins with its pointer");

int fc_field(const char *name)
{
    for (int i = 0; i < FC_FIELDS; i++)
        if (!strcmp(fields[i].name, name)) return i;
    return -1;
}

const char *fc_field_name(int field) { return fields[field].name; }
int fc_field_bytes(int field) { return fields[field].bytes; }
void fc_bind(fc_io *io, int field, const void *p) { memcpy((char *)io + fields[field].at, &p, sizeof p); }
void fc_bind_rows(fc_io *io, int field, const fc_buf *rows) { memcpy((char *)io + fields[field].at, rows, sizeof *rows); }

unsigned fc_needs(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch)
{
    const fc_op_class *class = fc_op_classes[op->kind];
    unsigned needs = class->needs[pass];
    if (class->correct) needs = class->correct(op, io, pass, batch, needs);
    if (pass == FC_FORWARD && op->sums) needs |= FC_X2;
    if (needs & FC_PACKED && !op->packed_size) needs = (needs & ~(unsigned)FC_PACKED) | FC_W; /* as they lie */
    if (needs & FC_PACKED_T && !op->packed_t_size) needs = (needs & ~(unsigned)FC_PACKED_T) | FC_W;
    if (needs & FC_W && pass == FC_FORWARD && op->format != FC_FLOAT32)
        needs = (needs & ~(unsigned)FC_W) | FC_HALF | FC_SCALES;
    if (!op->scales_size) needs &= ~(unsigned)FC_SCALES;
    if (pass == FC_WEIGHTS) needs &= ~(unsigned)(op->partial ? FC_DW | FC_DB : op->halvings ? 0 : FC_PARTIAL);
    if (!op->b_size) needs &= ~(unsigned)(FC_B | FC_DB);
    return needs;
}

int fc_unbound(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch)
{
    const unsigned needs = fc_needs(op, io, pass, batch);
    for (int i = 0; needs >> i; i++) {
        const void *p;
        memcpy(&p, (const char *)io + fields[i].at, sizeof p);
        if (needs >> i & 1 && !p) return i;
    }
    return -1;
}
