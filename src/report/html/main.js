// Puts the page together.

const { figures } = data;
const byId = (id) => document.getElementById(id);
const panels = [];

function head() {
  byId("model").textContent = data.model;
  byId("model").classList.add("name");
  const says = {
    optimal: "optimal: no plan needs less",
    feasible: "feasible: a smaller plan may exist",
    infeasible: "infeasible: nothing fits the capacity",
    unknown: "does not fit the capacity; another plan might",
  };
  const strategy = figures.strategy ? ` \u00b7 strategy ${figures.strategy}` : "";
  byId("standing").append(make("span", { class: `status ${figures.status}` }, says[figures.status] ?? figures.status), strategy);
  const [pool] = data.pools;
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
  byId("figures").append(...facts.slice(0, 6).map(([name, text, small]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, text, small ? make("small", {}, small) : ""))));
  const bars = [["no reuse", figures.noReuse, ""], ["file order", figures.fileArena, "before"],
    ["this plan", pool.bytes, "plan"], ["lower bound", pool.bound, "bound"]].filter(([, bytes]) => bytes != null);
  const most = bars.reduce((top, [, bytes]) => Math.max(top, Number(bytes)), 1);
  byId("bars").append(...bars.map(([name, bytes, kind]) => make("div", { class: "bar" },
    make("span", {}, name),
    make("span", { class: "track" }, make("span", { class: `fill ${kind}`, style: `width:${100 * Number(bytes) / most}%` })),
    make("span", {}, shortBytes(bytes)))));
}

function ratio(part, of, word) {
  if (!Number(of)) return "";
  const share = Number(part) / Number(of);
  return word ? `${(100 * share).toFixed(1)} % ${word}` : `${share.toFixed(share < 10 ? 2 : 1)} times the arena`;
}

/** A memory: its map, its live bytes, and what makes it full. */
function poolPanel(pool, number) {
  const title = data.pools.length > 1 ? `Memory map: ${pool.name}` : "Memory map";
  const section = make("section", { "aria-label": title }, make("h2", {}, title));
  byId("pools").append(section);
  const panel = { pool };
  const search = make("input", { type: "search", placeholder: "Search names and types", "aria-label": "Search the map",
    oninput: () => find(panel), onkeydown: (event) => event.key === "Enter" && nextMatch(panel, event.shiftKey ? -1 : 1) });
  const count = make("span", { class: "count", role: "status" });
  const button = (text, label, onclick) => make("button", { type: "button", "aria-label": label, title: label, onclick }, text);
  const mode = make("select", { "aria-label": "Colours", onchange: () => recolour(panel, mode.value) },
    make("option", { value: "operator" }, "colour by operator"), make("option", { value: "kind" }, "colour by kind"));
  section.append(make("div", { class: "tools" }, search, count, data.types.length ? mode : "",
    button("+", "Zoom in", () => panel.map.zoom(1.4)), button("\u2212", "Zoom out", () => panel.map.zoom(1 / 1.4)),
    button("Fit", "Show all", () => panel.map.fitAll())));
  const legend = make("div", { class: "legend" });
  const place = make("div", { class: "canvas map" });
  const details = make("div", { class: "details", role: "status" });
  section.append(legend, place, hint(), details);
  Object.assign(panel, { search, count, legend, details });
  section.append(make("h3", {}, "Live bytes over time"), liveLegend(pool));
  const chart = make("div", { class: "canvas" });
  section.append(chart);
  panel.live = new LiveChart(chart, pool);
  panel.map = new MemoryMap(place, pool, number, { select, view: (view) => panel.live.setWindow(view) });
  peakPanel(section, pool, (row) => show(row));
  panels.push(panel);
  panel.map.setMode(data.types.length ? "operator" : "kind");
  drawLegend(panel);
  describe(panel, -1);
}

function hint() {
  const keys = (...all) => all.flatMap((key) => [make("kbd", {}, key), " "]);
  return make("p", { class: "hint" }, "Click the map, then: wheel or ", ...keys("+", "\u2212"), "zoom (with Shift in time, with Alt in bytes only), drag or ",
    ...keys("\u2190", "\u2191", "\u2192", "\u2193"), "move, ", ...keys(",", "."), "go through buffers, ", ...keys("Enter"), "zooms to one, ", ...keys("0"), "shows all.");
}

function liveLegend(pool) {
  const line = (name, text) => make("span", {}, make("i", { class: "line", style: `color:var(--${name})` }), text);
  const entries = [line("mark", data.shares.length ? "this plan, shared bytes once" : "this plan"), line("accent", "lower bound")];
  if (pool.before) entries.splice(1, 0, line("before", data.shares.length ? "order of the file, nothing shared" : "order of the file"));
  return make("div", { class: "legend" }, ...entries);
}

