// Puts the page together.

const { figures } = data;
const byId = (id) => document.getElementById(id);

function head() {
  byId("model").textContent = data.model;
  byId("model").classList.add("name");
  const says = {
    optimal: data.placement ? "optimal: no choice of places costs less in this order" : "optimal: no plan needs less",
    feasible: data.placement ? "feasible: another choice of places may cost less" : "feasible: a smaller plan may exist",
    infeasible: "infeasible: nothing fits the capacity",
    unknown: "does not fit the capacity; another plan might",
    all: "all that could be on chip is",
  };
  const strategy = figures.strategy ? ` \u00b7 strategy ${figures.strategy}` : "";
  byId("standing").append(make("span", { class: `status ${figures.status}` }, says[figures.status] ?? figures.status), strategy);
  const { facts, bars, text } = data.placement ? ofPlacement(data.placement) : ofArena(data.pools[0]);
  byId("figures").append(...facts.map(([name, text, small]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, text, small ? make("small", {}, small) : ""))));
  const most = bars.reduce((top, [, number]) => Math.max(top, Number(number)), 1);
  byId("bars").append(...bars.map(([name, number, kind]) => make("div", { class: "bar" },
    make("span", {}, name),
    make("span", { class: "track" }, make("span", { class: `fill ${kind}`, style: `width:${100 * Number(number) / most}%` })),
    make("span", {}, text(number)))));
}

function ofArena(pool) {
  const facts = [
    ["arena", shortBytes(pool.bytes), `${whole(pool.bytes)} bytes`],
    ["lower bound", shortBytes(pool.bound), `gap ${figures.gap}`],
    ["no reuse", shortBytes(figures.noReuse), ratio(figures.noReuse, pool.bytes)],
    ["buffers", whole(figures.buffers), data.shares.length ? `${whole(data.shares.length)} times shared` : ""],
    ["steps", whole(figures.steps), ""],
  ];
  const file = Number(figures.fileArena ?? 0);
  if (file > Number(pool.bytes)) {
    const saved = 100 * (1 - Number(pool.bytes) / file);
    facts.splice(3, 0, ["saved by order", `${saved.toFixed(1)} %`, `of ${shortBytes(file)}`]);
  }
  if (pool.capacity != null) facts.splice(2, 0, ["capacity", shortBytes(pool.capacity), ratio(pool.bytes, pool.capacity, "used")]);
  const bars = [["no reuse", figures.noReuse, ""], ["file order", figures.fileArena, "before"],
    ["this plan", pool.bytes, "plan"], ["lower bound", pool.bound, "bound"]].filter(([, bytes]) => bytes != null);
  return { facts: facts.slice(0, 6), bars, text: shortBytes };
}

/** Cost is counted in the machine's own unit. */
function ofPlacement({ cost, bound, floor, preloaded }) {
  const home = data.pools.at(-1);
  const copied = copies.bytes.reduce((sum, bytes) => sum + Number(bytes), 0);
  // Not of the bound: what even memories of any size cost cannot be saved.
  const gap = figures.gap.includes("%") && Number(bound) < Number(cost) ? `gap ${figures.gap} of what larger memories could save` : `gap ${figures.gap}`;
  const facts = [
    ["cost of a run", whole(cost), Number(floor) < Number(cost) ? `${whole(floor)} in memories of any size` : "as in memories of any size"],
    ["lower bound", whole(bound), gap],
    [`moved by ${home.name}`, shortBytes(Number(home.traffic.read) + Number(home.traffic.written)), `${shortBytes(home.traffic.read)} read, ${shortBytes(home.traffic.written)} written`],
    ["copies", whole(copies.of.length), shortBytes(copied)],
    ["preloaded", shortBytes(preloaded), "constants that stay on chip"],
    ["tensors", whole(figures.buffers), `${whole(buffers.count)} places, ${whole(figures.steps)} steps`],
  ];
  const bars = [["this plan", cost, "plan"], ["lower bound", bound, "bound"], ["any size", floor, ""]];
  return { facts, bars, text: (number) => Number(number).toLocaleString("en", { notation: "compact", maximumFractionDigits: 2 }) };
}

