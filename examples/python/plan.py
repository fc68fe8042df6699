"""Offsets from Python through the C ABI, without a package: python3 plan.py libplimsoll.so

The package in `python/` does more; this file shows how little another language needs.
"""
import ctypes
import sys
from ctypes import byref, c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

ABI = 2
NONE = 2**64 - 1
STATUSES = ("optimal", "feasible", "infeasible", "unknown")


class Buffer(ctypes.Structure):
    """plimsoll_buffer of the header."""

    _fields_ = [("size", c_uint64), ("alignment", c_uint64), ("fixed_offset", c_uint64), ("start", c_uint32),
                ("end", c_uint32)]


def call(library, name, *arguments):
    """Calls a function of the header. A status that is not 0 becomes an exception with the library's message."""
    if getattr(library, name)(*arguments):
        size = c_size_t()
        library.plimsoll_last_error(None, c_size_t(0), byref(size))
        text = ctypes.create_string_buffer(size.value)
        library.plimsoll_last_error(text, size, byref(size))
        raise ValueError(text.value.decode(errors="replace"))


def solve(library, buffers):
    """Plans a list of (size, first step, end). Returns the arena in bytes, the status and the offsets."""
    array = (Buffer * len(buffers))(*(Buffer(size, 1, NONE, start, end) for size, start, end in buffers))
    problem, plan = c_void_p(), c_void_p()
    names = ctypes.POINTER(c_char_p)()
    call(library, "plimsoll_problem_new", array, c_size_t(ctypes.sizeof(Buffer)), c_size_t(len(buffers)), names,
         byref(problem))
    try:
        call(library, "plimsoll_problem_plan", problem, None, byref(plan))
        arena, status, count = c_uint64(), c_int32(), c_size_t()
        offsets = (c_uint64 * len(buffers))()
        call(library, "plimsoll_plan_arena_bytes", plan, byref(arena))
        call(library, "plimsoll_plan_status", plan, byref(status))
        call(library, "plimsoll_plan_offsets", plan, offsets, c_size_t(len(buffers)), byref(count))
        return arena.value, STATUSES[status.value], list(offsets)
    finally:
        library.plimsoll_plan_free(plan)
        library.plimsoll_problem_free(problem)


if __name__ == "__main__":
    library = ctypes.CDLL(sys.argv[1])
    if library.plimsoll_abi() != ABI:
        sys.exit(f"{sys.argv[1]} has another ABI than {ABI}")
    # Size in bytes, first step, end (exclusive).
    buffers = [(900000, 0, 1), (100000, 0, 3), (400000, 1, 4), (500000, 2, 4)]
    print("arena {} bytes, {}, offsets {}".format(*solve(library, buffers)))
    try:
        solve(library, [(1, 2, 2)])
    except ValueError as error:
        print(f"refused: {error}")