function drawLegend(panel) {
  const colours = palette();
  const { map } = panel;
  const swatch = (style, text) => make("span", {}, make("i", { style: `background:${style}` }), make("span", { class: "name" }, text));
  const entries = [];
  if (map.mode === "kind") {
    const seen = new Set(map.rows.map((row) => buffers.kind[row]));
    data.kinds.forEach((name, kind) => seen.has(kind) && entries.push(swatch(colours.kinds[kind], name)));
  } else {
    const seen = new Set(map.rows.map((row) => buffers.type[row]));
    colours.types.forEach((style, type) => seen.has(type) && entries.push(swatch(style, data.types[type])));
    const others = data.types.length > colours.types.length ? "others" : "no operator";
    if ([...seen].some((type) => type < 0 || type >= colours.types.length)) entries.push(swatch(colours.other, others));
  }
  const hatch = (kind, text) => make("span", {}, make("i", { class: kind }), text);
  if (map.shared.some((one) => one.same)) entries.push(hatch("hatch", "shared: same bytes"));
  if (map.shared.some((one) => !one.same)) entries.push(hatch("hatch over", "shared: written over"));
  panel.legend.replaceChildren(...entries);
}

function recolour(panel, mode) {
  panel.map.setMode(mode);
  drawLegend(panel);
}

function find(panel) {
  const wanted = panel.search.value.trim().toLowerCase();
  const hit = (row) => buffers.name[row].toLowerCase().includes(wanted) || typeName(row).toLowerCase().includes(wanted);
  const rows = wanted ? panel.map.rows.filter(hit) : null;
  panel.found = rows && [...rows].sort((a, b) => buffers.start[a] - buffers.start[b] || a - b);
  panel.map.setMatches(rows && new Set(rows));
  panel.count.textContent = rows ? `${whole(rows.length)} found` : "";
}

function nextMatch(panel, by) {
  if (!panel.found?.length) return;
  const place = panel.found.indexOf(panel.map.selected);
  const count = panel.found.length;
  const row = panel.found[place < 0 ? 0 : (place + by + count) % count];
  select(row);
  panel.map.zoomTo(row);
}

function describe(panel, row) {
  if (row < 0 || !panel.map.rows.includes(row)) {
    panel.details.replaceChildren(make("p", {}, "Nothing is selected."));
    return;
  }
  const text = facts(row, 12).map((fact) => make("span", { class: "name" }, fact));
  const apart = text.flatMap((fact, i) => (i ? [" \u00b7 ", fact] : [fact]));
  panel.details.replaceChildren(make("b", { class: "name" }, buffers.name[row]), ...apart, make("br"),
    make("button", { type: "button", onclick: () => panel.map.zoomTo(row) }, "Zoom to it"),
    make("button", { type: "button", onclick: () => select(-1) }, "Deselect"));
}

function select(row) {
  for (const panel of panels) {
    panel.map.select(row);
    describe(panel, row);
  }
  table.mark(row);
}

/** Selects, and brings its map into sight. */
function show(row) {
  select(row);
  const panel = panels[buffers.poolOf(row)];
  panel.map.zoomTo(row);
  panel.map.place.scrollIntoView({ block: "center" });
}

head();
data.pools.forEach(poolPanel);
orderPanel();
const columns = [
  { title: "Buffer", wide: true, value: (row) => buffers.name[row] },
  { title: "Kind", value: (row) => data.kinds[buffers.kind[row]] },
  { title: "Made by", value: typeName },
  { title: "Bytes", number: true, value: (row) => buffers.bytes[row], text: (row) => whole(buffers.exactBytes[row]) },
  { title: "Offset", number: true, value: (row) => buffers.offset[row], text: (row) => whole(buffers.exactOffset[row]) },
  { title: "First step", number: true, value: (row) => buffers.start[row], text: (row) => whole(buffers.start[row]) },
  { title: "Last step", number: true, value: (row) => buffers.end[row] - 1, text: (row) => whole(buffers.end[row] - 1) },
];
if (data.pools.length > 1) columns.splice(3, 0, { title: "Memory", value: (row) => data.pools[buffers.poolOf(row)].name });
if (data.shares.length) columns.push({ title: "Shares", number: true, value: (row) => buffers.shares.get(row)?.length ?? 0 });
const kinds = data.kinds.map((name, kind) => [name, (row) => buffers.kind[row] === kind]).filter(([, is]) => {
  for (let row = 0; row < buffers.count; row++) if (is(row)) return true;
  return false;
});
const table = new VirtualTable(byId("buffer-table"), {
  label: "Buffers", rows: buffers.count, columns, first: columns.findIndex((column) => column.title === "Bytes"), select: (row) => show(row),
  choices: kinds.length > 1 ? { label: "Kind", all: "every kind", some: kinds } : null,
});
darkMedia.addEventListener("change", () => panels.forEach(drawLegend));
// For the console, and for tests.
window.plimsollReport = { data, buffers, panels, table, select, show };
