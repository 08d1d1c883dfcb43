# The one bridge from Python to C: descriptors, programs, threads. It checks what could crash; the callers check meaning.
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_New
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastcnn._csrc cimport *

import numpy as np

cnp.import_array()

PASSES = {"pack": FC_PACK, "statistics": FC_STATISTICS, "combine": FC_COMBINE, "forward": FC_FORWARD, "mask": FC_MASK,
          "data": FC_DATA, "weights": FC_WEIGHTS, "reduce": FC_REDUCE, "update": FC_UPDATE}
ACTIVATIONS = {fc_activation_name(<fc_activation>i).decode(): i for i in range(FC_ACTIVATIONS)}
OF_X = {name for name, value in ACTIVATIONS.items() if value >= FC_SILU}  # derivatives are taken from x, not y
KINDS = tuple(fc_op_name(<fc_kind>i).decode() for i in range(FC_KINDS))
FORMATS = {"float32": FC_FLOAT32, "float16": FC_FLOAT16, "int8": FC_INT8}


cdef class Op:
    """What an operation computes: an immutable descriptor without pointers. Made by the functions of _makers.pxi.

    Pickles hold the call that made it: the descriptor itself depends on the processor."""
    cdef fc_op op
    cdef tuple made  # (name of the maker, its arguments); None: of another op

    @property
    def name(self): return fc_op_name(self.op.kind).decode()
    @property
    def in_shape(self): return self.op.in_h, self.op.in_w, self.op.in_c
    @property
    def out_shape(self): return self.op.out_h, self.op.out_w, self.op.out_c
    @property
    def in_size(self): return self.op.in_size
    @property
    def out_size(self): return self.op.out_size
    @property
    def w_size(self): return self.op.w_size
    @property
    def b_size(self): return self.op.b_size
    @property
    def packed_size(self): return self.op.packed_size
    @property
    def packed_t_size(self): return self.op.packed_t_size
    @property
    def wide(self): return bool(self.op.wide)
    @property
    def partial(self): return bool(self.op.partial)
    @property
    def dropped(self): return bool(self.op.dropped)
    @property
    def halvings(self): return self.op.halvings
    @property
    def partial_size(self): return self.op.w_size + self.op.b_size if self.op.halvings else self.op.partial
    @property
    def lanes(self): return bool(self.op.lanes)
    @property
    def format(self): return next(name for name, value in FORMATS.items() if value == self.op.format)
    @property
    def half_size(self): return self.op.half_size
    @property
    def scales_size(self): return self.op.scales_size
    @property
    def cost(self): return self.op.cost
    @property
    def images(self): return max(self.op.images, 1)
    @property
    def alpha(self): return self.op.alpha
    @property
    def pooled(self):
        """The pooling that is fused behind it; None: there is none."""
        return fc_op_name(self.op.pooled).decode() if self.op.pooled else None
    @property
    def activation(self): return fc_activation_name(self.op.activation).decode()

    @property
    def data_reads(self):
        """Which of x and y the op's DATA reads: "", "x", "y" or "xy"."""
        return ("", "x", "y", "xy")[self.fields(FC_DATA) & 3]  # the first fields of all

    @property
    def cheap(self):
        """Is its result rather computed again than kept for the backward pass?"""
        return bool(fc_op_cheap(&self.op))

    @property
    def takes_activation(self):
        """Can an activation be fused behind it, whose derivative its MASK then applies?"""
        return self.has("mask")

    @property
    def folds(self):
        """Do its weights take a normalization along that follows? Their last axis is the output's channels."""
        return bool(fc_op_folds(&self.op))

    cdef unsigned fields(self, fc_pass pass_):
        cdef fc_io io
        memset(&io, 0, sizeof(io))
        return fc_needs(&self.op, &io, pass_, 2) if fc_op_has(&self.op, pass_) else 0

    def __reduce__(self):
        if self.made is None:
            raise TypeError(f"an op that was made of another cannot be pickled. Received: {self.name}")
        return _made_again, self.made

    def __copy__(self): return self
    def __deepcopy__(self, memo): return self

    cdef Op copy(self):
        cdef Op other = Op.__new__(Op)
        other.op = self.op
        return other

    def has(self, str name):
        """Does the op have this pass?"""
        return bool(fc_op_has(&self.op, PASSES[name]))

    def needs(self, str name):
        """The fields that a pass reads or writes, on a batch of many images; those that may be absent are not among them."""
        cdef unsigned fields = self.fields(PASSES[name])
        return tuple(fc_field_name(i).decode() for i in range(32) if fields >> i & 1)

    def passes_on(self, int number):
        """Is the gradient of input `number` that of the output, as it is?"""
        return bool(fc_op_passes_on(&self.op, number))

    def algorithm(self, str name):
        """How a pass is computed: "direct", or Winograd's "F(4×4, 3×3)" and the like."""
        return fc_op_algorithm(&self.op, PASSES[name]).decode()

    def with_activation(self, str activation, float alpha=0.0):
        """The same op with an activation fused behind it (conv2d, dense)."""
        cdef Op other = self.copy()
        other.op.activation = ACTIVATIONS[activation]
        other.op.alpha = alpha
        return other

    def with_dropout(self, Op dropout):
        """The same dense op with a dropout fused behind its relu, or None where it has no such form."""
        cdef Op other = self.copy()
        return other if fc_dense_set_dropout(&other.op, &dropout.op) == FC_OK else None

    def with_bias(self):
        """The same op with a bias (conv2d, dense), for inference."""
        cdef Op other = self.copy()
        other.op.b_size = other.op.out_c
        return other

    def with_sum(self):
        """The same op, which adds a second input to what it makes, before the activation; None where it has no such form."""
        cdef Op other = self.copy()
        return other if fc_set_sum(&other.op) == FC_OK else None

    def with_join(self, Op join):
        """The same op, whose FORWARD writes where this join behind it would; None where it has no such form."""
        cdef Op other = self.copy()
        return other if fc_set_join(&other.op, &join.op) == FC_OK else None

    def with_pool(self, Op pool):
        """The same convolution, whose FORWARD pools what it makes as this op behind it would; None where it has no such form."""
        cdef Op other = self.copy()
        return other if fc_conv2d_set_pool(&other.op, &pool.op) == FC_OK else None

    def alone(self):
        """The same op for single images, which packs weights as suits these or not at all; itself where it has no such form."""
        cdef Op other = self.copy()
        return other if fc_set_alone(&other.op) == FC_OK else self

    def trained(self):
        """The same op for a plan with a backward pass; itself where it has no such form."""
        cdef Op other = self.copy()
        return other if fc_set_trained(&other.op) == FC_OK else self

    def shared_by(self, int threads):
        """The same op, cut into items enough to keep so many threads busy; its results are the same."""
        cdef Op other = self.copy()
        other.op.threads = threads
        return other

    def with_halvings(self, Py_ssize_t halvings):
        """The same convolution of many weights, whose WEIGHTS adds up to 2^halvings units of the batch by halves; None where it has
        no such form."""
        cdef Op other = self.copy()
        return other if fc_set_halvings(&other.op, halvings) == FC_OK else None

    def with_lanes(self):
        """The same op on images as lanes, or None where it has no such form."""
        cdef Op other = self.copy()
        return other if fc_set_lanes(&other.op) == FC_OK else None

    def with_format(self, str name):
        """The same dense op whose FORWARD reads weights stored as "float16" or "int8", or None where it has no such form."""
        cdef Op other = self.copy()
        return other if fc_dense_set_format(&other.op, FORMATS[name]) == FC_OK else None

    def with_int8(self, float x_scale, int x_zero):
        """The same convolution whose FORWARD computes in int8, of x ≈ x_scale · (a byte − x_zero), or None where it has no such
        form."""
        cdef Op other = self.copy()
        return other if fc_conv2d_set_int8(&other.op, x_scale, x_zero) == FC_OK else None

    def with_curvature(self):
        """The same op with backward passes of second derivatives, or None where it has no such form."""
        cdef Op other = self.copy()
        return other if fc_set_curvature(&other.op) == FC_OK else None


