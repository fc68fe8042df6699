"""Offsets from Python: python3 plan.py libplimsoll.so"""
import sys

import plimsoll

plimsoll.load(sys.argv[1])
# Size in bytes, first step, end (exclusive).
plan = plimsoll.plan_buffers([(900000, 0, 1), (100000, 0, 3), (400000, 1, 4), (500000, 2, 4)])
print(f"arena {plan.arena_bytes} bytes, offsets {plan.offsets}, {plan.status}")
