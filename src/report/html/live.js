// Charts of bytes over time: live bytes of the plan and in program order, and traffic.

/** A step function: steps, and the bytes from each of them on. */
const curve = (live) => ({ step: numbers(live.step), bytes: numbers(live.bytes) });

/** The sum of two step functions. */
function sumOf(first, second) {
  const steps = [...new Set([...first.step, ...second.step])].sort((a, b) => a - b);
  let [i, j] = [0, 0];
  const bytes = steps.map((step) => {
    while (i < first.step.length && first.step[i] <= step) i++;
    while (j < second.step.length && second.step[j] <= step) j++;
    return (i ? first.bytes[i - 1] : 0) + (j ? second.bytes[j - 1] : 0);
  });
  return { step: Float64Array.from(steps), bytes: Float64Array.from(bytes) };
}

class StepChart extends Picture {
  /** Curves have `name`, `live`, `style` (the name of a colour), `alpha`, and optionally the `order` of
   * operators; later curves are drawn in front. Levels have `bytes`, `style` and `dash`. The axis
   * reaches at least `minimum` bytes. */
  constructor(container, { label, unit, curves, levels, high = true, minimum = 1 }) {
    super(container, label, (width) => (high ? (width < 600 ? 200 : 240) : 150));
    Object.assign(this, { unit, curves, levels });
    const all = curves.flatMap(({ live }) => [...live.bytes]);
    this.top = all.reduce((a, b) => Math.max(a, b), levels.reduce((top, { bytes }) => Math.max(top, Number(bytes)), minimum)) * 1.06;
    this.step = null;
    this.tip = make("div", { class: "tip", hidden: true });
    container.append(this.tip);
    this.canvas.addEventListener("pointermove", (event) => this.hover(...this.at(event)));
    this.canvas.addEventListener("pointerleave", () => this.hover(-1, -1));
    this.canvas.tabIndex = 0;
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  get frame() {
    return { left: 62, right: this.width - 12, top: 10, bottom: this.height - 34 };
  }

  x(step) {
    const { left, right } = this.frame;
    return left + (right - left) * step / data.figures.steps;
  }

  y(bytes) {
    const { top, bottom } = this.frame;
    return bottom - (bottom - top) * bytes / this.top;
  }

  /** The bytes at a step: the value of the last change at or before it. */
  bytesAt(live, step) {
    let [low, high] = [0, live.step.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (live.step[middle] <= step) low = middle + 1;
      else high = middle;
    }
    return low ? live.bytes[low - 1] : 0;
  }

  key(event) {
    const shift = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!shift) return;
    event.preventDefault();
    const step = Math.min(Math.max((this.step ?? -1) + shift, 0), data.figures.steps - 1);
    this.show(step);
  }

  hover(x, y) {
    const { left, right } = this.frame;
    const outside = x < left || x > right || y < 0;
    this.show(outside ? null : Math.min(Math.floor((x - left) / (right - left) * data.figures.steps), data.figures.steps - 1));
  }

  show(step) {
    if (step === this.step) return;
    this.step = step;
    this.redraw();
    this.tip.hidden = step === null;
    if (step === null) return;
    const line = (name, live, order) => {
      const runs = order?.[step] == null ? "" : `, ${shortened(data.order.names[order[step]], 60)}`;
      return make("div", { class: "name" }, `${name}: ${bytesText(this.bytesAt(live, step))}${runs}`);
    };
    const lines = [...this.curves].reverse().map(({ name, live, order }) => line(name, live, order));
    this.tip.replaceChildren(make("b", {}, `step ${whole(step)}`), ...lines);
    const x = this.x(step + 0.5);
    this.tip.style.left = `${Math.max(4, Math.min(x + 14, this.width - this.tip.offsetWidth - 4))}px`;
    this.tip.style.top = "12px";
  }

  /** Marks the steps that the map shows. */
  setWindow(view) {
    this.window = view;
    this.redraw();
  }

  path(context, live) {
    const { left, bottom } = this.frame;
    context.beginPath();
    context.moveTo(left, bottom);
    let y = bottom;
    // Only the highest of the changes within a pixel is drawn: a path of ten thousand corners is slow.
    for (let i = 0; i < live.step.length;) {
      const x = this.x(live.step[i]);
      context.lineTo(x, y);
      let highest = live.bytes[i];
      for (i++; i < live.step.length && this.x(live.step[i]) < x + 0.5; i++) highest = Math.max(highest, live.bytes[i]);
      y = this.y(highest);
      context.lineTo(x, y);
    }
    context.lineTo(this.x(data.figures.steps), y);
    context.lineTo(this.x(data.figures.steps), bottom);
  }

  curve(context, live, style, alpha) {
    this.path(context, live);
    context.globalAlpha = alpha;
    context.fillStyle = style;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = style;
    context.lineWidth = data.figures.steps > this.width ? 0.6 : 1.5;
    context.stroke();
  }

