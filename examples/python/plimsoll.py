"""plimsoll for Python: the parts of the C ABI (plimsoll.h) that the examples need, through ctypes.

    import plimsoll
    plimsoll.load("libplimsoll.so")  # without a path: PLIMSOLL_LIBRARY, or the installed library
    graph = plimsoll.Graph("tiny")
    image = graph.tensor("image", 3072, kind=plimsoll.INPUT)
    result = graph.tensor("result", 10)
    graph.operator("dense", reads=[image], writes=[result])
    graph.output(result)
    plan = graph.plan(alignment=16)
    print(plan.arena_bytes, plan.offsets[result])

Failed calls raise plimsoll.Error with the library's message. Other functions of the header can be called
through `call`.
"""

import ctypes
import ctypes.util
import os
from ctypes import POINTER, Structure, byref, c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

ABI = 2
NONE = 2**64 - 1
IN_PLACE = 2**32 - 1
HOLDS_ALL = 15
INPUT, CONSTANT, VARIABLE, INTERMEDIATE = range(4)
VIEW, PIECE, WRITE_OVER, OVERLAP_INPUT_BELOW, OVERLAP_OUTPUT_BELOW = range(5)
SHARE_NOTHING, SHARE_VIEWS, SHARE_IN_PLACE, SHARE_ALL = range(4)
TENSOR, SCRATCH = range(2)
STATUSES = ("optimal", "feasible", "infeasible", "unknown")
ORDERS = {"file": 0, "auto": 1, "optimal": 2}


def _record(name, longs, ints):
    fields = [(field, c_uint64) for field in longs.split()] + [(field, c_uint32) for field in ints.split()]
    return type(name, (Structure,), {"_fields_": fields, "__doc__": f"plimsoll_{name.lower()} of the header."})


Buffer = _record("Buffer", "size alignment fixed_offset", "start end")
Placement = _record("Placement", "offset bytes", "start end index occupant")
Alias = _record("Alias", "at", "tensor of operator kind")
Pool = _record("Pool", "capacity alignment largest", "holds read_cost write_cost copy_from_cost copy_to_cost unused")
Residency = _record("Residency", "offset bytes", "start end index occupant pool unused")
Figures = _record("Figures", "cost lower_bound unavoidable_cost preloaded nodes", "stop pools")


class Error(Exception):
    """An error with the message of the library."""


_library = None


def load(path=None):
    """Loads the shared library from `path`, from PLIMSOLL_LIBRARY, or as installed."""
    global _library
    path = path or os.environ.get("PLIMSOLL_LIBRARY") or ctypes.util.find_library("plimsoll")
    if path is None:
        raise Error("libplimsoll not found; pass its path to load() or set PLIMSOLL_LIBRARY")
    library = ctypes.CDLL(path)
    if library.plimsoll_abi() != ABI:
        raise Error(f"{path} has ABI {library.plimsoll_abi()}, expected {ABI}")
    _library = library


def call(name, *arguments):
    """Calls the fallible function plimsoll_NAME. Numbers must have ctypes types."""
    if _library is None:
        load()
    if getattr(_library, f"plimsoll_{name}")(*arguments):
        text, size = ctypes.create_string_buffer(4096), c_size_t()
        _library.plimsoll_last_error(text, c_size_t(len(text)), byref(size))
        raise Error(text.value.decode(errors="replace"))


def _output(kind, name, *arguments):
    """Calls a function and returns the value that it writes through its last argument."""
    out = kind()
    call(name, *arguments, byref(out))
    return out.value if hasattr(out, "value") else out


def _size(record):
    """The size of a record, as an argument of functions that take or fill it."""
    return [c_size_t(ctypes.sizeof(record))]


def _list(kind, name, handle):
    """Calls a function that copies out an array, and returns the array as a list."""
    count = c_size_t()
    # Functions that copy out records take the size of a record.
    size = _size(kind) if issubclass(kind, Structure) else []
    call(name, handle, None, *size, c_size_t(0), byref(count))
    items = (kind * count.value)()
    call(name, handle, items, *size, count, byref(count))
    return list(items)


def _indices(numbers):
    numbers = list(numbers)
    return (c_uint32 * len(numbers))(*numbers), c_size_t(len(numbers))


class _Object:
    """Owns a handle of the library."""

    def __init__(self, kind, handle):
        self._kind, self._handle = kind, c_void_p(handle)

    def __del__(self):
        if getattr(self, "_handle", None) and _library is not None:
            getattr(_library, f"plimsoll_{self._kind}_free")(self._handle)