def _remembering(str name, maker):
    """The maker, whose ops know how they were made."""
    def make(*args, **named):
        op = maker(*args, **named)
        if isinstance(op, Op):
            (<Op>op).made = name, args, named
        return op

    make.__name__, make.__doc__ = name, maker.__doc__
    return make


def _made_again(str name, tuple args, dict named):
    return globals()[name](*args, **named)


_others = set(globals())

include "_makers.pxi"

globals().update({name: _remembering(name, maker) for name, maker in list(globals().items())
                  if name not in _others and type(maker) is type(_made_again)})


def aligned(Py_ssize_t size, bint zero=False):
    """A float32 array that starts at a cache line: uninitialised, or of zeros that take no memory until they change."""
    raw = (np.zeros if zero else np.empty)(size + 16, np.float32)
    cdef Py_ssize_t skip = (-<Py_ssize_t>cnp.PyArray_DATA(raw) % 64) // 4
    return raw[skip:skip + size]


cdef class Program:
    """A list of phases over steps over ops, with the buffers they work on.

    Args:
        ops: descriptors.
        steps: (index of op, name of pass) in order.
        phases: (first step, number of steps, images per chunk, parts?).
        unit: images whose sums are added up first, a number of chunks; 0: those of a chunk.
    """
    cdef fc_program program
    cdef fc_op *ops
    cdef fc_io *io
    cdef fc_step *steps
    cdef fc_phase *phases
    cdef Py_ssize_t op_count, phase_count, step_count, scratch_size
    cdef int scratch_threads
    cdef object scratch, seconds
    cdef dict bound
    cdef char *checked  # of each phase: 0: its bindings are to be looked at; 1: they serve single images; 2: any batch

    def __cinit__(self, list ops, list steps, list phases, Py_ssize_t unit=0):
        cdef Py_ssize_t i
        self.program.unit = unit
        self.op_count, self.phase_count, self.step_count = len(ops), len(phases), len(steps)
        self.ops = <fc_op *>calloc(max(len(ops), 1), sizeof(fc_op))
        self.io = <fc_io *>calloc(max(len(ops), 1), sizeof(fc_io))
        self.steps = <fc_step *>calloc(max(len(steps), 1), sizeof(fc_step))
        self.phases = <fc_phase *>calloc(max(len(phases), 1), sizeof(fc_phase))
        self.checked = <char *>calloc(max(len(phases), 1), 1)
        if not self.ops or not self.io or not self.steps or not self.phases or not self.checked:
            raise MemoryError("no memory for a program")
        self.scratch_size = 16
        for i in range(len(ops)):
            self.ops[i] = (<Op?>ops[i]).op
            self.scratch_size = max(self.scratch_size, self.ops[i].scratch)
        self.scratch_size = (self.scratch_size + 15) // 16 * 16
        for i in range(len(steps)):
            op, name = steps[i]
            if not 0 <= op < len(ops):
                raise IndexError(op)
            if not ops[op].has(name):
                raise ValueError(f"{ops[op].name} has no pass of that name. Received: {name!r}")
            self.steps[i].op, self.steps[i].pass_ = op, PASSES[name]
        for i in range(len(phases)):
            first, count, chunk, parts = phases[i]
            if first < 0 or count < 0 or first + count > len(steps) or chunk < 1:
                raise IndexError(phases[i])
            if unit % chunk:
                raise ValueError(f"unit must be a multiple of the chunks of {chunk} images. Received: {unit}")
            self.phases[i].first, self.phases[i].count = first, count
            self.phases[i].chunk, self.phases[i].parts = chunk, parts
            for op, name in [] if parts else steps[first:first + count]:
                if fc_op_by_block(&self.ops[<Py_ssize_t>op], PASSES[name]):
                    raise ValueError(f"{ops[op].name} computes its pass {name!r} for the whole batch at once, which a phase in "
                                     f"parts does. Received: phase {i}, in chunks of {chunk} images")
        self.bound = {}
        self.program.ops, self.program.io = self.ops, self.io
        self.program.steps, self.program.phases = self.steps, self.phases
        self.program.scratch_size = self.scratch_size

    def __dealloc__(self):
        free(self.ops)
        free(self.io)
        free(self.steps)
        free(self.phases)
        free(self.checked)

    cdef int place(self, Py_ssize_t op, str field, array, bint rows) except -1:
        """The number of a field to which this array may be bound, and now belongs."""
        cdef bytes name = field.encode()
        cdef int number = fc_field(name)
        if not 0 <= op < self.op_count:
            raise IndexError(op)
        if number < 0 or (fc_field_bytes(number) == 0) != rows:
            raise KeyError(field)
        cdef int size = fc_field_bytes(number) or 4
        if array is None:
            if self.bound.get((op, field)) is not None:
                self.forget()
        elif not cnp.PyArray_IS_C_CONTIGUOUS(array) or not cnp.PyArray_ISALIGNED(array) or array.itemsize != size:
            raise ValueError(f"{field} must be an aligned, contiguous array of {8 * size}-bit values")
        self.bound[op, field] = array
        return number

    def bind_rows(self, Py_ssize_t op, str field, cnp.ndarray array, Py_ssize_t size, Py_ssize_t offset=0,
                  Py_ssize_t stride=0, Py_ssize_t slots=0):
        """Sets x, y, dy or dx: `size` floats per image. With a stride: a local buffer, which lives within a chunk, at
        `offset` of each of the `slots` threads' `stride` floats of `array`."""
        cdef int number = self.place(op, field, array, True)
        cdef fc_buf rows
        rows.p = NULL if array is None else <float *>cnp.PyArray_DATA(array)
        rows.size, rows.offset, rows.stride, rows.slots = size, offset, stride, slots
        fc_bind_rows(&self.io[op], number, &rows)

    def bind(self, Py_ssize_t op, str field, cnp.ndarray array):
        """Sets an array that belongs to the op as a whole; None: absent."""
        cdef int number = self.place(op, field, array, False)
        fc_bind(&self.io[op], number, NULL if array is None else cnp.PyArray_DATA(array))

    def bind_states(self, Py_ssize_t op, arrays):
        """Sets the arrays that an optimizer keeps, at most three; None: absent."""
        for i, array in enumerate(arrays):
            self.bind(op, f"state[{i}]", array)

    def bind_update(self, Py_ssize_t op, Py_ssize_t update):
        """Makes WEIGHTS of a wide dense op take a step of an optimizer, another op of the program, on its w."""
        if not 0 <= op < self.op_count or not 0 <= update < self.op_count:
            raise IndexError((op, update))
        self.io[op].update = &self.ops[update]
        self.forget()

    def set_scale(self, Py_ssize_t op, float scale, float correction=1):
        """The factor of a loss' gradient, an optimizer's learning rate and its correction, or the weight of an augmented
        image."""
        if not 0 <= op < self.op_count:
            raise IndexError(op)
        self.io[op].scale, self.io[op].correction = scale, correction

    def set_random(self, Py_ssize_t op, uint64_t seed, uint64_t step):
        """Key and counter of a dropout, a noise or an augmentation."""
        if not 0 <= op < self.op_count:
            raise IndexError(op)
        self.io[op].seed, self.io[op].step = seed, step

    def units(self, Py_ssize_t phase, Py_ssize_t step, Py_ssize_t batch, int threads):
        """Into how many units a step of a phase is cut, unless whole chunks are taken through the phase."""
        if not 0 <= phase < self.phase_count or not 0 <= step < self.step_count:
            raise IndexError((phase, step))
        return fc_step_units(&self.program, phase, step, batch, threads)

    def watch(self, int threads=0):
        """Where the time goes: an array (threads, steps) of zeros, to which every run by up to so many threads adds the
        seconds that each step took them. 0: watching ends."""
        cdef cnp.ndarray seconds = np.zeros((threads, self.step_count))
        self.seconds, self.program.timed = seconds, self.step_count
        self.program.seconds = <double *>cnp.PyArray_DATA(seconds) if threads > 0 else NULL
        return seconds

    cdef void forget(self):
        """What has been found out about bindings is no longer true."""
        memset(self.checked, 0, self.phase_count)

    cdef int check(self, Py_ssize_t first, Py_ssize_t count, Py_ssize_t batch) except -1:
        """Is every field bound that the steps of these phases read or write? Each phase is asked once."""
        cdef char enough = 2 if batch > 1 else 1
        cdef Py_ssize_t i, s
        cdef int field, op
        for i in range(first, first + count):
            if self.checked[i] >= enough:
                continue
            for s in range(self.phases[i].first, self.phases[i].first + self.phases[i].count):
                op = self.steps[s].op
                field = fc_unbound(&self.ops[op], &self.io[op], self.steps[s].pass_, batch)
                if field >= 0:
                    name = next(name for name, value in PASSES.items() if value == self.steps[s].pass_)
                    bound = [key for n, key in self.bound if n == op and self.bound[n, key] is not None]
                    raise ValueError(f"{fc_op_name(self.ops[op].kind).decode()}, op {op}, must have "
                                     f"{fc_field_name(field).decode()} bound for its pass {name!r}. "
                                     f"Received: {', '.join(bound) or 'nothing'}")
            self.checked[i] = enough
        return 0

    def run(self, Py_ssize_t batch, int threads, Py_ssize_t first=0, Py_ssize_t count=-1, Py_ssize_t start=0,
            Py_ssize_t stop=-1):
        """Runs phases [first, first + count) on images [start, stop) of a batch of `batch`, whole chunks; −1: to its end. The
        GIL is released."""
        if count < 0:
            count = self.phase_count - first
        if first < 0 or first + count > self.phase_count:
            raise IndexError((first, count))
        stop = batch if stop < 0 else stop
        if not 0 <= start <= stop <= batch:
            raise IndexError((start, stop))
        if start == stop or count == 0:
            return
        self.program.from_, self.program.to = start, stop
        self.check(first, count, batch)
        threads = max(threads, 1)
        if self.program.seconds != NULL and threads > self.seconds.shape[0]:
            raise ValueError(f"watch was told of {self.seconds.shape[0]} threads. Received: {threads}")
        if threads > self.scratch_threads:
            self.scratch = aligned(self.scratch_size * threads)
            self.scratch_threads = threads
            self.program.scratch = <float *>cnp.PyArray_DATA(self.scratch)
        with nogil:
            fc_run(&self.program, first, count, batch, threads)

    def predict(self, x, tuple in_size, tuple out_size, Py_ssize_t first_op, Py_ssize_t last_op, Py_ssize_t least, Py_ssize_t most,
                int threads, Py_ssize_t first):
        """y of a batch from phase `first` on, with no more ado; None if x is not an array (least … most, *in_size) that ops
        can read as it lies."""
        cdef cnp.ndarray a, y
        cdef Py_ssize_t i, n, batch
        cdef cnp.npy_intp size[8]
        if type(x) is not np.ndarray or threads > self.scratch_threads:
            return None
        a, n = x, len(in_size)
        if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT32 or not cnp.PyArray_ISCARRAY_RO(a) or cnp.PyArray_NDIM(a) != n + 1:
            return None
        for i in range(n):
            if cnp.PyArray_DIM(a, <int>i + 1) != <Py_ssize_t>in_size[i]:
                return None
        batch = cnp.PyArray_DIM(a, 0)
        if len(out_size) > 7 or not least <= batch <= most or not 0 <= first_op < self.op_count or not 0 <= last_op < self.op_count:
            return None
        size[0] = batch
        for i in range(len(out_size)):
            size[i + 1] = out_size[i]
        y = cnp.PyArray_EMPTY(<int>len(out_size) + 1, size, cnp.NPY_FLOAT32, 0)
        self.program.from_, self.program.to = 0, batch
        self.io[first_op].x.p, self.io[last_op].y.p = <float *>cnp.PyArray_DATA(a), <float *>cnp.PyArray_DATA(y)
        self.check(first, self.phase_count - first, batch)
        with nogil:
            fc_run(&self.program, first, self.phase_count - first, batch, threads)
        return y


