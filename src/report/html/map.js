// The memory map: time runs to the right, offsets upwards. Buffers are drawn on a canvas pixel by pixel,
// so that ten thousand of them move smoothly.

const LINE = 14;

class MemoryMap extends Picture {
  constructor(container, pool, number, on) {
    const several = data.pools.length > 1;
    const [minimum, maximum, share] = several ? (pool.isBackingStore ? [180, 240, 0.2] : [260, 420, 0.32]) : [380, 620, 0.52];
    super(container, `Memory map of ${pool.name}`, (width) => Math.round(Math.min(maximum, Math.max(minimum, width * share))));
    this.pool = pool;
    this.number = number;
    this.on = on;
    this.rows = [];
    for (let row = 0; row < buffers.count; row++) {
      const empty = !(buffers.bytes[row] > 0 && buffers.end[row] > buffers.start[row]);
      if (buffers.poolOf(row) === number && !empty && buffers.at[row] >= 0) this.rows.push(row);
    }
    const area = (row) => buffers.bytes[row] * (buffers.end[row] - buffers.start[row]);
    // Smaller rectangles are drawn over larger ones with which they share memory.
    if (data.shares.length) this.rows.sort((a, b) => area(b) - area(a) || a - b);
    this.shared = data.shares.map((_, share) => this.common(share)).filter(Boolean);
    const copied = (map, comes) => this.rows.flatMap((row) => (map.get(row) ?? []).map((copy) => ({ copy, row, comes })));
    this.copied = [...copied(copiesTo, true), ...copied(copiesFrom, false)];
    this.mode = "kind";
    this.matches = null;
    this.hovered = this.selected = -1;
    const tops = this.rows.map((row) => buffers.at[row] + buffers.bytes[row]);
    // The map of the backing store shows only some of its contents, so their ends give its height.
    const used = pool.isBackingStore ? 1 : Math.max(Number(pool.bytes), Number(pool.bound ?? 0), 1);
    const capacity = pool.isBackingStore ? 0 : Number(pool.capacity ?? 0);
    const top = tops.reduce((a, b) => Math.max(a, b), capacity / 2 <= used ? Math.max(used, capacity) : used);
    this.all = { x0: 0, x1: data.figures.steps, y0: 0, y1: top * 1.04 };
    this.view = { ...this.all };
    this.tip = make("div", { class: "tip", hidden: true });
    container.append(this.tip);
    this.canvas.tabIndex = 0;
    this.listen();
  }

  /** The steps and bytes that two sharing rectangles both cover; null if they have none in this map. */
  common(share) {
    const [, tensor, host, how] = data.shares[share];
    if (buffers.poolOf(tensor) !== this.number || buffers.at[tensor] < 0 || buffers.at[host] < 0) return null;
    const top = (row) => buffers.at[row] + buffers.bytes[row];
    const y0 = Math.max(buffers.at[tensor], buffers.at[host]);
    const x0 = Math.max(buffers.start[tensor], buffers.start[host]);
    const y1 = Math.min(top(tensor), top(host));
    const x1 = Math.min(buffers.end[tensor], buffers.end[host]);
    return y1 > y0 && x1 > x0 ? { x0, x1, y0, y1, same: data.hows[how][1] } : null;
  }

  // Conversion between steps and bytes, and coordinates of the canvas.

  get frame() {
    return { left: 62, right: this.width - 12, top: 26, bottom: this.height - 34 };
  }

  scale() {
    const { left, right, top, bottom } = this.frame;
    const { x0, x1, y0, y1 } = this.view;
    const [kx, ky] = [(right - left) / (x1 - x0), (bottom - top) / (y1 - y0)];
    return {
      x: (step) => left + (step - x0) * kx,
      y: (offset) => bottom - (offset - y0) * ky,
      step: (x) => x0 + (x - left) / kx,
      offset: (y) => y0 + (bottom - y) / ky,
    };
  }

