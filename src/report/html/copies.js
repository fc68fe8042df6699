// Transfers between memories: arrows in the maps, and a table.

const copies = data.placement?.copies ?? { of: [], step: [], due: [], from: [], to: [], bytes: [], fromRow: [], toRow: [] };

/** For each rectangle: the transfers to it, and the transfers from it. */
const copiesTo = new Map();
const copiesFrom = new Map();
copies.of.forEach((_, copy) => {
  for (const [map, row] of [[copiesTo, copies.toRow[copy]], [copiesFrom, copies.fromRow[copy]]]) {
    if (row < 0) continue;
    if (!map.has(row)) map.set(row, []);
    map.get(row).push(copy);
  }
});

const copiedTensor = (copy) => buffers.name[buffers.intervals.get(copies.of[copy])[0]];
/** Returns whether a transfer goes to a faster memory; fast memories come first. */
const rises = (copy) => copies.to[copy] < copies.from[copy];

function copiedWhen(copy) {
  const [step, due] = [copies.step[copy], copies.due[copy]];
  if (due >= data.figures.steps) return "after the last step";
  return step < due ? `from step ${whole(step)} on, before step ${whole(due)}` : `before step ${whole(due)}`;
}

/** The transfers to and from a rectangle, as text. */
function copiesText(row, limit = Infinity) {
  const lines = [
    ...(copiesTo.get(row) ?? []).map((copy) => `copied from ${poolName(copies.from[copy])} ${copiedWhen(copy)}`),
    ...(copiesFrom.get(row) ?? []).map((copy) => `copied to ${poolName(copies.to[copy])} ${copiedWhen(copy)}`),
  ];
  return lines.length > limit ? [...lines.slice(0, limit), `and ${lines.length - limit} more copies`] : lines;
}

/** Returns whether the arrows have less than 12 pixels each on average; they are then drawn small. */
function copiesAreFar(map, frame) {
  return map.copied.length * 12 * (map.view.x1 - map.view.x0) > data.figures.steps * (frame.right - frame.left);
}

/** Calls `use` with the position, length and style of each visible arrow. */
function forEachArrow(map, frame, scale, [length, head], use) {
  const { view } = map;
  for (const { copy, row, comes } of map.copied) {
    const [step, due] = [copies.step[copy], copies.due[copy]];
    if (due < view.x0 || step > view.x1) continue;
    const dim = map.matches !== null && !map.matches.has(row);
    // Arrow heads at the sides of the map are moved inside, so that they are complete.
    const x1 = Math.min(Math.max(scale.x(due), frame.left + head), frame.right - head);
    const x0 = Math.min(step < due ? scale.x(step) : x1, x1);
    const y = scale.y(buffers.at[row] + buffers.bytes[row] / 2);
    // Slower memories are drawn below, so arrows point up for transfers to faster memories.
    const up = rises(copy) ? -1 : 1;
    const [y0, y1] = comes ? [y - up * length, y] : [y, y + up * length];
    use({ x0, x1, y, y0, y1, up, comes, dim });
  }
}

const SMALL_ARROW = [9, 2.5];
const LARGE_ARROW = [15, 4];
/** Returns whether an arrow shows a duration. */
const isLong = ({ x0, x1 }) => x1 - x0 > 1;

/**
 * Draws small arrows as pixels of the map's layer: drawing thousands of them through the canvas
 * takes longer than the rest of the map.
 */
function stampCopies(map, { pixels, across, down }, frame, scale) {
  if (!copiesAreFar(map, frame)) return;
  const { ratio } = map;
  const pixelPairs = map.colours.copies.map((hex) => map.pixelPair(hex));
  const [length, head] = SMALL_ARROW.map((size) => Math.round(size * ratio));
  const shaft = Math.floor(ratio / 2);
  forEachArrow(map, frame, scale, SMALL_ARROW, (arrow) => {
    if (isLong(arrow)) return;
    const number = pixelPairs[arrow.up < 0 ? 0 : 1][arrow.dim ? 1 : 0];
    const x = Math.round((arrow.x1 - frame.left) * ratio);
    const tip = Math.round((arrow.y1 - frame.top) * ratio);
    for (let i = 0; i < length; i++) {
      const line = tip - arrow.up * i;
      if (line < 0 || line >= down) continue;
      const half = i < 2 * head ? i >> 1 : shaft;
      pixels.fill(number, line * across + Math.max(0, x - half), line * across + Math.min(across, x + half + 1));
    }
  });
}