def select_isa(name=None):
    """Chooses the kernels: a level's name, or None for FASTCNN_ISA or else the best usable one. For import and tests."""
    cdef bytes level = b"" if name is None else name.encode()
    if fc_select_isa(NULL if name is None else <char *>level) != FC_OK:
        raise ImportError(f"FASTCNN_ISA accepts {', '.join(usable_isas())} on this machine. "
                          f"Received: {name if name is not None else fc_requested_isa().decode(errors='replace')!r}")


def kernel_table(str isa):
    """The kernel table of a level, as a capsule for `_probe`."""
    return PyCapsule_New(<void *>fc_isa_table(built_isas().index(isa)), "fastcnn.kernels", NULL)


def keep_threads(int most):
    """From now on threads that wait for work, with the calling one, end if they are more than `most`."""
    with nogil:
        fc_keep_threads(most)


def built_isas(): return [fc_isa_name(i).decode() for i in range(fc_isa_count())]
def usable_isas(): return [fc_isa_name(i).decode() for i in range(fc_isa_count()) if fc_isa_usable(i)]
def active_isa(): return fc_active_isa().decode()
def has_dots(): return bool(fc_has_dots)
def openmp(): return bool(fc_openmp())
def openmp_threads(): return fc_openmp_threads()
def openmp_limit(): return fc_openmp_limit()
def openmp_processors(): return fc_openmp_processors()
def compiler(): return fc_compiler().decode()


select_isa()
fc_init_threads()