function ratio(part, of, word) {
  if (!Number(of)) return "";
  const share = Number(part) / Number(of);
  return word ? `${(100 * share).toFixed(1)} % ${word}` : `${share.toFixed(share < 10 ? 2 : 1)} times the arena`;
}

/** Maps of all memories, with what is done to all of them at once. */
const panels = [];
const tools = {};

function memories() {
  const several = data.pools.length > 1;
  const title = several ? "Memory maps" : "Memory map";
  const section = make("section", { class: several && "several", "aria-label": title }, make("h2", {}, title));
  byId("pools").append(section);
  const search = make("input", { type: "search", placeholder: "Search names and types", "aria-label": "Search the map",
    oninput: find, onkeydown: (event) => event.key === "Enter" && nextMatch(event.shiftKey ? -1 : 1) });
  const count = make("span", { class: "count", role: "status" });
  const button = (text, label, onclick) => make("button", { type: "button", "aria-label": label, title: label, onclick }, text);
  const mode = make("select", { "aria-label": "Colours", onchange: () => recolour(mode.value) },
    make("option", { value: "operator" }, "colour by operator"), make("option", { value: "kind" }, "colour by kind"));
  // Of several maps, those that follow only need to be told of time.
  const zoom = (factor) => panels.forEach(({ map }, i) => map.zoom(factor, undefined, undefined, i === 0 || !several, !several || map.rows.length > 0));
  section.append(make("div", { class: "tools" }, search, count, data.types.length ? mode : "",
    button("+", "Zoom in", () => zoom(1.4)), button("\u2212", "Zoom out", () => zoom(1 / 1.4)),
    button("Fit", "Show all", () => panels.forEach(({ map }) => map.fitAll()))));
  const legend = make("div", { class: "legend" });
  const details = make("div", { class: "details", role: "status" });
  Object.assign(tools, { search, count, legend, details });
  section.append(legend);
  data.pools.forEach((pool, number) => memory(section, pool, number, several));
  section.append(hint(), details);
  charts(section);
  for (const { pool } of panels) peakPanel(section, pool, (row) => show(row));
  recolour(data.types.length ? "operator" : "kind");
  describe(-1);
}

function memory(section, pool, number, several) {
  pool.isHome = Boolean(data.placement) && number + 1 === data.pools.length;
  const place = make("div", { class: "canvas map" });
  if (several) {
    const { read, written } = pool.traffic;
    const of = pool.capacity == null ? "" : ` of ${shortBytes(pool.capacity)}`;
    section.append(make("h3", { class: "memory" }, make("span", { class: "name" }, pool.name),
      make("small", {}, `${shortBytes(pool.bytes)}${of} used \u00b7 ${shortBytes(read)} read \u00b7 ${shortBytes(written)} written`)));
  }
  section.append(place);
  const map = new MemoryMap(place, pool, number, { select, view: follow, hover });
  if (!map.rows.length && several) {
    place.hidden = true;
    section.append(make("p", {}, pool.isHome ? "Nothing comes and goes." : "Nothing lies there."));
  } else if (pool.isHome && several) {
    section.append(make("p", { class: "hint" }, "Only what comes and goes; what is there throughout is in the table."));
  }
  panels.push({ pool, map, charts: [] });
}

/** All maps show the same time. */
function follow(view, leader) {
  for (const { map, charts } of panels) {
    if (map !== leader) map.setView({ ...map.view, x0: view.x0, x1: view.x1 }, true);
    for (const chart of charts) chart.setWindow(view);
  }
}

function hover(row, leader) {
  for (const { map } of panels) if (map !== leader) map.setHovered(row);
}

/** What is live and what is moved, step by step, below all maps. */
function charts(section) {
  const add = (panel, title, legend, make_) => {
    const place = make("div", { class: "canvas" });
    section.append(make("h3", {}, title), legend, place);
    panel.charts.push(make_(place, panel.pool));
  };
  for (const panel of [...panels].reverse()) {
    const { pool, map } = panel;
    const several = data.placement ? ` in ${pool.name}` : "";
    const { read, written } = pool.traffic ?? { read: 0, written: 0 };
    // What goes through the fastest memory costs least; what is live at home is mostly weights.
    const isSlow = pool.isHome || panel !== panels[0];
    if (data.placement && isSlow && Number(read) + Number(written)) add(panel, `Traffic of ${pool.name}, step by step`, trafficLegend(), trafficChart);
    if (!data.placement || (!pool.isHome && map.rows.length)) add(panel, `Live bytes over time${several}`, liveLegend(pool), liveChart);
  }
  // Tests and the console find it there.
  for (const panel of panels) panel.live = panel.charts.at(-1);
}

