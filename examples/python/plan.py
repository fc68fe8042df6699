"""Offsets from Python: python3 plan.py libplimsoll.so"""
import ctypes
import sys

library = ctypes.CDLL(sys.argv[1])
NONE = 2**64 - 1  # no fixed offset


class Buffer(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint64), ("alignment", ctypes.c_uint64), ("fixed_offset", ctypes.c_uint64),
                ("start", ctypes.c_uint32), ("end", ctypes.c_uint32)]


def check(status):
    if status:
        text, size = ctypes.create_string_buffer(1024), ctypes.c_size_t()
        library.plimsoll_last_error(text, ctypes.c_size_t(1024), ctypes.byref(size))
        raise RuntimeError(text.value.decode())


def plan(rows):
    """Offsets and arena size for (size, start, end) rows, in bytes and steps."""
    buffers = (Buffer * len(rows))(*[Buffer(size, 1, NONE, start, end) for size, start, end in rows])
    problem, planned, count, arena = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_uint64()
    offsets = (ctypes.c_uint64 * len(rows))()
    check(library.plimsoll_problem_new(buffers, ctypes.c_size_t(len(rows)), None, ctypes.byref(problem)))
    check(library.plimsoll_problem_plan(problem, None, ctypes.byref(planned)))
    check(library.plimsoll_plan_offsets(planned, offsets, ctypes.c_size_t(len(rows)), ctypes.byref(count)))
    check(library.plimsoll_plan_arena_bytes(planned, ctypes.byref(arena)))
    library.plimsoll_plan_free(planned)
    library.plimsoll_problem_free(problem)
    return list(offsets), arena.value


places, arena_bytes = plan([(900000, 0, 1), (100000, 0, 3), (400000, 1, 4), (500000, 2, 4)])
print(f"arena {arena_bytes} bytes, offsets {places}")
