// Formatting of numbers, page elements, colours, and canvases that follow the size of their container.

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

/** Creates an element. Children are text or elements, never HTML, as names come from files. */
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
    roles: data.tiling?.colours[theme] ?? [],
  };
}

/**
 * Shortens a name by cutting it before its middle, as names within one network tend to begin alike. Below
 * 16 letters, only the end remains.
 */
function shortened(name, width) {
  if (name.length <= width) return name;
  const head = width < 16 ? 0 : Math.floor((width - 1) / 3);
  return `${name.slice(0, head)}\u2026${name.slice(name.length - (width - 1 - head))}`;
}

/** A round distance between ticks, at most `limit` of them. Base 10 uses 1, 2 and 5; base 2 doubles. */
function tickDistance(span, limit, base) {
  let distance = 1;
  const times = base === 2 ? [2] : [2, 2.5, 2];
  for (let i = 0; span / distance > limit && i < 200; i++) distance *= times[i % times.length];
  return distance;
}

function unitFor(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let index = 0;
  while (bytes >= 2048 && index < units.length - 1) [bytes, index] = [bytes / 1024, index + 1];
  return [units[index], 1024 ** index];
}

/** Formats with at most three decimals, without trailing zeros. */
const tidy = (number) => String(Number(number.toFixed(3)));

/** A canvas as wide as its container, drawn again when the size or the theme changes. */
class Picture {
  constructor(container, label, heightFor) {
    this.container = container;
    this.heightFor = heightFor;
    this.canvas = make("canvas", { "aria-label": label, role: "img" });
    container.append(this.canvas);
    this.context = this.canvas.getContext("2d");
    this.pending = false;
    this.colours = palette();
    darkMedia.addEventListener("change", () => {
      this.colours = palette();
      this.redraw();
    });
    new ResizeObserver(() => this.fit()).observe(container);
    this.width = this.height = 0;
    // Off-screen pictures are drawn when they become visible.
    this.isVisible = true;
    this.isStale = false;
    const onVisibility = (entries) => {
      this.isVisible = entries.at(-1).isIntersecting;
      if (this.isVisible && this.isStale) this.redraw();
    };
    new IntersectionObserver(onVisibility, { rootMargin: "100px" }).observe(container);
    window.addEventListener("beforeprint", () => this.isStale && this.drawNow());
  }

  fit() {
    const width = this.container.clientWidth;
    const height = this.heightFor(width);
    const ratio = window.devicePixelRatio || 1;
    if (!width || (width === this.width && height === this.height && ratio === this.ratio)) return;
    Object.assign(this, { width, height, ratio });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    this.drawNow();
  }

  /** Requests a drawing, at most one for each frame. */
  redraw() {
    this.isStale = true;
    if (this.pending || !this.isVisible) return;
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

  /** The position of a pointer on the canvas. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}
