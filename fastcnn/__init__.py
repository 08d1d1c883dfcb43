"""fastcnn: classic convolutional networks, trained and run fast on a CPU."""

from fastcnn import _ops, ops, reference  # noqa: F401
from fastcnn.threads import get_num_threads, num_threads, set_num_threads  # noqa: F401
