// Reproducible networks of any size: blocks with branches that are joined.

/** A linear congruential generator of numbers below `limit`. */
function generator(seed) {
  let state = BigInt(seed) * 2862933555777941757n + 3037000493n;
  return (limit) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
    return Number((state >> 33n) % BigInt(limit));
  };
}

/** A graph for export as JSON, with about `count` tensors in the arena. */
export function network(name, count, seed = 1) {
  const random = generator(seed);
  const [ops, tensors] = [[], []];
  const tensor = (bytes, kind = "intermediate") => {
    const id = tensors.length;
    tensors.push({ name: `${name}/block_${Math.floor(id / 12)}/tensor_${id}`, shape: [bytes], dtype: "int8", bytes, kind });
    return id;
  };
  const operator = (type, inputs, bytes) => {
    const output = tensor(bytes);
    ops.push({ name: `${name}/op_${ops.length}`, type, inputs, outputs: [output] });
    return output;
  };
  let [last, width] = [tensor(64 * 64 * 3, "input"), 4096];
  while (tensors.length < count) {
    width = Math.min(65536, Math.max(4096, Math.floor(width * (60 + random(100)) / 100)));
    const ends = random(3) ? [] : [last];
    for (let branch = 0; branch <= random(4); branch++) {
      let end = operator("Conv", [last], width * (1 + random(3)));
      for (let depth = random(3); depth > 0; depth--) end = operator(["Relu", "DepthwiseConv", "Sigmoid"][random(3)], [end], tensors[end].bytes);
      ends.push(operator("Conv", [end], width));
    }
    last = ends.length > 1 ? operator("Add", ends, width) : operator("MaxPool", ends, width);
  }
  tensors[last].kind = "output";
  return { name, ops, tensors };
}
