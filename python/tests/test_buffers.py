"""Buffer lists."""

import signal
import threading
import time
from pathlib import Path

import pytest

import pyplimsoll as pl


def test_lists_are_solved() -> None:
    solution = pl.solve([64, 32, 64], starts=[0, 1, 2], ends=[2, 3, 4], names=["a", "b", "c"])
    assert (solution.arena, solution.status) == (96, "optimal")
    assert [place.name for place in solution.placements] == ["a", "b", "c"]
    assert repr(solution) == 'Solution("buffers": 96 bytes, optimal)'
    assert len(pl.problem([1], [0], [1])) == 1


def test_alignments_and_fixed_offsets() -> None:
    solution = pl.solve([10, 10], [0, 0], [1, 1], align=[16, 1], offsets=[None, 100])
    assert solution.offsets[1] == 100 and solution.offsets[0] % 16 == 0


def test_arrays_are_solved() -> None:
    numpy = pytest.importorskip("numpy")
    draw = numpy.random.default_rng(1)
    starts = numpy.sort(draw.integers(0, 100_000, 100_000))
    sizes = draw.integers(1, 4096, 100_000, dtype="i4")
    solution = pl.solve(sizes, starts, starts + draw.integers(1, 20, 100_000), align=64, effort="quick")
    table = solution.to_numpy()
    assert table["size"].tolist() == sizes.tolist()
    assert int((table["offset"] + table["size"]).max()) == solution.arena
    assert not (table["offset"] % 64).any()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [([-1], "sizes: "), ([2**64], "sizes: "), ([1.5], "sizes: "), (["a"], "sizes: ")],
)
def test_wrong_numbers_are_refused(sizes: list[int], message: str) -> None:
    with pytest.raises(pl.PlimsollError, match=message):
        pl.solve(sizes, [0], [1])


def test_wrong_arrays_are_refused() -> None:
    numpy = pytest.importorskip("numpy")
    with pytest.raises(pl.PlimsollError, match=r"starts\[1\] is -2"):
        pl.solve(numpy.array([1, 1]), numpy.array([0, -2]), numpy.array([1, 1]))
    with pytest.raises(pl.PlimsollError, match="sizes: an array of 1 axes and type float64"):
        pl.solve(numpy.array([1.0]), [0], [1])
    with pytest.raises(pl.PlimsollError, match="starts has 2 numbers, sizes has 1"):
        pl.solve([1], [0, 1], [1])
    with pytest.raises(pl.PlimsollError, match=r"ends\[0\] is 4294967296"):
        pl.solve([1], [0], [2**32])


def test_a_csv_file_is_solved(tmp_path: Path) -> None:
    path = tmp_path / "buffers.csv"
    path.write_text("id,lower,upper,size\na,0,2,64\nb,1,3,32\nc,2,4,64\n")
    solution = pl.plan(path)
    assert isinstance(solution, pl.Solution) and solution.arena == 96
    with pytest.raises(pl.PlimsollError, match="needs a network"):
        pl.tile(path)


def hard() -> pl.Problem:
    """A problem whose search takes much longer than the tests wait."""
    state, buffers = 7, []
    for _ in range(3000):
        numbers = []
        for limit in (100, 60, 1 << 20):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            numbers.append((state >> 33) % limit)
        buffers.append((numbers[0], numbers[0] + 1 + numbers[1], 1 + numbers[2]))
    starts, ends, sizes = zip(*buffers)
    return pl.problem(sizes, starts, ends)


def test_an_interrupt_ends_the_search() -> None:
    main = threading.main_thread()
    timer = threading.Timer(0.3, lambda: signal.pthread_kill(main.ident or 0, signal.SIGINT))
    # A process in the background may ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        start = time.monotonic()
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            hard().solve(strategy="exact", node_limit=2**62, time_limit=60)
        assert time.monotonic() - start < 30
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


def test_other_threads_run_during_a_search() -> None:
    ticks, stop = [], threading.Event()

    def tick() -> None:
        while not stop.wait(0.01):
            ticks.append(1)

    thread = threading.Thread(target=tick)
    thread.start()
    hard().solve(strategy="exact", node_limit=2**62, time_limit=0.5)
    stop.set()
    thread.join()
    assert len(ticks) >= 3
