"""A plan for on-chip memory and DDR, from Python: python3 place.py libplimsoll.so"""
import sys

import plimsoll

plimsoll.load(sys.argv[1])
graph = plimsoll.Graph("layer")
names = ["image", "weights", "result"]
image = graph.tensor("image", 1000, kind=plimsoll.INPUT)
weights = graph.tensor("weights", 5000, kind=plimsoll.CONSTANT)
result = graph.tensor("result", 1000)
graph.operator("conv", "Conv", reads=[image, weights], writes=[result])
graph.output(result)

# Each byte read or written in DDR, the backing store, costs 1.
pools = plimsoll.Pools().add("l2", 6000).add("ddr", cost=1)
plan = graph.place(pools)
for stay in plan.residencies:
    print(f"{names[stay.index]} in {pools.names[stay.pool]} at {stay.offset}")
figures = plan.figures
print(f"cost {figures.cost}, at least {figures.lower_bound}; {figures.preloaded} bytes stay on chip")
