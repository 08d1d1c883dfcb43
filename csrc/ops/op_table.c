/* The list of ops: kind -> name and passes; and the descriptor of ops without parameters. */
#include "in_lanes.h"

const fc_op_class *const fc_op_classes[FC_KINDS] = {
    [FC_CONV2D] = &fc_conv2d_class,
    [FC_MAX_POOL2D] = &fc_max_pool2d_class,
    [FC_AVG_POOL2D] = &fc_avg_pool2d_class,
    [FC_SOFT_POOL2D] = &fc_soft_pool2d_class,
    [FC_LP_POOL2D] = &fc_lp_pool2d_class,
    [FC_LRN] = &fc_lrn_class,
    [FC_LRN_POOL] = &fc_lrn_pool_class,
    [FC_LRN_WITHIN] = &fc_lrn_within_class,
    [FC_BATCH_NORM] = &fc_batch_norm_class,
    [FC_FIXED_NORM] = &fc_fixed_norm_class,
    [FC_GROUP_NORM] = &fc_group_norm_class,
    [FC_LAYER_NORM] = &fc_layer_norm_class,
    [FC_FOLD] = &fc_fold_class,
    [FC_DENSE] = &fc_dense_class,
    [FC_ACTIVATION] = &fc_activation_class,
    [FC_ACTIVATION_OF_X] = &fc_activation_of_x_class,
    [FC_PRELU] = &fc_prelu_class,
    [FC_MAXOUT] = &fc_maxout_class,
    [FC_SOFTMAX] = &fc_softmax_class,
    [FC_LOG_SOFTMAX] = &fc_log_softmax_class,
    [FC_DROPOUT] = &fc_dropout_class,
    [FC_SOFTMAX_CROSS_ENTROPY] = &fc_softmax_cross_entropy_class,
    [FC_CATEGORICAL_CROSS_ENTROPY] = &fc_categorical_cross_entropy_class,
    [FC_BINARY_CROSS_ENTROPY] = &fc_binary_cross_entropy_class,
    [FC_MEAN_SQUARED_ERROR] = &fc_mean_squared_error_class,
    [FC_MEAN_ABSOLUTE_ERROR] = &fc_mean_absolute_error_class,
    [FC_HUBER] = &fc_huber_class,
    [FC_HINGE] = &fc_hinge_class,
    [FC_SQUARED_HINGE] = &fc_squared_hinge_class,
    [FC_CATEGORICAL_HINGE] = &fc_categorical_hinge_class,
    [FC_MULTICLASS_HINGE] = &fc_multiclass_hinge_class,
    [FC_SGD] = &fc_sgd_class,
    [FC_RMSPROP] = &fc_rmsprop_class,
    [FC_ADAGRAD] = &fc_adagrad_class,
    [FC_ADADELTA] = &fc_adadelta_class,
    [FC_ADAM] = &fc_adam_class,
    [FC_PENALTY] = &fc_penalty_class,
    [FC_AUGMENT] = &fc_augment_class,
    [FC_TO_LANES] = &fc_to_lanes_class,
    [FC_FROM_LANES] = &fc_from_lanes_class,
    [FC_HALF_WEIGHTS] = &fc_half_weights_class,
    [FC_PAD2D] = &fc_pad2d_class,
    [FC_UPSAMPLE2D] = &fc_upsample2d_class,
    [FC_PERMUTE] = &fc_permute_class,
    [FC_CONV2D_TRANSPOSE] = &fc_conv2d_transpose_class,
    [FC_GAUSSIAN_NOISE] = &fc_gaussian_noise_class,
    [FC_RESCALE] = &fc_rescale_class,
    [FC_SUM_POOL2D] = &fc_sum_pool2d_class,
    [FC_SCALE] = &fc_scale_class,
    [FC_RBF] = &fc_rbf_class,
    [FC_RBF_MEAN_SQUARED_ERROR] = &fc_rbf_mean_squared_error_class,
    [FC_RBF_MAXIMUM_A_POSTERIORI] = &fc_rbf_maximum_a_posteriori_class,
    [FC_SQUARE] = &fc_square_class,
    [FC_SDLM] = &fc_sdlm_class,
    [FC_DISTORT] = &fc_distort_class,
};

const char *fc_op_name(fc_kind kind) { return fc_op_classes[kind]->name; }

int fc_op_has(const fc_op *op, fc_pass pass) { return fc_op_classes[op->kind]->pass[pass] != NULL; }

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

fc_status fc_set_lanes(fc_op *op)
{
    switch (op->kind) {
    case FC_CONV2D: return fc_conv2d_set_lanes(op);
    case FC_DENSE: return fc_dense_set_lanes(op);
    case FC_SCALE:
    case FC_MAX_POOL2D:
    case FC_AVG_POOL2D:
    case FC_SOFT_POOL2D:
    case FC_LP_POOL2D:
    case FC_SUM_POOL2D:
    case FC_ACTIVATION:
    case FC_ACTIVATION_OF_X:
    case FC_MAXOUT: op->lanes = 1; return FC_OK;
    default: return FC_INVALID;
    }
}

ptrdiff_t fc_lanes_width(void) { return fc_k->v; }
