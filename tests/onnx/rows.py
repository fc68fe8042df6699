"""Checks access maps by changing rows of inputs.

An output row may change only if the access map of its operator says that it reads a changed row. Used by
access.py for ONNX operators and by tests/tflm/access.py for models of TensorFlow Lite.
"""

import numpy as np


def reads(rows, row, count):
    """The rows of an input with `count` rows that output row `row` reads, by an entry of a map."""
    numerator, denominator = rows.get("numerator", 1), rows.get("denominator", 1)
    low = (row * numerator + rows.get("first", 0)) // denominator
    high = (row * numerator + rows.get("last", 0)) // denominator
    if rows.get("outside") == "edge":
        low, high = min(max(low, 0), count - 1), min(max(high, 0), count - 1)
    return range(max(low, 0), min(high, count - 1) + 1)


def changed_rows(before, after, axis):
    """The rows along an axis in which two arrays differ."""
    before, after = np.asarray(before), np.asarray(after)
    differs = before != after
    if before.dtype.kind in "fc" or before.dtype.name in ("bfloat16",):
        differs &= ~((before != before) & (after != after))
    others = tuple(other for other in range(before.ndim) if other != axis)
    return set(np.nonzero(differs.any(axis=others))[0].tolist())


def unexplained(axis, inputs, outputs):
    """Output rows that changed though they read no changed row.

    `inputs` and `outputs` are pairs of arrays before and after; an input of None did not change. The second result
    counts the changed output rows.
    """
    changed = set()
    for at, (before, after) in zip(axis["outputs"], outputs):
        changed |= changed_rows(before, after, at)
    explained = set()
    for number, pair in enumerate(inputs):
        if pair is None:
            continue
        rows = axis["inputs"][number] if number < len(axis["inputs"]) else None
        if rows is None:
            if changed_rows(pair[0].reshape(-1), pair[1].reshape(-1), 0):
                return set(), 0
            continue
        moved = changed_rows(*pair, rows["axis"])
        count = pair[0].shape[rows["axis"]]
        explained |= {row for row in changed if any(read in moved for read in reads(rows, row, count))}
    return changed - explained, len(changed)
