// The operators that run earlier or later than in program order.

/** The steps of the planned order that keep their places: a longest increasing subsequence of positions. */
function staying(positions) {
  const ends = [];
  const before = new Array(positions.length).fill(-1);
  positions.forEach((position, i) => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (positions[ends[middle]] < position) low = middle + 1;
      else high = middle;
    }
    before[i] = low ? ends[low - 1] : -1;
    ends[low] = i;
  });
  const stay = new Set();
  for (let i = ends.at(-1) ?? -1; i >= 0; i = before[i]) stay.add(i);
  return stay;
}

class OrderPicture extends Picture {
  constructor(container, positions, moved) {
    super(container, "Program order above, planned order below; lines lead from one to the other", () => 170);
    Object.assign(this, { positions, moved });
  }

  draw(context, colours) {
    const [left, right, top, bottom] = [16, this.width - 16, 28, this.height - 28];
    const count = Math.max(this.positions.length - 1, 1);
    const x = (index) => left + (right - left) * index / count;
    const lines = (steps, style, alpha, width) => {
      context.strokeStyle = style;
      context.globalAlpha = alpha;
      context.lineWidth = width;
      context.beginPath();
      for (const step of steps) {
        context.moveTo(x(this.positions[step]), top);
        context.bezierCurveTo(x(this.positions[step]), 80, x(step), 90, x(step), bottom);
      }
      context.stroke();
      context.globalAlpha = 1;
    };
    const moved = new Set(this.moved);
    // Not more lines than the width can show.
    const every = Math.max(1, Math.ceil(this.positions.length / (this.width / 5)));
    const stay = this.positions.map((_, step) => step).filter((step) => !moved.has(step) && step % every === 0);
    lines(stay, colours.quiet, 0.35, 1);
    lines(this.moved, colours.before, this.moved.length > 500 ? 0.5 : 0.9, this.moved.length > 500 ? 0.7 : 1.4);
    context.fillStyle = colours.quiet;
    context.textAlign = "left";
    context.fillText("program order \u2192", left, 18);
    context.fillText("planned order \u2192", left, this.height - 11);
  }
}

function orderPanel() {
  const { order } = data;
  if (!order) return;
  document.getElementById("order").hidden = false;
  const positionOf = new Map(order.file.map((operator, i) => [operator, i]));
  const positions = order.plan.map((operator) => positionOf.get(operator) ?? 0);
  const stay = staying(positions);
  const moved = positions.map((_, step) => step).filter((step) => !stay.has(step));
  const summary = document.getElementById("order-says");
  if (!moved.length) {
    summary.textContent = `The plan runs the ${whole(order.plan.length)} operators in program order.`;
    document.getElementById("order-picture").hidden = true;
  } else {
    summary.textContent = `${whole(moved.length)} of ${whole(order.plan.length)} operators have moved (orange); ` +
      "the others keep their relative order.";
    new OrderPicture(document.getElementById("order-picture"), positions, moved);
  }
  const shift = (step) => step - positions[step];
  new VirtualTable(document.getElementById("order-table"), {
    label: "Operators in planned order",
    rows: order.plan.length,
    columns: [
      { title: "Step", number: true, value: (step) => step },
      { title: "Program order", number: true, value: (step) => positions[step] },
      { title: "Shift", number: true, value: shift, text: (step) => (shift(step) > 0 ? `+${shift(step)}` : String(shift(step))) },
      { title: "Type", value: (step) => order.typeNames[order.types[order.plan[step]]] ?? "" },
      { title: "Operator", wide: true, value: (step) => order.names[order.plan[step]] },
    ],
    choices: moved.length ? { label: "Show", all: "all operators", some: [["moved operators", (step) => !stay.has(step)]] } : null,
  });
}
