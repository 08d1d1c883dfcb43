"""Steps of an optimizer over runs of parameters: their ops, and a program of them alone."""

from fastcnn import _ops
from fastcnn.engine.parameters import runs


def update_ops(optimizer, found, penalties=True):
    """(ops, array of norms' parts or None) of the steps over some `Run`s.

    Args:
        optimizer: whose steps they are.
        found: the runs.
        penalties: do regularizers enter the gradient there? Otherwise they are in it already.
    """
    places, norms = [(0, 0, 0)] * len(found), None
    if optimizer.needs_norms:
        # of each: the place of its first sum of squares; the first and the number of those that make up its bounded norm
        counts = [_ops.norm_blocks(run.size) for run in found]
        starts, total = [sum(counts[:i]) for i in range(len(counts))], sum(counts)
        norms = _ops.aligned(max(total, 1))
        together = optimizer.global_clipnorm is not None
        places = [(start, 0, total) if together else (start, start, count) for start, count in zip(starts, counts)]
    ops = [optimizer.op(run.size, run.weight_decay_multiplier, run.penalty if penalties else (0.0, 0.0), place)
           for run, place in zip(found, places)]
    return ops, norms


def bind_update(program, n, run, optimizer, states, norms):
    """Gives op n of a program, one step, its arrays."""
    program.bind(n, "w", run.of(run.flat.values))
    program.bind(n, "dw", run.of(run.flat.gradients))
    program.bind(n, "partial", norms)
    program.bind_states(n, optimizer.in_order(states.part(run)))


class Update:
    """One step of an optimizer on gradients that lie in the flat arrays.

    Args:
        parameters: those that are trained.
        optimizer: whose step it is; states: what it keeps, `States`.
    """

    def __init__(self, parameters, optimizer, states):
        self.optimizer, self.parameters = optimizer, parameters
        self.runs = runs(parameters, apart=optimizer.needs_norms)
        self.flats = {parameter.flat for parameter in parameters}
        ops, norms = update_ops(optimizer, self.runs, penalties=False)
        passes = ["reduce"] * optimizer.needs_norms + ["update"]
        steps, count = [(n, name) for name in passes for n in range(len(ops))], len(ops)
        self.program = _ops.Program(ops, steps, [(i * count, count, 1, True) for i in range(len(passes))])
        for n, run in enumerate(self.runs):
            bind_update(self.program, n, run, optimizer, states, norms)

    def run(self, threads):
        """Takes the step."""
        rate, correction = self.optimizer.learning_rate, self.optimizer.correction
        for n, run in enumerate(self.runs):
            self.program.set_scale(n, rate * run.learning_rate_multiplier, correction)
        self.program.run(1, threads)
        for parameter in self.parameters:
            if parameter.constraint is not None:
                parameter.constraint.apply(parameter.array)
        self.optimizer.iterations += 1
