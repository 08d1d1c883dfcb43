"""fastcnn: classic convolutional networks, trained and run fast on a CPU.

Example:
    >>> import fastcnn
    >>> (x_train, y_train), (x_test, y_test) = fastcnn.datasets.mnist.load_data()
    >>> model = fastcnn.networks.lenet5()
    >>> model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
"""

from fastcnn.importing import command_in_one_line, on_demand, refuse_unbuilt

with command_in_one_line():
    try:
        from fastcnn import _ops as _ops
    except ImportError:
        refuse_unbuilt(__path__[0])
        raise
    from fastcnn.calling import name_methods, tell_methods
    from fastcnn.configuration import __version__, config_context, get_config, set_config, show_config
    from fastcnn.model.sequential import Sequential
    from fastcnn.random import set_random_seed
    from fastcnn.threads import get_num_threads, num_threads, set_num_threads

__all__, __getattr__, __dir__ = on_demand(__name__)
for _cls in Sequential.__mro__[:-1]:
    name_methods(_cls)
    tell_methods(_cls)