function hint() {
  const keys = (...all) => all.flatMap((key) => [make("kbd", {}, key), " "]);
  return make("p", { class: "hint" }, "Click the map, then: wheel or ", ...keys("+", "\u2212"), "zoom (with Shift in time, with Alt in bytes only), drag or ",
    ...keys("\u2190", "\u2191", "\u2192", "\u2193"), "move, ", ...keys(",", "."), "go through buffers, ", ...keys("Enter"), "zooms to one, ", ...keys("0"), "shows all.");
}

const legendLine = (name, text) => make("span", {}, make("i", { class: "line", style: `color:var(--${name})` }), text);

function liveLegend(pool) {
  const entries = [legendLine("mark", data.shares.length ? "this plan, shared bytes once" : "this plan")];
  if (pool.before) entries.push(legendLine("before", data.shares.length ? "order of the file, nothing shared" : "order of the file"));
  if (pool.bound != null) entries.push(legendLine("accent", "lower bound"));
  return make("div", { class: "legend" }, ...entries);
}

function trafficLegend() {
  return make("div", { class: "legend" }, legendLine("mark", "all that is read and written"), legendLine("before", "of it, by copies"));
}

function drawLegend() {
  const colours = palette();
  const swatch = (style, text) => make("span", {}, make("i", { style: `background:${style}` }), make("span", { class: "name" }, text));
  const entries = [];
  const rows = panels.flatMap(({ map }) => map.rows);
  if (tools.mode === "kind") {
    const seen = new Set(rows.map((row) => buffers.kind[row]));
    data.kinds.forEach((name, kind) => seen.has(kind) && entries.push(swatch(colours.kinds[kind], name)));
  } else {
    const seen = new Set(rows.map((row) => buffers.type[row]));
    colours.types.forEach((style, type) => seen.has(type) && entries.push(swatch(style, data.types[type])));
    const others = data.types.length > colours.types.length ? "others" : "no operator";
    if ([...seen].some((type) => type < 0 || type >= colours.types.length)) entries.push(swatch(colours.other, others));
  }
  const hatch = (kind, text) => make("span", {}, make("i", { class: kind }), text);
  const shared = panels.flatMap(({ map }) => map.shared);
  if (shared.some((one) => one.same)) entries.push(hatch("hatch", "shared: same bytes"));
  if (shared.some((one) => !one.same)) entries.push(hatch("hatch over", "shared: written over"));
  const arrow = (style, text) => make("span", {}, make("b", { style: `color:${style}` }, text[0]), text.slice(1));
  const ways = new Set(copies.of.map((_, copy) => rises(copy)));
  if (ways.has(true)) entries.push(arrow(colours.copies[0], "\u2191copied closer"));
  if (ways.has(false)) entries.push(arrow(colours.copies[1], "\u2193copied away"));
  tools.legend.replaceChildren(...entries);
}

function recolour(mode) {
  tools.mode = mode;
  for (const { map } of panels) map.setMode(mode);
  drawLegend();
}

function find() {
  const wanted = tools.search.value.trim().toLowerCase();
  const hit = (row) => buffers.name[row].toLowerCase().includes(wanted) || typeName(row).toLowerCase().includes(wanted);
  const rows = wanted ? panels.flatMap(({ map }) => map.rows.filter(hit)) : null;
  tools.found = rows && rows.sort((a, b) => buffers.start[a] - buffers.start[b] || a - b);
  const matches = rows && new Set(rows);
  for (const { map } of panels) map.setMatches(matches);
  tools.count.textContent = rows ? `${whole(rows.length)} found` : "";
}

function nextMatch(by) {
  const { found } = tools;
  if (!found?.length) return;
  const place = found.indexOf(tools.selected);
  const row = found[place < 0 ? 0 : (place + by + found.length) % found.length];
  select(row);
  mapOf(row).zoomTo(row);
}

