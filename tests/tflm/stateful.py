"""Drawn models with variables, initialisers that run once, and bodies of unusual forms."""

import random

import numpy as np

from models import Graph, Model, widen

WIDTH = 64


class Stateful:
    """A model with IF, WHILE, CALL_ONCE and variables at random. Bodies may return constants, their inputs or inputs in
    another order, leave inputs unread, and read and assign the variables of the model."""

    def __init__(self, seed):
        self.draw, self.model = random.Random(seed), Model()
        self.graph = main = Graph(self.model, "main")
        self.variables = [f"variable{number}" for number in range(self.draw.randint(0, 2))]
        truth, value = main.tensor([1], "bool"), main.tensor([1, WIDTH])
        self.inputs, self.kinds = [truth, value], {truth: "bool", value: "float32"}
        if self.draw.random() < 0.4:
            unread = main.tensor([self.draw.randint(1, 40), WIDTH])
            self.inputs.insert(self.draw.randint(0, 2), unread)
            self.kinds[unread] = "float32"
        self.shapes = {tensor: main.made.tensors[tensor].shape for tensor in self.inputs}
        if self.draw.random() < 0.7:
            self.once(main)
        else:
            for name in self.variables:
                self.assign(main, name, main.constant(np.linspace(-1, 1, WIDTH).reshape(1, WIDTH)))
        outputs = [self.chain(main, truth, value, 2)]
        if self.draw.random() < 0.3:
            outputs.append(value)
        if self.draw.random() < 0.3:
            outputs.append(main.constant(np.linspace(0, 1, WIDTH).reshape(1, WIDTH)))
        self.outputs = len(outputs)
        main.ends(self.inputs, outputs)

    def feed(self, numbers):
        """Random values of the inputs."""
        def one(tensor):
            shape = self.shapes[tensor]
            if self.kinds[tensor] == "bool":
                return numbers.integers(0, 2, shape).astype("bool")
            return numbers.standard_normal(shape).astype("float32")
        return [one(tensor) for tensor in self.inputs]

    def once(self, main):
        body = Graph(self.model, "initialiser")
        for name in self.variables:
            value = body.constant(np.linspace(-1, 2, WIDTH).reshape(1, WIDTH))
            self.assign(body, name, widen(body, value, 12) if self.draw.random() < 0.5 else value)
        body.ends([], [])
        index = len(self.model.made.subgraphs) - 1
        main.add("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=index)

    def handle(self, graph, name):
        return graph.add("VAR_HANDLE", [], [graph.tensor([], "resource")], "VarHandleOptions", container="", sharedName=name)

    def assign(self, graph, name, value):
        graph.add("ASSIGN_VARIABLE", [self.handle(graph, name), value], [], "AssignVariableOptions")

    def read(self, graph, name):
        return graph.add("READ_VARIABLE", [self.handle(graph, name)], [graph.tensor([1, WIDTH])], "ReadVariableOptions")

    def chain(self, graph, truth, value, depth):
        for _ in range(self.draw.randint(1, 3)):
            kinds = ["widen", "widen"] + ["if", "while", "while twice"] * (depth > 0) + ["read", "assign"] * bool(self.variables)
            kind = self.draw.choice(kinds)
            if kind == "widen":
                value = widen(graph, value, self.draw.randint(2, 9))
            elif kind == "read":
                old = self.read(graph, self.draw.choice(self.variables))
                value = graph.add("ADD", [value, old], [graph.tensor([1, WIDTH])], "AddOptions")
            elif kind == "assign":
                self.assign(graph, self.draw.choice(self.variables), value)
            elif kind == "if":
                value = self.conditional(graph, truth, value, depth - 1)
            else:
                value, pair = self.loop(graph, truth, value, depth - 1)
                if kind == "while twice":
                    value, _ = self.loop(graph, truth, pair, depth - 1)
        return value

    def body(self, name):
        body = Graph(self.model, name)
        return len(self.model.made.subgraphs) - 1, body

    def result(self, body, truth, value, depth):
        """The result of a body: an input, a constant, or computed."""
        kind = self.draw.random()
        if kind < 0.2:
            return value
        if kind < 0.4:
            return body.constant(np.linspace(-2, 1, WIDTH).reshape(1, WIDTH))
        return self.chain(body, truth, value, depth)

    def conditional(self, graph, truth, value, depth):
        branches = []
        for name in ["then", "else"]:
            index, body = self.body(name)
            inner_truth, inner = body.tensor([1], "bool"), body.tensor([1, WIDTH])
            body.ends([inner_truth, inner], [self.result(body, inner_truth, inner, depth)])
            branches.append(index)
        fields = dict(zip(["thenSubgraphIndex", "elseSubgraphIndex"], branches))
        return graph.add("IF", [truth, truth, value], [graph.tensor([1, WIDTH])], "IfOptions", **fields)

    def loop(self, graph, truth, value, depth):
        """A loop with two values that its body may exchange."""
        start = graph.add("ADD", [graph.constant([0], "int32")] * 2, [graph.tensor([1], "int32")], "AddOptions")
        exchanges, indices = self.draw.random() < 0.4, []
        for name in ["condition", "turn"]:
            index, body = self.body(name)
            shapes = [([1], "int32"), ([1], "bool"), ([1, WIDTH], "float32"), ([1, WIDTH], "float32")]
            inputs = [body.tensor(shape, kind) for shape, kind in shapes]
            turn, inner_truth, first, second = inputs
            if name == "condition":
                turns = body.constant([self.draw.randint(0, 3)], "int32")
                body.ends(inputs, [body.add("LESS", [turn, turns], [body.tensor([1], "bool")])])
            else:
                following = body.add("ADD", [turn, body.constant([1], "int32")], [body.tensor([1], "int32")], "AddOptions")
                results = [self.result(body, inner_truth, first, depth), second]
                if exchanges:
                    results = [widen(body, second, 3), results[0]]
                body.ends(inputs, [following, inner_truth, *results])
            indices.append(index)
        outputs = [graph.tensor(*one) for one in shapes]
        fields = dict(zip(["condSubgraphIndex", "bodySubgraphIndex"], indices))
        graph.add("WHILE", [start, truth, value, widen(graph, value, 2)], outputs, "WhileOptions", **fields)
        return outputs[2], outputs[3]