/** Draws an arrow at the source and at the destination of each transfer, as long as its duration. */
function drawCopies(context, map, colours, frame, scale) {
  const far = copiesAreFar(map, frame);
  const size = far ? SMALL_ARROW : LARGE_ARROW;
  const head = size[1];
  // One path for each style: a path for each arrow takes ten times as long.
  const styles = new Map();
  forEachArrow(map, frame, scale, size, (arrow) => {
    if (far && !isLong(arrow)) return;
    const { x0, x1, y, y0, y1, up, comes, dim } = arrow;
    const key = (up < 0 ? 0 : 1) + (dim ? 2 : 0);
    if (!styles.has(key)) styles.set(key, { lines: new Path2D(), heads: new Path2D() });
    const { lines, heads } = styles.get(key);
    lines.moveTo(comes ? x0 : x1, y0);
    if (comes && isLong(arrow)) lines.lineTo(x0, y1);
    lines.lineTo(x1, y1);
    if (!comes && isLong(arrow)) {
      lines.moveTo(x0, y);
      lines.lineTo(x1, y);
    }
    heads.moveTo(x1, y1);
    heads.lineTo(x1 - head, y1 - up * 2 * head);
    heads.lineTo(x1 + head, y1 - up * 2 * head);
    heads.closePath();
  });
  context.lineWidth = far ? 1 : 1.6;
  for (const [key, { lines, heads }] of styles) {
    context.strokeStyle = context.fillStyle = colours.copies[key & 1];
    context.globalAlpha = key > 1 ? 0.15 : 1;
    context.stroke(lines);
    context.fill(heads);
  }
  context.globalAlpha = 1;
}

function copiesPanel(show) {
  const section = document.getElementById("copies");
  if (!data.placement) return;
  section.hidden = false;
  const summary = document.getElementById("copies-says");
  const total = copies.bytes.reduce((sum, bytes) => sum + Number(bytes), 0);
  summary.textContent = copies.of.length
    ? `${whole(copies.of.length)} copies, ${shortBytes(total)} in total, in the order of execution: at the start of a step, before its operator.`
    : "Nothing is copied.";
  if (!copies.of.length) return;
  const row = (copy) => (copies.toRow[copy] >= 0 && buffers.at[copies.toRow[copy]] >= 0 ? copies.toRow[copy] : copies.fromRow[copy]);
  const routes = [...new Set(copies.of.map((_, copy) => `${copies.from[copy]} ${copies.to[copy]}`))].map((route) => route.split(" ").map(Number));
  new VirtualTable(document.getElementById("copies-table"), {
    label: "Copies",
    rows: copies.of.length,
    columns: [
      { title: "Before step", number: true, value: (copy) => copies.due[copy], text: (copy) => (copies.due[copy] >= data.figures.steps ? "the end" : whole(copies.due[copy])) },
      ...(copies.step.some((step, copy) => step < copies.due[copy]) ? [{ title: "From step", number: true, value: (copy) => copies.step[copy], text: (copy) => whole(copies.step[copy]) }] : []),
      { title: "Tensor", wide: true, value: copiedTensor },
      { title: "From", value: (copy) => poolName(copies.from[copy]) },
      { title: "To", value: (copy) => poolName(copies.to[copy]) },
      { title: "Bytes", number: true, value: (copy) => Number(copies.bytes[copy]), text: (copy) => whole(copies.bytes[copy]) },
    ],
    choices: routes.length > 1 ? { label: "Routes", all: "every route", some: routes.map(([from, to]) =>
      [`${poolName(from)} to ${poolName(to)}`, (copy) => copies.from[copy] === from && copies.to[copy] === to]) } : null,
    select: (copy) => row(copy) >= 0 && show(row(copy)),
  });
}