const mapOf = (row) => panels[buffers.poolOf(row)].map;

function describe(row) {
  tools.details.classList.toggle("some", row >= 0);
  if (row < 0) {
    tools.details.replaceChildren(make("p", {}, "Nothing is selected."));
    return;
  }
  const text = facts(row, 12).map((fact) => make("span", { class: "name" }, fact));
  const apart = text.flatMap((fact, i) => (i ? [" \u00b7 ", fact] : [fact]));
  const button = (text, onclick) => make("button", { type: "button", onclick }, text);
  const isShown = buffers.at[row] >= 0;
  const others = placesOf(row).filter((place) => place !== row && buffers.at[place] >= 0);
  const go = (place) => button(`Go to ${poolName(buffers.poolOf(place))}, steps ${whole(buffers.start[place])} to ${whole(buffers.end[place] - 1)}`, () => show(place));
  tools.details.replaceChildren(make("b", { class: "name" }, buffers.name[row]), ...apart, make("br"),
    ...(isShown ? [button("Zoom to it", () => mapOf(row).zoomTo(row))] : []), button("Deselect", () => select(-1)), ...others.slice(0, 6).map(go));
}

function select(row) {
  tools.selected = row;
  for (const { map } of panels) map.select(row);
  describe(row);
  table.mark(row);
}

/** Selects, and brings its map into sight. */
function show(row) {
  select(row);
  if (buffers.at[row] < 0) return;
  const map = mapOf(row);
  map.zoomTo(row);
  map.place.scrollIntoView({ block: "center" });
}

head();
memories();
orderPanel();
copiesPanel(show);
const columns = [
  { title: "Buffer", wide: true, value: (row) => buffers.name[row] },
  { title: "Kind", value: (row) => data.kinds[buffers.kind[row]] },
  { title: "Made by", value: typeName },
  { title: "Bytes", number: true, value: (row) => buffers.bytes[row], text: (row) => whole(buffers.exactBytes[row]) },
  { title: "Offset", number: true, value: (row) => buffers.offset[row], text: (row) => whole(buffers.exactOffset[row]) },
  { title: "First step", number: true, value: (row) => buffers.start[row], text: (row) => whole(buffers.start[row]) },
  { title: "Last step", number: true, value: (row) => buffers.end[row] - 1, text: (row) => whole(buffers.end[row] - 1) },
];
/** The memories of a tensor, in the order in which it comes to them. */
const way = (row) => [...placesOf(row)].sort((a, b) => buffers.start[a] - buffers.start[b] || b - a)
  .map((place) => poolName(buffers.poolOf(place))).filter((name, i, all) => name !== all[i - 1]).join(" \u2192 ");
if (data.pools.length > 1) {
  columns.splice(3, 0, { title: "Memory", value: (row) => poolName(buffers.poolOf(row)) });
  columns.push({ title: "All its memories", value: way });
}
if (data.shares.length) columns.push({ title: "Shares", number: true, value: (row) => buffers.shares.get(row)?.length ?? 0 });
const some = (is) => {
  for (let row = 0; row < buffers.count; row++) if (is(row)) return true;
  return false;
};
const kinds = data.kinds.map((name, kind) => [name, (row) => buffers.kind[row] === kind]).filter(([, is]) => some(is));
const choices = kinds.length > 1 ? kinds : [];
if (data.pools.length > 1) {
  choices.push(...data.pools.map(({ name }, pool) => [`in ${name}`, (row) => buffers.poolOf(row) === pool]).filter(([, is]) => some(is)));
  const moves = ["what is in several places", (row) => placesOf(row).length > 1];
  if (some(moves[1])) choices.push(moves);
}
if (data.placement) byId("table").querySelector("h2").textContent = "Places of tensors";
const table = new VirtualTable(byId("buffer-table"), {
  label: "Buffers", rows: buffers.count, columns, first: columns.findIndex((column) => column.title === "Bytes"), select: (row) => show(row),
  choices: choices.length ? { label: "Kind", all: "every kind", some: choices } : null,
});
darkMedia.addEventListener("change", drawLegend);
// For the console, and for tests.
window.plimsollReport = { data, buffers, copies, panels, table, select, show };
