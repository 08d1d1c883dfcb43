"""Several processes, as threads and under MPI: the same bits as one, whatever their number."""

import numpy as np
import pytest
import ranks

import fastcnn

SIZES = [2, 3, 4, 8]


@pytest.fixture(scope="module")
def alone():
    """What one process makes of each network."""
    return {name: ranks.trained(name) for name in ranks.NETWORKS}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ranks.NETWORKS)
def test_exact_mode_has_the_bits_of_one_process(name, size, alone):
    """Weights and History on every rank."""
    model, history = alone[name]
    for other, logs in ranks.together(size, lambda rank: ranks.trained(name, rank)):
        assert logs == history
        assert ranks.digest(other) == ranks.digest(model)
