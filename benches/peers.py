"""Heights and CPU seconds of peers beside plimsoll's, one thread each:

    cargo build --release
    pip install omnimalloc
    python3 benches/peers.py ../shared/bench/minimalloc/*.csv ../shared/bench/idealloc/*.csv

Of plimsoll, the whole process counts, reading included; of peers, the call that
allocates. Each has ten seconds.
"""

import csv
import resource
import subprocess
import sys
import time

import omnimalloc
from omnimalloc.allocators import SupermallocAllocator

SECONDS = 10
PROGRAM = "target/release/plimsoll"


def main(paths):
    print("| input | lower bound | plimsoll auto | plimsoll exact | supermalloc | omni | best greedy |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    omnimalloc.set_max_threads(1)
    for path in paths:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [{key: row[key] for key in ("lower", "upper", "size")} for row in csv.DictReader(file)]
        rows = [(int(row["lower"]), int(row["upper"]), int(row["size"])) for row in rows]
        bound = load(rows)
        cells = [ours(path, "auto"), ours(path, "exact")]
        for name in [SupermallocAllocator(timeout=SECONDS, num_threads=1), "omni", "greedy_by_all"]:
            cells.append(theirs(rows, name))
        texts = [f"{100 * (height / bound - 1):.3f} %, {seconds:.3f} s" for height, seconds in cells]
        print("|", path.split("/")[-1].removesuffix(".csv"), "|", bound, "|", " | ".join(texts), "|", flush=True)


def load(rows):
    changes = [(lower, size) for lower, _, size in rows] + [(upper, -size) for _, upper, size in rows]
    live = most = 0
    for _, size in sorted(changes):
        live += size
        most = max(most, live)
    return most


def ours(path, strategy):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [PROGRAM, "plan", path, "--align", "1", "--strategy", strategy, "--time-limit", str(SECONDS)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    arena = next(line for line in out.splitlines() if line.startswith("arena"))
    height = int(arena.split("(")[-1].split()[0]) if "(" in arena else int(arena.split()[1])
    return height, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def theirs(rows, allocator):
    buffers = [omnimalloc.Allocation(i, size, lower, upper) for i, (lower, upper, size) in enumerate(rows)]
    before = time.process_time()
    placed = omnimalloc.allocate(buffers, allocator)
    seconds = time.process_time() - before
    return max(one.offset + one.size for one in placed), seconds


if __name__ == "__main__":
    main(sys.argv[1:])