class Options(_Object):
    def __init__(self, alignment=None, capacity=None, strategy=None, order=None, sharing=None, node_limit=None):
        super().__init__("options", _output(c_void_p, "options_new"))
        given = {
            "alignment": (alignment, c_uint64), "capacity": (capacity, c_uint64), "sharing": (sharing, c_int32),
            "order": (order if order is None else ORDERS[order], c_int32), "node_limit": (node_limit, c_uint64),
            "strategy": (strategy and strategy.encode(), c_char_p),
        }
        for name, (value, kind) in given.items():
            if value is not None:
                call(f"options_set_{name}", self._handle, kind(value))


class Graph(_Object):
    """A graph of operators and tensors, which are identified by their indices."""

    def __init__(self, name):
        super().__init__("graph", _output(c_void_p, "graph_new", name.encode()))
        self._is_built = False

    def tensor(self, name, size, kind=INTERMEDIATE, alignment=0, fixed_offset=NONE):
        return _output(c_uint32, "graph_add_tensor", self._handle, name.encode(), c_int32(kind), c_uint64(size),
                    c_uint64(alignment), c_uint64(fixed_offset))

    def operator(self, name, op_type="", reads=(), writes=(), scratch=0):
        return _output(c_uint32, "graph_add_operator", self._handle, name.encode(), op_type.encode(),
                    *_indices(reads), *_indices(writes), c_uint64(scratch))

    def output(self, tensor):
        call("graph_mark_output", self._handle, c_uint32(tensor))

    def foldable(self, operator):
        call("graph_mark_foldable", self._handle, c_uint32(operator))

    def permit(self, operator, permit, source, result, at=0):
        """Permits `result` to share memory with `source` at an operator: VIEW, PIECE, WRITE_OVER..."""
        call("graph_permit", self._handle, c_uint32(operator), c_int32(permit), c_uint32(source),
             c_uint32(result), c_uint64(at))

    def build(self, fold=False):
        """Validates the graph; nothing can be added afterwards. Returns the number of folded operators."""
        if not self._is_built:
            call("graph_build", self._handle)
            self._is_built = True
        return _output(c_size_t, "graph_fold_constants", self._handle) if fold else 0

    def plan(self, in_order=None, **options):
        """Plans the graph in the best order found, or in a given order of operator indices."""
        self.build()
        options = Options(**options)
        if in_order is None:
            return Plan(_output(c_void_p, "graph_plan", self._handle, options._handle))
        order = _indices(in_order)
        return Plan(_output(c_void_p, "graph_plan_in_order", self._handle, *order, options._handle))

    def place(self, pools, **options):
        self.build()
        options = Options(**options)
        return PoolPlan(_output(c_void_p, "graph_place", self._handle, options._handle, pools._handle))


def plan_buffers(buffers, **options):
    """Plans a list of Buffer records or of tuples (size, first step, end)."""
    rows = [row if isinstance(row, Buffer) else Buffer(row[0], 1, NONE, row[1], row[2]) for row in buffers]
    array = (Buffer * len(rows))(*rows)
    problem = _Object("problem", _output(c_void_p, "problem_new", array, *_size(Buffer), c_size_t(len(rows)), None))
    # Bound to a name, as a temporary object would be freed before the call.
    options = Options(**options)
    return Plan(_output(c_void_p, "problem_plan", problem._handle, options._handle))


class Plan(_Object):
    def __init__(self, handle):
        super().__init__("plan", handle)
        self.arena_bytes = _output(c_uint64, "plan_arena_bytes", self._handle)
        self.lower_bound_bytes = _output(c_uint64, "plan_lower_bound_bytes", self._handle)
        self.status = STATUSES[_output(c_int32, "plan_status", self._handle)]
        # By tensor or buffer; None for those outside the arena.
        offsets = _list(c_uint64, "plan_offsets", self._handle)
        self.offsets = [None if offset == NONE else offset for offset in offsets]

    def order(self):
        return _list(c_uint32, "plan_order", self._handle)

    def placements(self):
        return _list(Placement, "plan_placements", self._handle)

    def aliases(self):
        return _list(Alias, "plan_aliases", self._handle)

    def verify(self):
        call("plan_verify", self._handle)


class Pools(_Object):
    """The memories of a target, fast ones first; the last is the backing store."""

    def __init__(self):
        super().__init__("pools", _output(c_void_p, "pools_new"))
        self.names = []

    def add(self, name, capacity=NONE, cost=0, alignment=16):
        pool = Pool(capacity, alignment, NONE, HOLDS_ALL, cost, cost, IN_PLACE, IN_PLACE, 0)
        call("pools_add", self._handle, name.encode(), byref(pool), *_size(Pool))
        self.names.append(name)
        return self


class PoolPlan(_Object):
    def __init__(self, handle):
        super().__init__("pool_plan", handle)
        self.figures = Figures()
        call("pool_plan_figures", self._handle, byref(self.figures), *_size(Figures))
        self.residencies = _list(Residency, "pool_plan_residencies", self._handle)
