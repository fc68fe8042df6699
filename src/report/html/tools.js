// Numbers, elements, colours, and canvases that fit their place.

const whole = (number) => Number(number) < 2 ** 53 ? Number(number).toLocaleString("en") : String(number);

function shortBytes(bytes) {
  let number = Number(bytes);
  if (number < 1024) return `${number} B`;
  for (const unit of ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]) {
    number /= 1024;
    if (number < 1023.995 || unit === "EiB") return `${number.toFixed(2)} ${unit}`;
  }
}

const bytesText = (bytes) =>
  Number(bytes) < 1024 ? `${bytes} bytes` : `${shortBytes(bytes)} (${whole(bytes)} bytes)`;

/** An element. Text is only ever text: names come from files. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

const darkMedia = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => darkMedia.matches;

/** A colour of the style sheet. */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function palette() {
  const theme = isDark() ? 1 : 0;
  const names = ["paper", "raised", "text", "quiet", "line", "accent", "mark", "before"];
  return {
    ...Object.fromEntries(names.map((name) => [name, colour(name)])),
    kinds: data.colours.kinds[theme],
    types: data.colours.types[theme],
    other: data.colours.other[theme],
    copies: data.colours.copies[theme],
  };
}

/**
 * A name cut before its middle: names of one network tend to begin alike. Where there is little
 * room, the end alone says more.
 */
function shortened(name, room) {
  if (name.length <= room) return name;
  const head = room < 16 ? 0 : Math.floor((room - 1) / 3);
  return `${name.slice(0, head)}\u2026${name.slice(name.length - (room - 1 - head))}`;
}

/** Round steps between ticks: so many at most. `base` 10 counts 1, 2, 5; 2 doubles. */
function tickDistance(span, most, base) {
  let distance = 1;
  const times = base === 2 ? [2] : [2, 2.5, 2];
  for (let i = 0; span / distance > most && i < 200; i++) distance *= times[i % times.length];
  return distance;
}

function unitFor(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let place = 0;
  while (bytes >= 2048 && place < units.length - 1) [bytes, place] = [bytes / 1024, place + 1];
  return [units[place], 1024 ** place];
}

/** Decimals without zeros at the end. */
const tidy = (number) => String(Number(number.toFixed(3)));

/** A canvas as wide as its place, drawn anew when that, or light and dark, changes. */
class Picture {
  constructor(place, label, heightFor) {
    this.place = place;
    this.heightFor = heightFor;
    this.canvas = make("canvas", { "aria-label": label, role: "img" });
    place.append(this.canvas);
    this.context = this.canvas.getContext("2d");
    this.pending = false;
    this.colours = palette();
    darkMedia.addEventListener("change", () => {
      this.colours = palette();
      this.redraw();
    });
    new ResizeObserver(() => this.fit()).observe(place);
    this.width = this.height = 0;
    // What nobody sees is drawn when somebody does.
    this.isSeen = true;
    this.isStale = false;
    const seen = (entries) => {
      this.isSeen = entries.at(-1).isIntersecting;
      if (this.isSeen && this.isStale) this.redraw();
    };
    new IntersectionObserver(seen, { rootMargin: "100px" }).observe(place);
    window.addEventListener("beforeprint", () => this.isStale && this.drawNow());
  }

  fit() {
    const width = this.place.clientWidth;
    const height = this.heightFor(width);
    const ratio = window.devicePixelRatio || 1;
    if (!width || (width === this.width && height === this.height && ratio === this.ratio)) return;
    Object.assign(this, { width, height, ratio });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    this.drawNow();
  }

  /** Once in a frame, however often it is asked for. */
  redraw() {
    this.isStale = true;
    if (this.pending || !this.isSeen) return;
    this.pending = true;
    requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    this.pending = false;
    if (!this.width) return;
    this.isStale = false;
    const context = this.context;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.fillStyle = this.colours.paper;
    context.fillRect(0, 0, this.width, this.height);
    context.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    this.draw(context, this.colours);
  }

  /** Where a pointer is on the canvas. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}
