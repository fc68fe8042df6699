"""What lives on chip and what in DDR, from Python: python3 place.py libplimsoll.so"""
import ctypes
import sys
from ctypes import byref, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

library = ctypes.CDLL(sys.argv[1])
NONE, IN_PLACE, ALL = 2**64 - 1, 2**32 - 1, 15
INPUT, CONSTANT, INTERMEDIATE = 0, 1, 3


def record(longs, ints):
    fields = [(name, c_uint64) for name in longs.split()] + [(name, c_uint32) for name in ints.split()]
    return type("Record", (ctypes.Structure,), {"_fields_": fields})


Pool = record("capacity alignment largest", "holds read_cost write_cost copy_from_cost copy_to_cost unused")
Stay = record("offset bytes", "start end index occupant pool unused")
Figures = record("cost lower_bound floor preloaded nodes", "stop pools")


def check(status):
    if status:
        text, size = ctypes.create_string_buffer(1024), c_size_t()
        library.plimsoll_last_error(text, c_size_t(1024), byref(size))
        raise RuntimeError(text.value.decode())


def new(function, *arguments):
    made = c_void_p()
    check(function(*arguments, byref(made)))
    return made


def tensor(graph, name, kind, size):
    index = c_uint32()
    check(library.plimsoll_graph_add_tensor(graph, name, c_int32(kind), c_uint64(size), c_uint64(0), c_uint64(NONE), byref(index)))
    return index.value


graph = new(library.plimsoll_graph_new, b"layer")
names = [b"image", b"weights", b"result"]
tensors = [tensor(graph, *row) for row in zip(names, [INPUT, CONSTANT, INTERMEDIATE], [1000, 5000, 1000])]
inputs, outputs, operator = (c_uint32 * 2)(*tensors[:2]), (c_uint32 * 1)(tensors[2]), c_uint32()
check(library.plimsoll_graph_add_operator(graph, b"conv", b"Conv", inputs, c_size_t(2), outputs, c_size_t(1), c_uint64(0), byref(operator)))
check(library.plimsoll_graph_mark_output(graph, c_uint32(tensors[2])))
check(library.plimsoll_graph_build(graph))

pools = new(library.plimsoll_pools_new)
for name, capacity, cost in [(b"l2", 6000, 0), (b"ddr", NONE, 1)]:
    check(library.plimsoll_pools_add(pools, name, byref(Pool(capacity, 16, NONE, ALL, cost, cost, IN_PLACE, IN_PLACE, 0))))
plan, figures, count = new(library.plimsoll_graph_place, graph, None, pools), Figures(), c_size_t()
check(library.plimsoll_pool_plan_figures(plan, byref(figures)))
stays = (Stay * 16)()
check(library.plimsoll_pool_plan_stays(plan, stays, c_size_t(16), byref(count)))
for stay in stays[: count.value]:
    print(f"{names[stay.index].decode()} in {['l2', 'ddr'][stay.pool]} at {stay.offset}")
print(f"cost {figures.cost}, at least {figures.lower_bound}; {figures.preloaded} bytes stay on chip")
for free, thing in [("pool_plan", plan), ("pools", pools), ("graph", graph)]:
    getattr(library, f"plimsoll_{free}_free")(thing)
