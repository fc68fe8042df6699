// What is copied from one memory to another.

const copies = data.placement?.copies ?? { of: [], step: [], due: [], from: [], to: [], bytes: [], fromRow: [], toRow: [] };

/** By place: copies that it is the destination of, and those that it is the source of. */
const copiesTo = new Map();
const copiesFrom = new Map();
copies.of.forEach((_, copy) => {
  for (const [map, row] of [[copiesTo, copies.toRow[copy]], [copiesFrom, copies.fromRow[copy]]]) {
    if (row < 0) continue;
    if (!map.has(row)) map.set(row, []);
    map.get(row).push(copy);
  }
});

const copiedTensor = (copy) => buffers.name[buffers.places.get(copies.of[copy])[0]];
/** Fast memories come first: those are closer to the operators. */
const rises = (copy) => copies.to[copy] < copies.from[copy];

function copiedWhen(copy) {
  const [step, due] = [copies.step[copy], copies.due[copy]];
  if (due >= data.figures.steps) return "after the last step";
  return step < due ? `from step ${whole(step)} on, before step ${whole(due)}` : `before step ${whole(due)}`;
}

/** What comes to a place and goes from there, in words. */
function copiesText(row, most = Infinity) {
  const lines = [
    ...(copiesTo.get(row) ?? []).map((copy) => `copied from ${poolName(copies.from[copy])} ${copiedWhen(copy)}`),
    ...(copiesFrom.get(row) ?? []).map((copy) => `copied to ${poolName(copies.to[copy])} ${copiedWhen(copy)}`),
  ];
  return lines.length > most ? [...lines.slice(0, most), `and ${lines.length - most} more copies`] : lines;
}

/** Whether there are so many arrows that 12 pixels each would be too much: then small ones. */
function copiesAreFar(map, frame) {
  return map.copied.length * 12 * (map.view.x1 - map.view.x0) > data.figures.steps * (frame.right - frame.left);
}

/** Of each arrow that is seen: where it stands, its length, and which look it has. */
function forEachArrow(map, frame, scale, [length, head], use) {
  const { view } = map;
  for (const { copy, row, comes } of map.copied) {
    const [step, due] = [copies.step[copy], copies.due[copy]];
    if (due < view.x0 || step > view.x1) continue;
    const dim = map.matches !== null && !map.matches.has(row);
    // Heads are seen whole at the sides of the map.
    const x1 = Math.min(Math.max(scale.x(due), frame.left + head), frame.right - head);
    const x0 = Math.min(step < due ? scale.x(step) : x1, x1);
    const y = scale.y(buffers.at[row] + buffers.bytes[row] / 2);
    // Slower memories are below: from there it comes, and there it goes.
    const up = rises(copy) ? -1 : 1;
    const [y0, y1] = comes ? [y - up * length, y] : [y, y + up * length];
    use({ x0, x1, y, y0, y1, up, comes, dim });
  }
}

const SMALL_ARROW = [9, 2.5];
const LARGE_ARROW = [15, 4];
/** Of an arrow that says how long it takes. */
const isLong = ({ x0, x1 }) => x1 - x0 > 1;

/**
 * Small arrows, as pixels of the map's layer: thousands of them through the canvas take longer than
 * all the rest together.
 */
function stampCopies(map, { pixels, across, down }, frame, scale) {
  if (!copiesAreFar(map, frame)) return;
  const { ratio } = map;
  const looks = map.colours.copies.map((hex) => map.pixelPair(hex));
  const [length, head] = SMALL_ARROW.map((size) => Math.round(size * ratio));
  const shaft = Math.floor(ratio / 2);
  forEachArrow(map, frame, scale, SMALL_ARROW, (arrow) => {
    if (isLong(arrow)) return;
    const number = looks[arrow.up < 0 ? 0 : 1][arrow.dim ? 1 : 0];
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

/** An arrow at each place that something is copied to or from: as long as that may be under way. */
function drawCopies(context, map, colours, frame, scale) {
  const far = copiesAreFar(map, frame);
  const size = far ? SMALL_ARROW : LARGE_ARROW;
  const head = size[1];
  // One path for each look: a path for each arrow takes ten times as long.
  const looks = new Map();
  forEachArrow(map, frame, scale, size, (arrow) => {
    if (far && !isLong(arrow)) return;
    const { x0, x1, y, y0, y1, up, comes, dim } = arrow;
    const key = (up < 0 ? 0 : 1) + (dim ? 2 : 0);
    if (!looks.has(key)) looks.set(key, { lines: new Path2D(), heads: new Path2D() });
    const { lines, heads } = looks.get(key);
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
  for (const [key, { lines, heads }] of looks) {
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
  const says = document.getElementById("copies-says");
  const total = copies.bytes.reduce((sum, bytes) => sum + Number(bytes), 0);
  says.textContent = copies.of.length
    ? `${whole(copies.of.length)} copies, ${shortBytes(total)} together, in the order in which they are done: at the start of a step, before its operator.`
    : "Nothing is copied.";
  if (!copies.of.length) return;
  const row = (copy) => (copies.toRow[copy] >= 0 && buffers.at[copies.toRow[copy]] >= 0 ? copies.toRow[copy] : copies.fromRow[copy]);
  const ways = [...new Set(copies.of.map((_, copy) => `${copies.from[copy]} ${copies.to[copy]}`))].map((way) => way.split(" ").map(Number));
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
    choices: ways.length > 1 ? { label: "Ways", all: "every way", some: ways.map(([from, to]) =>
      [`${poolName(from)} to ${poolName(to)}`, (copy) => copies.from[copy] === from && copies.to[copy] === to]) } : null,
    select: (copy) => row(copy) >= 0 && show(row(copy)),
  });
}
