"""Static memory planning for neural-network compilers: an operator order, an offset for every tensor in as little
memory as possible, and a lower bound that shows how close the plan is to the limit.

    import pyplimsoll as pl

    plan = pl.plan("model.tflite")
    print(plan.arena, plan.bound, plan.status)
    print(plan.offsets["conv1"])
    plan.save("plan.json", "plan.html")

    solution = pl.solve([64, 32, 64], starts=[0, 1, 2], ends=[2, 3, 4])

Sizes and offsets are in bytes. Steps count operators in the order in which they run; live ranges are half-open.
Failed calls raise `PlimsollError`, files that cannot be read `OSError`. Long calls release the interpreter; Ctrl-C
ends them.
"""

from ._inputs import read
from ._native import (
    Graph,
    Operator,
    Placement,
    Plan,
    PlimsollError,
    Problem,
    Solution,
    Tensor,
    __version__,
)
from ._planning import FitRow, fit, plan, problem, solve, tile, to_numpy, verify

__all__ = [
    "FitRow",
    "Graph",
    "Operator",
    "Placement",
    "Plan",
    "PlimsollError",
    "Problem",
    "Solution",
    "Tensor",
    "__version__",
    "fit",
    "plan",
    "problem",
    "read",
    "solve",
    "tile",
    "to_numpy",
    "verify",
]