  /** The center of the visible part of a rectangle, in page coordinates; null if it is not visible. */
  locate(row) {
    const scale = this.scale();
    const middle = (a, b, low, high) => (Math.max(a, low) + Math.min(b, high)) / 2;
    const { x0, x1, y0, y1 } = this.view;
    const top = buffers.at[row] + buffers.bytes[row];
    if (buffers.end[row] <= x0 || buffers.start[row] >= x1 || top <= y0 || buffers.at[row] >= y1) return null;
    const box = this.canvas.getBoundingClientRect();
    const x = scale.x(middle(buffers.start[row], buffers.end[row], x0, x1));
    return { x: box.left + x, y: box.top + scale.y(middle(buffers.at[row], top, y0, y1)) };
  }

  /** The frontmost rectangle at a point of the canvas; -1 if there is none. */
  find(x, y) {
    const { left, right, top, bottom } = this.frame;
    if (x < left || x > right || y < top || y > bottom) return -1;
    const scale = this.scale();
    const [step, offset] = [scale.step(x), scale.offset(y)];
    for (let i = this.rows.length - 1; i >= 0; i--) {
      const row = this.rows[i];
      const inTime = buffers.start[row] <= step && step < buffers.end[row];
      if (inTime && buffers.at[row] <= offset && offset < buffers.at[row] + buffers.bytes[row]) return row;
    }
    return -1;
  }

  // The visible part of the map.

  /** Sets the visible part; `quiet` if another map leads and this one follows. */
  setView(view, quiet = false) {
    const fit = (low, high, all0, all1, minimum) => {
      const span = Math.min(Math.max(high - low, minimum), all1 - all0);
      const start = Math.min(Math.max((low + high - span) / 2, all0), all1 - span);
      return [start, start + span];
    };
    const { all } = this;
    const [x0, x1] = fit(view.x0, view.x1, all.x0, all.x1, Math.min(2, all.x1));
    const [y0, y1] = fit(view.y0, view.y1, all.y0, all.y1, Math.min(64, all.y1));
    this.view = { x0, x1, y0, y1 };
    this.redraw();
    if (!quiet) this.on.view?.(this.view, this);
  }

  zoom(factor, x, y, alongX = true, alongY = true) {
    const { left, right, top, bottom } = this.frame;
    const scale = this.scale();
    const step = scale.step(x ?? (left + right) / 2);
    const offset = scale.offset(y ?? (top + bottom) / 2);
    const { x0, x1, y0, y1 } = this.view;
    const [fx, fy] = [alongX ? factor : 1, alongY ? factor : 1];
    const view = { x0: step - (step - x0) / fx, x1: step + (x1 - step) / fx };
    this.setView({ ...view, y0: offset - (offset - y0) / fy, y1: offset + (y1 - offset) / fy });
  }

  pan(dx, dy) {
    const { left, right, top, bottom } = this.frame;
    const { x0, x1, y0, y1 } = this.view;
    const [mx, my] = [-dx / (right - left) * (x1 - x0), dy / (bottom - top) * (y1 - y0)];
    // The view stops at the sides of the map without changing its size.
    const [sx, sy] = [Math.min(Math.max(mx, this.all.x0 - x0), this.all.x1 - x1),
      Math.min(Math.max(my, this.all.y0 - y0), this.all.y1 - y1)];
    this.setView({ x0: x0 + sx, x1: x1 + sx, y0: y0 + sy, y1: y1 + sy });
  }

  fitAll() {
    this.setView(this.all);
  }

  /** Zooms so that a rectangle fills a third of the map. */
  zoomTo(row) {
    const [start, end, low, bytes] = [buffers.start[row], buffers.end[row], buffers.at[row], buffers.bytes[row]];
    const [time, size] = [end - start, bytes];
    this.setView({ x0: start - time, x1: end + time, y0: low - size, y1: low + bytes + size });
  }

  setMatches(matches) {
    this.matches = matches;
    this.redraw();
  }

  select(row) {
    this.selected = row;
    this.redraw();
  }

  /** Highlights the rectangle under the pointer, which may be in another map. */
  setHovered(row) {
    if (row === this.hovered) return;
    this.hovered = row;
    this.redraw();
  }

  setMode(mode) {
    this.mode = mode;
    this.redraw();
  }

  // Pointers and keys.

