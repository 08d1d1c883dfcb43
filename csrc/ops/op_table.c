/* The tables of ops: kind -> name and class, name -> kind; and the descriptor of ops without parameters. */
#include "ops.h"

const fc_op_class *const fc_op_classes[FC_KINDS] = {
#define X(kind, name) [kind] = &fc_##name##_class,
    FC_OP_LIST(X)
#undef X
};

static const char *const names[FC_KINDS] = {
#define X(kind, name) [kind] = #name,
    FC_OP_LIST(X)
#undef X
};

static const fc_family families[FC_KINDS] = { /* FC_OWN where nothing is said */
#define X(kind, name) [kind] = FC_PLAINS,
    FC_PLAIN_LIST(X)
#undef X
#define X(kind, name) [kind] = FC_POOLS,
    FC_POOL_LIST(X)
#undef X
#define X(kind, name) [kind] = FC_MERGES,
    FC_MERGE_LIST(X)
#undef X
#define X(kind, name) [kind] = FC_LOSSES,
    FC_LOSS_LIST(X)
#undef X
#define X(kind, name) [kind] = FC_OPTIMIZERS,
    FC_OPTIMIZER_LIST(X)
#undef X
};

const char *fc_op_name(fc_kind kind) { return names[kind]; }

fc_kind fc_op_kind(const char *name, fc_family family)
{
    fc_kind kind = 0;
    while (kind < FC_KINDS && (families[kind] != family || strcmp(names[kind], name))) kind++;
    return kind;
}

const char *fc_activation_name(fc_activation activation)
{
    static const char *const activations[FC_ACTIVATIONS] = {
#define X(kind, name) [kind] = #name,
        FC_ACTIVATION_LIST(X)
#undef X
    };
    return activations[activation];
}

int fc_op_has(const fc_op *op, fc_pass pass) { return fc_op_classes[op->kind]->pass[pass] != NULL; }

const char *fc_op_algorithm(const fc_op *op, fc_pass pass)
{
    const char *(*algorithm)(const fc_op *, fc_pass) = fc_op_classes[op->kind]->algorithm;
    return algorithm ? algorithm(op, pass) : "direct";
}

fc_status fc_plain_init(fc_op *op, fc_kind kind, ptrdiff_t rows, ptrdiff_t c)
{
    memset(op, 0, sizeof *op);
    if (rows < 1 || c < 1) return FC_INVALID;
    op->kind = kind;
    op->in_h = op->out_h = rows, op->in_w = op->out_w = 1, op->in_c = op->out_c = c;
    op->in_size = rows;
    if (c >= (ptrdiff_t)1 << 40 || !fc_grow(&op->in_size, c)) return FC_OVERFLOW;
    op->out_size = op->in_size;
    op->cost = 4.0 * (double)op->in_size;
    return FC_OK;
}

fc_status fc_in_lanes(fc_op *op)
{
    op->lanes = 1;
    return FC_OK;
}

fc_status fc_of_curvature(fc_op *op)
{
    op->curvature = 1;
    return FC_OK;
}

fc_status fc_with_sum(fc_op *op)
{
    op->sums = 1;
    return FC_OK;
}

fc_status fc_set_sum(fc_op *op)
{
    fc_status (*set)(fc_op *) = fc_op_classes[op->kind]->set_sum;
    return set && !op->lanes && op->activation == FC_LINEAR ? set(op) : FC_INVALID;
}

fc_status fc_set_join(fc_op *op, const fc_op *join)
{
    fc_status (*set)(fc_op *) = fc_op_classes[op->kind]->set_join;
    if (!set || op->lanes || op->sums || op->y_c || join->kind != FC_JOIN || join->u.join.add) return FC_INVALID;
    op->y_c = join->out_c, op->y_at = join->u.join.at;
    return set(op);
}

int fc_op_passes_on(const fc_op *op, int number)
{
    if (op->kind == FC_ADD) return (number ? op->u.merge.second : op->u.merge.first) == 1;
    return op->kind == FC_SQUARE || (op->sums && number == 1);
}

fc_status fc_set_lanes(fc_op *op)
{
    fc_status (*set)(fc_op *) = fc_op_classes[op->kind]->set_lanes;
    return set ? set(op) : FC_INVALID;
}

fc_status fc_set_alone(fc_op *op)
{
    fc_status (*set)(fc_op *) = fc_op_classes[op->kind]->set_alone;
    return set && !op->lanes ? set(op) : FC_INVALID;
}

fc_status fc_set_trained(fc_op *op)
{
    fc_status (*set)(fc_op *) = fc_op_classes[op->kind]->set_trained;
    return set && !op->lanes ? set(op) : FC_INVALID;
}

fc_status fc_set_curvature(fc_op *op)
{
    fc_status (*set)(fc_op *) = fc_op_classes[op->kind]->set_curvature;
    return set && !op->lanes ? set(op) : FC_INVALID;
}

int fc_op_by_block(const fc_op *op, fc_pass pass) { return fc_op_classes[op->kind]->cut(op, pass) == FC_BY_BLOCK; }
int fc_op_cheap(const fc_op *op) { return fc_op_classes[op->kind]->cheap; }
int fc_op_folds(const fc_op *op) { return fc_op_classes[op->kind]->folds; }

ptrdiff_t fc_lanes_width(void) { return fc_k->v; }