  /** Draws the moving parts over a cached picture of the others, one for each size and theme. */
  draw(context, colours) {
    const key = `${this.width} ${this.ratio} ${colours.paper}`;
    if (this.still?.key !== key) {
      const canvas = make("canvas", { width: this.canvas.width, height: this.canvas.height });
      const pen = canvas.getContext("2d");
      pen.scale(this.ratio, this.ratio);
      pen.font = context.font;
      this.drawStill(pen, colours);
      this.still = { key, canvas };
    }
    context.drawImage(this.still.canvas, 0, 0, this.width, this.height);
    this.drawMoving(context, colours);
  }

  drawStill(context, colours) {
    const { left, right, bottom } = this.frame;
    const [unit, size] = unitFor(this.top);
    context.strokeStyle = colours.line;
    context.fillStyle = colours.quiet;
    context.lineWidth = 1;
    context.textAlign = "right";
    const distance = tickDistance(this.top, 5, 2);
    for (let bytes = 0; bytes <= this.top; bytes += distance) {
      const y = Math.round(this.y(bytes)) + 0.5;
      context.beginPath();
      context.moveTo(left, y);
      context.lineTo(right, y);
      context.stroke();
      context.fillText(tidy(bytes / size), left - 7, y + 4);
    }
    context.textAlign = "center";
    const every = tickDistance(data.figures.steps, this.width / 70, 10);
    for (let step = 0; step <= data.figures.steps; step += every) {
      const half = context.measureText(whole(step)).width / 2;
      context.fillText(whole(step), Math.min(this.x(step), this.width - 4 - half), bottom + 16);
    }
    context.textAlign = "left";
    context.fillText(`${this.unit} ${unit}`, 6, this.height - 6);
    context.textAlign = "right";
    context.fillText("step", right, this.height - 5);
    this.drawCurves(context, colours, left, right);
  }

  drawCurves(context, colours, left, right) {
    // The plan is drawn last, as its lines become areas where there are more steps than pixels.
    for (const { live, style, alpha } of this.curves) this.curve(context, live, colours[style], alpha);
    context.lineWidth = 2;
    for (const { bytes, style, dash } of this.levels) {
      context.strokeStyle = colours[style];
      context.setLineDash(dash);
      context.beginPath();
      context.moveTo(left, this.y(Number(bytes)));
      context.lineTo(right, this.y(Number(bytes)));
      context.stroke();
    }
    context.setLineDash([]);
  }

  /** Shades the steps outside the map, and marks the step at the pointer. */
  drawMoving(context, colours) {
    const { left, right, top, bottom } = this.frame;
    const { x0 = 0, x1 = data.figures.steps } = this.window ?? {};
    context.globalAlpha = 0.12;
    context.fillStyle = colours.quiet;
    if (x0 > 0) context.fillRect(left, top, this.x(x0) - left, bottom - top);
    if (x1 < data.figures.steps) context.fillRect(this.x(x1), top, right - this.x(x1), bottom - top);
    context.globalAlpha = 1;
    if (this.step !== null) {
      context.fillStyle = colours.text;
      context.fillRect(this.x(this.step + 0.5) - 0.5, top, 1, bottom - top);
    }
  }
}

/** Live bytes of the plan, and in program order. */
function liveChart(container, pool) {
  const curves = [{ name: "plan", live: curve(pool.live), style: "mark", alpha: 0.35, order: data.order?.plan }];
  if (pool.before && data.tiling) curves.unshift({ name: "without tiling", live: curve(pool.before), style: "before", alpha: 0.15 });
  else if (pool.before) curves.unshift({ name: "program order", live: curve(pool.before), style: "before", alpha: 0.15, order: data.order?.file });
  const levels = pool.bound == null ? [] : [{ bytes: pool.bound, style: "accent", dash: [9, 5] }];
  if (data.placement && pool.capacity != null && Number(pool.capacity) <= 2 * Number(pool.bytes)) {
    levels.push({ bytes: pool.capacity, style: "mark", dash: [2, 4] });
  }
  const label = `Live bytes over time in ${pool.name}`;
  return new StepChart(container, { label, unit: "live", curves, levels, high: !data.placement, minimum: data.placement ? 1 : Number(pool.bytes) });
}

/** Traffic of a memory: the bytes of transfers are drawn over all bytes. */
function trafficChart(container, pool) {
  const [inPlace, copied] = [curve(pool.traffic.inPlace), curve(pool.traffic.copied)];
  const curves = [
    { name: "all", live: sumOf(inPlace, copied), style: "mark", alpha: 0.35, order: data.order?.plan },
    { name: "copied", live: copied, style: "before", alpha: 0.45 },
  ];
  return new StepChart(container, { label: `Bytes read and written in ${pool.name}, step by step`, unit: "moved", curves, levels: [], high: false });
}
