"""plimsoll from Python: the C ABI (plimsoll.h) by ctypes, as far as the examples need it.

    import plimsoll
    plimsoll.load("libplimsoll.so")  # or without a path: PLIMSOLL_LIBRARY, or as installed
    graph = plimsoll.Graph("tiny")
    image = graph.tensor("image", 3072, kind=plimsoll.INPUT)
    result = graph.tensor("result", 10)
    graph.operator("dense", reads=[image], writes=[result])
    graph.output(result)
    plan = graph.plan(alignment=16)
    print(plan.arena_bytes, plan.offsets[result])

Whatever fails raises plimsoll.Error with the library's message. Every other function of the
header is reached in the same way, through `call`.
"""

import ctypes
import ctypes.util
import os
from ctypes import POINTER, Structure, byref, c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

ABI = 1
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
Share = _record("Share", "at", "tensor of operator how")
Pool = _record("Pool", "capacity alignment largest", "holds read_cost write_cost copy_from_cost copy_to_cost unused")
Stay = _record("Stay", "offset bytes", "start end index occupant pool unused")
Figures = _record("Figures", "cost lower_bound floor preloaded nodes", "stop pools")


class Error(Exception):
    """What the library says."""


_library = None


def load(path=None):
    """Loads the shared library: by this path, that of PLIMSOLL_LIBRARY, or as installed."""
    global _library
    path = path or os.environ.get("PLIMSOLL_LIBRARY") or ctypes.util.find_library("plimsoll")
    if path is None:
        raise Error("there is no libplimsoll; name it by load(path) or PLIMSOLL_LIBRARY")
    library = ctypes.CDLL(path)
    if library.plimsoll_abi() != ABI:
        raise Error(f"{path} has ABI {library.plimsoll_abi()}, expected {ABI}")
    _library = library


def call(name, *arguments):
    """Calls plimsoll_NAME, which returns a status. Numbers must be of ctypes' types."""
    if _library is None:
        load()
    if getattr(_library, f"plimsoll_{name}")(*arguments):
        text, size = ctypes.create_string_buffer(4096), c_size_t()
        _library.plimsoll_last_error(text, c_size_t(len(text)), byref(size))
        raise Error(text.value.decode(errors="replace"))


def _got(kind, name, *arguments):
    """What a call writes through its last argument."""
    place = kind()
    call(name, *arguments, byref(place))
    return place.value if hasattr(place, "value") else place


def _list(kind, name, handle):
    """An array that a call copies out."""
    count = c_size_t()
    call(name, handle, None, c_size_t(0), byref(count))
    items = (kind * count.value)()
    call(name, handle, items, count, byref(count))
    return list(items)


def _indices(numbers):
    numbers = list(numbers)
    return (c_uint32 * len(numbers))(*numbers), c_size_t(len(numbers))


class _Object:
    """An object of the library's, freed with this one."""

    def __init__(self, kind, handle):
        self._kind, self._handle = kind, c_void_p(handle)

    def __del__(self):
        if getattr(self, "_handle", None) and _library is not None:
            getattr(_library, f"plimsoll_{self._kind}_free")(self._handle)


class Options(_Object):
    def __init__(self, alignment=None, capacity=None, strategy=None, order=None, sharing=None, node_limit=None):
        super().__init__("options", _got(c_void_p, "options_new"))
        given = {
            "alignment": (alignment, c_uint64), "capacity": (capacity, c_uint64), "sharing": (sharing, c_int32),
            "order": (order if order is None else ORDERS[order], c_int32), "node_limit": (node_limit, c_uint64),
            "strategy": (strategy and strategy.encode(), c_char_p),
        }
        for name, (value, kind) in given.items():
            if value is not None:
                call(f"options_set_{name}", self._handle, kind(value))


