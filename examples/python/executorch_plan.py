"""A memory planning pass for ExecuTorch: python3 executorch_plan.py libplimsoll.so

ExecuTorch lowers a model, computes the lifetimes of its tensors, and calls a memory planning
algorithm for offsets. `plimsoll_algorithm` is such an algorithm. To use it in a program:

    import plimsoll
    from executorch.exir import ExecutorchBackendConfig
    from executorch.exir.memory_planning import MemoryPlanningAlgorithmSuite
    from executorch.exir.passes import MemoryPlanningPass
    from executorch_plan import plimsoll_algorithm

    suite = MemoryPlanningAlgorithmSuite(algo_list=[plimsoll_algorithm])
    config = ExecutorchBackendConfig(memory_planning_pass=MemoryPlanningPass(memory_planning_algo=suite))
    program = to_edge(exported).to_executorch(config)

When run, this file plans networks with it and with ExecuTorch's own algorithm (greedy), runs both
programs in ExecuTorch's runtime, and compares sizes and outputs. It needs the packages executorch and
torch (tested with 1.5.1 and 2.15.0).
"""
import random
import sys

import plimsoll
from executorch.exir.memory_planning import MemoryAlgoResult, SpecAllocResult


def root_of(spec):
    """The outermost tensor that contains this one, and the offset in it."""
    offset = 0
    while spec.storage_base is not None:
        offset += spec.storage_base_offset
        spec = spec.storage_base
    return spec, offset


def plimsoll_algorithm(alignment, specs, graph_module, graph_signature, extra_padding=0):
    """Chooses offsets for all specs, with the smallest arena that plimsoll finds for each memory."""
    result = MemoryAlgoResult({}, [0, 0])
    memories = {}
    for spec in specs:
        spec.realign(alignment)
        memory = memories.setdefault(root_of(spec)[0].mem_id or 1, ([], []))
        memory[spec.storage_base is not None].append(spec)
    # Bytes that the outer graph uses.
    used = getattr(graph_module, "input_mem_buffer_sizes", None) or []
    for mem_id, (roots, inner) in sorted(memories.items()):
        base = used[mem_id] if mem_id < len(used) else 0
        # Lifetimes are inclusive ranges of nodes; live ranges are half-open.
        plan = plimsoll.plan_buffers(
            plimsoll.Buffer(spec.allocated_memory, alignment, plimsoll.NONE, spec.lifetime[0], spec.lifetime[1] + 1)
            for spec in roots
        )
        # The arena starts aligned, after the bytes of the outer graph.
        start = -(-base // alignment) * alignment
        # Overlapping tensors must have the same object id, so all have object 0.
        for spec, offset in zip(roots, plan.offsets):
            result.spec_dict[spec] = SpecAllocResult(mem_id, 0, start + offset)
        for spec in inner:
            root, offset = root_of(spec)
            result.spec_dict[spec] = SpecAllocResult(mem_id, 0, result.spec_dict[root].mem_offset + offset)
        result.bufsizes += [0] * (mem_id + 1 - len(result.bufsizes))
        result.bufsizes[mem_id] = start + plan.arena_bytes + extra_padding
    return result


def networks():
    """Networks: a chain, a branch, branches of different lengths, and a random one."""
    import torch
    from torch import nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)

        def forward(self, x):
            x = self.first(x).relu()
            return (self.second(x).relu() + x).mean((2, 3))

    class Pyramid(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [(3, 8), (8, 24), (24, 40), (40, 24), (24, 8)]
            self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in widths)
            self.pool, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)

        def forward(self, x):
            a = self.convolutions[0](x).relu()
            b = self.convolutions[1](self.pool(a)).relu()
            c = self.convolutions[2](self.pool(b)).relu()
            d = self.convolutions[3](self.up(c)).sigmoid() * b
            return self.convolutions[4](self.up(d)).sigmoid() + a

    class Wired(nn.Module):
        """Random layers: sums and maxima of earlier results, of random widths."""

        def __init__(self, seed, count=14):
            super().__init__()
            draw = random.Random(seed)
            self.steps = [(draw.randrange(1, 40), draw.randrange(n + 1), draw.randrange(n + 1)) for n in range(count)]

        def forward(self, x):
            results, used = [x], set()
            for width, left, right in self.steps:
                used |= {left, right}
                row = results[left].sum(0, keepdim=True) + results[right].amax(0, keepdim=True)
                results.append(torch.cat([row.tanh()] * width))
            return torch.stack([result.sum(0) for n, result in enumerate(results) if n not in used])

    chain = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.Tanh(), nn.Linear(128, 10))
    torch.manual_seed(1)
    yield "chain", chain, torch.randn(1, 64)
    yield "residual", Residual(), torch.randn(1, 3, 32, 32)
    yield "pyramid", Pyramid(), torch.randn(1, 3, 32, 32)
    yield "wired", Wired(5), torch.randn(1, 64)


def lowered(network, image, algorithm):
    """Lowers a network with a planning algorithm. Returns the program and the bytes that it needs."""
    import torch
    from executorch.exir import ExecutorchBackendConfig, to_edge
    from executorch.exir.memory_planning import MemoryPlanningAlgorithmSuite
    from executorch.exir.passes import MemoryPlanningPass

    planning = MemoryPlanningPass(memory_planning_algo=MemoryPlanningAlgorithmSuite(algo_list=[algorithm]))
    exported = torch.export.export(network.eval(), (image,))
    program = to_edge(exported).to_executorch(ExecutorchBackendConfig(memory_planning_pass=planning))
    return program, sum(program.executorch_program.execution_plan[0].non_const_buffer_sizes)


def run(program, image):
    from executorch.runtime import Runtime

    return Runtime.get().load_program(program.buffer).load_method("forward").execute([image])[0]


def main(library):
    import torch
    from executorch.exir.memory_planning import Verifier, greedy

    plimsoll.load(library)
    for name, network, image in networks():
        outputs = []
        sizes = []
        for algorithm in (greedy, plimsoll_algorithm):
            program, size = lowered(network, image, algorithm)
            module = program.exported_program().graph_module
            # ExecuTorch's own check: no two tensors share a byte while both are live.
            Verifier(module, True, True, True, program.exported_program().graph_signature).verify_storage_reuse()
            outputs.append(run(program, image))
            sizes.append(size)
        assert torch.equal(*outputs), f"{name}: outputs differ"
        assert sizes[1] <= sizes[0], f"{name}: {sizes[1]} bytes instead of {sizes[0]}"
        print(f"{name}: greedy {sizes[0]} bytes, plimsoll {sizes[1]}; outputs equal, bit by bit")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
