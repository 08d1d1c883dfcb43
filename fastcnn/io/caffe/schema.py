"""The messages of Caffe's files, as far as networks for images need them, for the protobuf runtime that comes with onnx.

A field is "name number type": i an integer, f a float, d a double, b true or false, s a text, or the name of a message or of
a list of words; * behind it: repeated; = and what it is unless said.
"""

from fastcnn.importing import extra

_WORDS = {
    "Phase": ["TRAIN", "TEST"], "PoolMethod": ["MAX", "AVE", "STOCHASTIC"], "EltwiseOp": ["PROD", "SUM", "MAX"],
    "NormRegion": ["ACROSS_CHANNELS", "WITHIN_CHANNEL"],
    "LayerType": [
        "NONE", "ACCURACY", "BNLL", "CONCAT", "CONVOLUTION", "DATA", "DROPOUT", "EUCLIDEAN_LOSS", "FLATTEN", "HDF5_DATA",
        "HDF5_OUTPUT", "IM2COL", "IMAGE_DATA", "INFOGAIN_LOSS", "INNER_PRODUCT", "LRN", "MULTINOMIAL_LOGISTIC_LOSS",
        "POOLING", "RELU", "SIGMOID", "SOFTMAX", "SOFTMAX_LOSS", "SPLIT", "TANH", "WINDOW_DATA", "ELTWISE", "POWER",
        "SIGMOID_CROSS_ENTROPY_LOSS", "HINGE_LOSS", "MEMORY_DATA", "ARGMAX", "THRESHOLD", "DUMMY_DATA", "SLICE", "MVN",
        "ABSVAL", "SILENCE", "CONTRASTIVE_LOSS", "EXP", "DECONVOLUTION"],
}
_WINDOW = "pad_h 9 i, pad_w 10 i"
_MESSAGES = {
    "BlobShape": "dim 1 i*",
    "BlobProto": "num 1 i, channels 2 i, height 3 i, width 4 i, data 5 f*, shape 7 BlobShape, double_data 8 d*",
    "NetStateRule": "phase 1 Phase",
    "ParamSpec": "lr_mult 3 f=1.0, decay_mult 4 f=1.0",
    "Transformation": "scale 1 f=1.0, crop_size 3 i, mean_file 4 s, mean_value 5 f*",
    "MemoryData": "channels 2 i, height 3 i, width 4 i",
    "InputParameter": "shape 1 BlobShape*",
    "Concat": "concat_dim 1 i=1, axis 2 i=1",
    "Convolution": f"num_output 1 i, bias_term 2 b=true, pad 3 i*, kernel_size 4 i*, group 5 i=1, stride 6 i*, {_WINDOW}, "
                   "kernel_h 11 i, kernel_w 12 i, stride_h 13 i, stride_w 14 i, axis 16 i=1, dilation 18 i*",
    "Dropout": "dropout_ratio 1 f=0.5, scale_train 2 b=true",
    "Eltwise": "operation 1 EltwiseOp=SUM, coeff 2 f*",
    "InnerProduct": "num_output 1 i, bias_term 2 b=true, axis 5 i=1, transpose 6 b",
    "Lrn": "local_size 1 i=5, alpha 2 f=1.0, beta 3 f=0.75, norm_region 4 NormRegion, k 5 f=1.0",
    "Pooling": f"pool 1 PoolMethod, kernel_size 2 i*, stride 3 i*, pad 4 i*, kernel_h 5 i, kernel_w 6 i, stride_h 7 i, "
               f"stride_w 8 i, {_WINDOW}, global_pooling 12 b",
    "Relu": "negative_slope 1 f",
    "Softmax": "axis 2 i=1",
    "Layer": "name 1 s, type 2 s, bottom 3 s*, top 4 s*, param 6 ParamSpec*, blobs 7 BlobProto*, include 8 NetStateRule*, "
             "exclude 9 NetStateRule*, transform_param 100 Transformation, concat_param 104 Concat, "
             "convolution_param 106 Convolution, dropout_param 108 Dropout, eltwise_param 110 Eltwise, "
             "inner_product_param 117 InnerProduct, lrn_param 118 Lrn, memory_data_param 119 MemoryData, "
             "pooling_param 121 Pooling, relu_param 123 Relu, softmax_param 125 Softmax, input_param 143 InputParameter",
    "OldestLayer": "name 1 s",
    "OldLayer": "layer 1 OldestLayer, bottom 2 s*, top 3 s*, name 4 s, type 5 LayerType, blobs 6 BlobProto*, blobs_lr 7 f*, "
                "weight_decay 8 f*, concat_param 9 Concat, convolution_param 10 Convolution, dropout_param 12 Dropout, "
                "inner_product_param 17 InnerProduct, lrn_param 18 Lrn, pooling_param 19 Pooling, "
                "memory_data_param 22 MemoryData, eltwise_param 24 Eltwise, relu_param 30 Relu, "
                "include 32 NetStateRule*, exclude 33 NetStateRule*, "
                "transform_param 36 Transformation, softmax_param 39 Softmax",
    "NetParameter": "name 1 s, layers 2 OldLayer*, input 3 s*, input_dim 4 i*, input_shape 8 BlobShape*, layer 100 Layer*",
}
_KINDS = {"i": "INT64", "f": "FLOAT", "d": "DOUBLE", "b": "BOOL", "s": "STRING"}


def message(name="NetParameter"):
    """An empty message.

    Raises:
        ImportError: protobuf is not installed.
    """
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError:
        raise extra("onnx", "reading Caffe's files") from None
    file = descriptor_pb2.FileDescriptorProto(name="caffe", package="caffe", syntax="proto2")
    for word, values in _WORDS.items():  # each in a message of its own, since their words are not all different
        enum = file.message_type.add(name=f"{word}Words").enum_type.add(name=word)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for own, fields in _MESSAGES.items():
        inner = file.message_type.add(name=own)
        for field in fields.split(", "):
            _add(inner.field, *field.split(" "))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}"))()


def _add(fields, name, number, kind):
    kind, _, default = kind.partition("=")
    field = fields.add(name=name, number=int(number))
    field.label = field.LABEL_REPEATED if kind.endswith("*") else field.LABEL_OPTIONAL
    kind = kind.rstrip("*")
    if kind in _KINDS:
        field.type = getattr(field, f"TYPE_{_KINDS[kind]}")
    else:
        field.type = field.TYPE_ENUM if kind in _WORDS else field.TYPE_MESSAGE
        field.type_name = f".caffe.{kind}Words.{kind}" if kind in _WORDS else f".caffe.{kind}"
    if default:
        field.default_value = default


def layer_type(number):
    """The name of an old layer's type, as text files have it."""
    return _WORDS["LayerType"][number]