  listen() {
    const { canvas } = this;
    const pointers = new Map();
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, this.at(event));
      canvas.setPointerCapture(event.pointerId);
      moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = this.at(event);
      const before = pointers.get(event.pointerId);
      if (!before) return this.hover(x, y);
      moved += Math.hypot(x - before[0], y - before[1]);
      const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      pointers.set(event.pointerId, [x, y]);
      if (moved < 4) return;
      canvas.classList.add("dragged");
      this.tip.hidden = true;
      if (!others.length) return this.pan(x - before[0], y - before[1]);
      const [other] = others;
      const distance = (a) => Math.max(20, Math.hypot(a[0] - other[0], a[1] - other[1]));
      this.zoom(distance([x, y]) / distance(before), (x + other[0]) / 2, (y + other[1]) / 2);
    });
    const done = (event) => {
      pointers.delete(event.pointerId);
      canvas.classList.remove("dragged");
    };
    canvas.addEventListener("pointerup", (event) => {
      if (moved < 4 && pointers.size === 1) this.on.select(this.find(...this.at(event)));
      done(event);
    });
    canvas.addEventListener("pointercancel", done);
    canvas.addEventListener("pointerleave", () => this.hover(-1, -1));
    canvas.addEventListener("dblclick", (event) => {
      const row = this.find(...this.at(event));
      if (row >= 0) this.zoomTo(row);
      else this.fitAll();
    });
    canvas.addEventListener("wheel", (event) => {
      // Without focus on the map, the wheel scrolls the page.
      if (document.activeElement !== canvas && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...this.at(event), !event.altKey, !event.shiftKey);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const distance = 80;
    const actions = {
      ArrowLeft: () => this.pan(distance, 0),
      ArrowRight: () => this.pan(-distance, 0),
      ArrowUp: () => this.pan(0, distance),
      ArrowDown: () => this.pan(0, -distance),
      "+": () => this.zoom(1.4),
      "=": () => this.zoom(1.4),
      "-": () => this.zoom(1 / 1.4),
      0: () => this.fitAll(),
      ".": () => this.next(1),
      ",": () => this.next(-1),
      Enter: () => this.selected >= 0 && this.zoomTo(this.selected),
      Escape: () => this.on.select(-1),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  /** Selects the next or previous rectangle, in the order of live ranges. */
  next(shift) {
    this.inTime ??= [...this.rows].sort((a, b) => buffers.start[a] - buffers.start[b] || a - b);
    const index = this.inTime.indexOf(this.selected);
    const count = this.inTime.length;
    if (!count) return;
    this.on.select(this.inTime[index < 0 ? (shift > 0 ? 0 : count - 1) : (index + shift + count) % count]);
  }

  hover(x, y) {
    const row = this.find(x, y);
    if (row !== this.hovered || this.tip.hidden !== row < 0) {
      this.setHovered(row);
      this.on.hover?.(row, this);
      this.tip.replaceChildren();
      if (row >= 0) {
        const lines = facts(row, 3).map((line) => make("div", { class: "name" }, shortened(line, 150)));
        this.tip.append(make("b", { class: "name" }, shortened(buffers.name[row], 150)), ...lines);
      }
      this.tip.hidden = row < 0;
    }
    if (row < 0) return;
    const [width, height] = [this.tip.offsetWidth, this.tip.offsetHeight];
    this.tip.style.left = `${Math.max(4, Math.min(x + 14, this.width - width - 4))}px`;
    this.tip.style.top = `${y + 18 + height > this.height ? Math.max(4, y - height - 12) : y + 18}px`;
  }

  // Drawing.

  draw(context, colours) {
    const frame = this.frame;
    const scale = this.scale();
    this.drawGrid(context, colours, frame, scale);
    context.save();
    context.beginPath();
    context.rect(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top);
    context.clip();
    this.drawReserved(context, colours, frame, scale);
    const labels = this.drawBuffers(context, frame, scale);
    this.drawShared(context, colours, scale);
    drawRegions(context, colours, frame, scale);
    this.drawPeak(context, colours, frame, scale);
    this.drawLevels(context, colours, frame, scale);
    context.fillStyle = colours.text;
    context.textAlign = "center";
    for (const [row, free, all] of labels) {
      // A label that does not fit beside the hatching goes on it, unless another rectangle is in front.
      if (!this.drawLabel(context, row, ...free) && all) this.drawLabel(context, row, ...all);
    }
    drawCopies(context, this, colours, frame, scale);
    this.outline(context, this.selected, colours.mark, 3, scale);
    this.outline(context, this.hovered, colours.text, 1.5, scale);
    context.restore();
    this.drawPeakName(context, colours, frame, scale);
  }

  drawGrid(context, colours, frame, scale) {
    const { x0, x1, y0, y1 } = this.view;
    const [unit, size] = unitFor(y1);
    context.fillStyle = colours.quiet;
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.textAlign = "right";
    const distance = tickDistance(y1 - y0, this.height / 55, 2);
    for (let offset = Math.ceil(y0 / distance) * distance; offset <= y1; offset += distance) {
      const y = Math.round(scale.y(offset)) + 0.5;
      context.beginPath();
      context.moveTo(frame.left, y);
      context.lineTo(frame.right, y);
      context.stroke();
      context.fillText(tidy(offset / size), frame.left - 7, y + 4);
    }
    context.textAlign = "center";
    const every = tickDistance(x1 - x0, this.width / 70, 10);
    for (let step = Math.ceil(x0 / every) * every; step <= x1; step += every) {
      const x = Math.round(scale.x(step)) + 0.5;
      context.beginPath();
      context.moveTo(x, frame.bottom);
      context.lineTo(x, frame.bottom + 4);
      context.stroke();
      context.fillText(whole(step), Math.min(x, this.width - 4 - context.measureText(whole(step)).width / 2), frame.bottom + 16);
    }
    context.textAlign = "left";
    context.fillText(this.pool.isBackingStore ? `${unit}, gaps left out` : `offset in ${unit}`, 6, 14);
    context.textAlign = "right";
    context.fillText("step", frame.right, frame.bottom + 29);
  }

  drawReserved(context, colours, frame, scale) {
    context.fillStyle = colours.line;
    for (const [start, end] of this.pool.reserved) {
      const [top, bottom] = [scale.y(Number(end)), scale.y(Number(start))];
      context.fillRect(frame.left, top, frame.right - frame.left, bottom - top);
    }
  }

  /**
   * Fills pixels directly: without a graphics card, drawing ten thousand rectangles through the canvas
   * takes a hundred times as long. Returns the labels that fit, to be drawn on top later.
   */
  drawBuffers(context, frame, scale) {
    const { x0, x1, y0, y1 } = this.view;
    const { start, end, at: offset, bytes } = buffers;
    const { matches, ratio } = this;
    const { layer, image, pixels } = this.pixels(frame);
    const [across, down] = [layer.width, layer.height];
    const colour = this.colourNumbers();
    const labels = [];
    for (const row of this.rows) {
      const high = offset[row] + bytes[row];
      if (end[row] <= x0 || start[row] >= x1 || high <= y0 || offset[row] >= y1) continue;
      const [left, right] = [scale.x(start[row]), scale.x(end[row])];
      const [top, bottom] = [scale.y(high), scale.y(offset[row])];
      // At least one whole pixel: smoothed edges would turn ten thousand buffers into a grey haze.
      // A gap between neighbours where they are large enough.
      const from = Math.max(0, Math.round((left - frame.left) * ratio));
      const upper = Math.max(0, Math.round((top - frame.top) * ratio));
      const [gx, gy] = [right - left > 3 ? 1 : 0, bottom - top > 3 ? 1 : 0];
      const to = Math.min(across, Math.max(Math.round((right - gx - frame.left) * ratio), from + 1));
      const lower = Math.min(down, Math.max(Math.round((bottom - gy - frame.top) * ratio), upper + 1));
      const dim = matches !== null && !matches.has(row);
      const number = colour(row, dim);
      for (let line = upper * across; line < lower * across; line += across) {
        if (to - from < 16) for (let i = line + from; i < line + to; i++) pixels[i] = number;
        else pixels.fill(number, line + from, line + to);
      }
      const [width, height] = [right - left, bottom - top];
      if (!dim && ((width > 44 && height > LINE) || (height > 44 && width > LINE))) {
        const visible = this.visible(row);
        const sides = [Math.max(top, frame.top), Math.min(bottom, frame.bottom)];
        const part = (from, to) => [Math.max(scale.x(from), frame.left), Math.min(scale.x(to), frame.right), ...sides];
        labels.push([row, part(visible.from, visible.to), visible.front ? part(start[row], end[row]) : null]);
      }
    }
    stampCopies(this, { pixels, across, down }, frame, scale);
    layer.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(layer, frame.left, frame.top, across / ratio, down / ratio);
    return labels;
  }

  /** A canvas of the size of the frame, and its pixels, cleared. */
  pixels(frame) {
    const across = Math.max(1, Math.round((frame.right - frame.left) * this.ratio));
    const down = Math.max(1, Math.round((frame.bottom - frame.top) * this.ratio));
    if (this.layers?.layer.width !== across || this.layers.layer.height !== down) {
      const layer = make("canvas", { width: across, height: down });
      const image = new ImageData(across, down);
      this.layers = { layer, image, pixels: new Uint32Array(image.data.buffer) };
    }
    this.layers.pixels.fill(0);
    return this.layers;
  }

  /** A colour as a pair of pixel values: normal and dimmed. */
  pixelPair(hex) {
    const split = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    const [paper, parts] = [split(this.colours.paper), split(hex)];
    const number = (parts) => new Uint32Array(Uint8Array.of(...parts, 255).buffer)[0];
    return [number(parts), number(parts.map((part, i) => Math.round(0.18 * part + 0.82 * paper[i])))];
  }

  /** A function from a rectangle to its pixel value, normal or dimmed. */
  colourNumbers() {
    const both = (hex) => this.pixelPair(hex);
    const [kinds, types, other] = [this.colours.kinds.map(both), this.colours.types.map(both), both(this.colours.other)];
    if (this.mode === "stripe") {
      const roles = this.colours.roles.map(both);
      return (row, dim) => roles[data.tiling.roleOf[row]][dim ? 1 : 0];
    }
    if (this.mode === "kind") return (row, dim) => kinds[buffers.kind[row]][dim ? 1 : 0];
    return (row, dim) => (types[buffers.type[row]] ?? other)[dim ? 1 : 0];
  }

  /** The part of a rectangle for its label: the longer unhatched part before or after the shared one. */
  visible(row) {
    this.visibleParts ??= this.allVisibleParts();
    return this.visibleParts.get(row) ?? { from: buffers.start[row], to: buffers.end[row], front: true };
  }

  allVisibleParts() {
    const visible = new Map();
    const depth = new Map(this.rows.map((row, index) => [row, index]));
    data.shares.forEach(([, tensor, of], share) => {
      const common = this.common(share);
      if (!common) return;
      for (const [row, other] of [[tensor, of], [of, tensor]]) {
        const { from, to, front } = visible.get(row) ?? { from: buffers.start[row], to: buffers.end[row], front: true };
        const inFront = front && depth.get(row) > depth.get(other);
        const [before, after] = [Math.min(to, common.x0), Math.max(from, common.x1)];
        visible.set(row, before - from > to - after ? { from, to: before, front: inFront } : { from: after, to, front: inFront });
      }
    });
    return visible;
  }

  drawLabel(context, row, left, right, top, bottom) {
    const [width, height] = [right - left, bottom - top];
    const name = buffers.name[row];
    this.letter ??= context.measureText("model/average_pool_1/Conv").width / 25;
    const room = (length) => Math.floor((length - 8) / this.letter);
    const upright = height > width && room(width) < Math.min(name.length, 12);
    const [along, across] = upright ? [height, width] : [width, height];
    if (across < LINE || (room(along) < 6 && room(along) < name.length)) return false;
    const text = shortened(name, room(along));
    const size = shortBytes(buffers.exactBytes[row]);
    const two = across >= 2 * LINE && size.length <= room(along);
    context.save();
    context.translate((left + right) / 2, (top + bottom) / 2);
    if (upright) context.rotate(-Math.PI / 2);
    context.fillText(text, 0, two ? -2 : 4);
    if (two) context.fillText(size, 0, LINE - 3);
    context.restore();
    return true;
  }

  hatch(context, colours, same) {
    this.hatches ??= new Map();
    const key = `${same} ${colours.text}`;
    if (!this.hatches.has(key)) {
      const tile = make("canvas", { width: 7, height: 7 });
      const pen = tile.getContext("2d");
      pen.strokeStyle = colours.text;
      pen.globalAlpha = 0.6;
      pen.beginPath();
      for (const at of [-7, 0, 7]) {
        pen.moveTo(at - 1, 8);
        pen.lineTo(at + 8, -1);
        if (same) continue;
        pen.moveTo(at - 1, -1);
        pen.lineTo(at + 8, 8);
      }
      pen.stroke();
      this.hatches.set(key, context.createPattern(tile, "repeat"));
    }
    return this.hatches.get(key);
  }

  drawShared(context, colours, scale) {
    const { view } = this;
    for (const { x0, x1, y0, y1, same } of this.shared) {
      if (x1 <= view.x0 || x0 >= view.x1 || y1 <= view.y0 || y0 >= view.y1) continue;
      const [left, top] = [scale.x(x0), scale.y(y1)];
      const [width, height] = [scale.x(x1) - left, scale.y(y0) - top];
      if (width < 2 || height < 2) continue;
      context.fillStyle = this.hatch(context, colours, same);
      context.fillRect(left, top, width, height);
    }
  }

  drawPeak(context, colours, frame, scale) {
    const { peak } = this.pool;
    if (peak == null) return;
    const [left, right] = [scale.x(peak), scale.x(peak + 1)];
    context.globalAlpha = 0.14;
    context.fillStyle = colours.accent;
    context.fillRect(left, frame.top, Math.max(right - left, 1.5), frame.bottom - frame.top);
    context.globalAlpha = 1;
  }

  drawPeakName(context, colours, frame, scale) {
    const { peak } = this.pool;
    if (peak == null || peak + 1 < this.view.x0 || peak > this.view.x1) return;
    const text = `bound set at step ${whole(peak)}`;
    const x = scale.x(peak + 0.5);
    const half = context.measureText(text).width / 2;
    context.textAlign = "center";
    context.fillStyle = colours.accent;
    const left = Math.max(frame.left + 90 + half, x);
    context.fillText(text, Math.min(left, frame.right - half), frame.top - 8);
    const middle = Math.min(Math.max(x, frame.left), frame.right);
    context.fillRect(middle - 1, frame.top - 5, 2, 5);
  }

  drawLevels(context, colours, frame, scale) {
    const cuts = (this.pool.traffic?.cuts ?? []).map((cut) => [cut, colours.quiet, [1, 5], "cut"]);
    const levels = this.pool.isBackingStore ? cuts : [
      [this.pool.capacity, colours.mark, [2, 4], "capacity"],
      [this.pool.bytes, colours.text, [], "arena"],
      [this.pool.bound, colours.accent, [9, 5], "lower bound"],
    ];
    context.textAlign = "right";
    for (const [bytes, style, dash, name] of levels) {
      if (bytes == null) continue;
      const y = scale.y(Number(bytes));
      context.strokeStyle = style;
      context.lineWidth = { arena: 1.5, cut: 1 }[name] ?? 2.2;
      context.setLineDash(dash);
      context.beginPath();
      context.moveTo(frame.left, y);
      context.lineTo(frame.right, y);
      context.stroke();
    }
    context.setLineDash([]);
  }

  /** Outlines all residency intervals of a tensor in this memory. */
  outline(context, row, style, width, scale) {
    if (row < 0) return;
    for (const interval of intervalsOf(row)) {
      if (buffers.poolOf(interval) === this.number && buffers.at[interval] >= 0) this.outlineRectangle(context, interval, style, interval === row ? width : width / 2, scale);
    }
  }

  outlineRectangle(context, row, style, width, scale) {
    const [left, right] = [scale.x(buffers.start[row]), scale.x(buffers.end[row])];
    const top = scale.y(buffers.at[row] + buffers.bytes[row]);
    const bottom = scale.y(buffers.at[row]);
    context.strokeStyle = style;
    context.lineWidth = width;
    context.strokeRect(left, top, Math.max(right - left, 1), Math.max(bottom - top, 1));
  }
}