class Graph(_Object):
    """Operators and tensors; both are told by their indices."""

    def __init__(self, name):
        super().__init__("graph", _got(c_void_p, "graph_new", name.encode()))
        self._is_built = False

    def tensor(self, name, size, kind=INTERMEDIATE, alignment=0, fixed_offset=NONE):
        return _got(c_uint32, "graph_add_tensor", self._handle, name.encode(), c_int32(kind), c_uint64(size),
                    c_uint64(alignment), c_uint64(fixed_offset))

    def operator(self, name, op_type="", reads=(), writes=(), scratch=0):
        return _got(c_uint32, "graph_add_operator", self._handle, name.encode(), op_type.encode(),
                    *_indices(reads), *_indices(writes), c_uint64(scratch))

    def output(self, tensor):
        call("graph_mark_output", self._handle, c_uint32(tensor))

    def foldable(self, operator):
        call("graph_mark_foldable", self._handle, c_uint32(operator))

    def permit(self, operator, permit, source, result, at=0):
        """The operator may let `result` share memory with `source`: VIEW, PIECE, WRITE_OVER..."""
        call("graph_permit", self._handle, c_uint32(operator), c_int32(permit), c_uint32(source),
             c_uint32(result), c_uint64(at))

    def build(self, fold=False):
        """Checks it; nothing can be added from then on. How many operators are folded away."""
        if not self._is_built:
            call("graph_build", self._handle)
            self._is_built = True
        return _got(c_size_t, "graph_fold_constants", self._handle) if fold else 0

    def plan(self, in_order=None, **options):
        """A plan in the best order found, or in one given by the operators' indices."""
        self.build()
        options = Options(**options)
        if in_order is None:
            return Plan(_got(c_void_p, "graph_plan", self._handle, options._handle))
        order = _indices(in_order)
        return Plan(_got(c_void_p, "graph_plan_in_order", self._handle, *order, options._handle))

    def place(self, pools, **options):
        self.build()
        options = Options(**options)
        return PoolPlan(_got(c_void_p, "graph_place", self._handle, options._handle, pools._handle))


def plan_buffers(buffers, **options):
    """Offsets for (size, first step, step after the last), or for rows of Buffer."""
    rows = [row if isinstance(row, Buffer) else Buffer(row[0], 1, NONE, row[1], row[2]) for row in buffers]
    array = (Buffer * len(rows))(*rows)
    problem = _Object("problem", _got(c_void_p, "problem_new", array, c_size_t(len(rows)), None))
    # A name, as an object that has none is freed before the call.
    options = Options(**options)
    return Plan(_got(c_void_p, "problem_plan", problem._handle, options._handle))


class Plan(_Object):
    def __init__(self, handle):
        super().__init__("plan", handle)
        self.arena_bytes = _got(c_uint64, "plan_arena_bytes", self._handle)
        self.lower_bound_bytes = _got(c_uint64, "plan_lower_bound_bytes", self._handle)
        self.status = STATUSES[_got(c_int32, "plan_status", self._handle)]
        # By tensor, or buffer; None for what has no place in the arena.
        found = _list(c_uint64, "plan_offsets", self._handle)
        self.offsets = [None if offset == NONE else offset for offset in found]

    def order(self):
        return _list(c_uint32, "plan_order", self._handle)

    def placements(self):
        return _list(Placement, "plan_placements", self._handle)

    def shares(self):
        return _list(Share, "plan_shares", self._handle)

    def verify(self):
        call("plan_verify", self._handle)


class Pools(_Object):
    """Memories, fast ones first; the last is home."""

    def __init__(self):
        super().__init__("pools", _got(c_void_p, "pools_new"))
        self.names = []

    def add(self, name, capacity=NONE, cost=0, alignment=16):
        pool = Pool(capacity, alignment, NONE, HOLDS_ALL, cost, cost, IN_PLACE, IN_PLACE, 0)
        call("pools_add", self._handle, name.encode(), byref(pool))
        self.names.append(name)
        return self


class PoolPlan(_Object):
    def __init__(self, handle):
        super().__init__("pool_plan", handle)
        self.figures = _got(Figures, "pool_plan_figures", self._handle)
        self.stays = _list(Stay, "pool_plan_stays", self._handle)
