"""Networks written down by calling each layer on what the one before gave, as Keras' functional API does."""

from fastcnn import layers


class Chain:
    """An `Input` and the layers called after it: no numbers yet, `Model(inputs, outputs)` makes a network of it.

    Args:
        start: the `Input`.
        layers: in order.

    Example:
        >>> from fastcnn.compat.keras.layers import Dense, Input
        >>> x = Input((84,))
        >>> Dense(10)(Dense(20)(x))
        <Chain of Input, Dense, Dense>
    """

    def __init__(self, start, layers):
        self.start, self.layers = start, tuple(layers)

    def __repr__(self):
        return f"<Chain of {', '.join(type(layer).__name__ for layer in (self.start, *self.layers))}>"


class Layer(layers.Layer):
    """`fastcnn.layers.Layer`; called on an `Input`, or on what a layer gave when called so, it continues the chain.

    Example:
        >>> from fastcnn.compat.keras.layers import Flatten, Input
        >>> Flatten()(Input((28, 28, 1)))
        <Chain of Input, Flatten>
    """

    def __call__(self, x):
        if isinstance(x, layers.Input):
            return Chain(x, [self])
        if isinstance(x, Chain):
            return Chain(x.start, [*x.layers, self])
        return super().__call__(x)
