// Builds the page.

const { figures } = data;
const byId = (id) => document.getElementById(id);

function head() {
  byId("model").textContent = data.model;
  byId("model").classList.add("name");
  const noPlan = data.tiling ? "no plan of this tiling" : "no plan";
  const statusTexts = {
    optimal: data.placement ? "optimal: no placement costs less in this order" : `optimal: ${noPlan} needs less`,
    feasible: data.placement ? "feasible: another placement may cost less" : "feasible: a smaller plan may exist",
    infeasible: `infeasible: ${noPlan} fits the capacity`,
    unknown: "exceeds the capacity; another plan may fit",
    all: "optimal: larger memories would save nothing",
  };
  const strategy = figures.strategy ? ` \u00b7 strategy ${figures.strategy}` : "";
  byId("standing").append(make("span", { class: `status ${figures.status}` }, statusTexts[figures.status] ?? figures.status), strategy);
  const { facts, bars, text } = data.placement ? ofPlacement(data.placement) : ofArena(data.pools[0]);
  byId("figures").append(...facts.map(([name, text, small]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, text, small ? make("small", {}, small) : ""))));
  const largest = bars.reduce((top, [, number]) => Math.max(top, Number(number)), 1);
  byId("bars").append(...bars.map(([name, number, kind]) => make("div", { class: "bar" },
    make("span", {}, name),
    make("span", { class: "track" }, make("span", { class: `fill ${kind}`, style: `width:${100 * Number(number) / largest}%` })),
    make("span", {}, text(number)))));
}

function ofArena(pool) {
  const facts = [
    ["arena", shortBytes(pool.bytes), `${whole(pool.bytes)} bytes`],
    ["lower bound", shortBytes(pool.bound), `gap ${figures.gap}`],
    ["no reuse", shortBytes(figures.noReuse), ratio(figures.noReuse, pool.bytes)],
    ["buffers", whole(figures.buffers), data.shares.length ? `${whole(data.shares.length)} pairs share memory` : ""],
    ["steps", whole(figures.steps), ""],
  ];
  const file = Number(figures.fileArena ?? 0);
  if (file > Number(pool.bytes)) {
    const saved = 100 * (1 - Number(pool.bytes) / file);
    facts.splice(3, 0, ["saved by order", `${saved.toFixed(1)} %`, `of ${shortBytes(file)}`]);
  }
  if (pool.capacity != null) facts.splice(2, 0, ["capacity", shortBytes(pool.capacity), ratio(pool.bytes, pool.capacity, "used")]);
  if (data.tiling) {
    const { tiling } = data;
    facts.splice(2, 0, ["tiling", `${whole(tiling.regions.length)} regions`, `${tiling.extraPart} extra MACs, ${shortBytes(tiling.copied)} of rows copied`]);
  }
  const bars = [["no reuse", figures.noReuse, ""], ["program order", figures.fileArena, "before"], ["without tiling", data.tiling?.untiledArena, "before"],
    ["this plan", pool.bytes, "plan"], ["lower bound", pool.bound, "bound"]].filter(([, bytes]) => bytes != null);
  return { facts: facts.slice(0, 6), bars, text: shortBytes };
}

/** The figures of a plan for several memories. Cost is in the unit of the target. */
function ofPlacement({ cost, bound, floor, preloaded }) {
  const backingStore = data.pools.at(-1);
  const copied = copies.bytes.reduce((sum, bytes) => sum + Number(bytes), 0);
  // The gap is relative to the avoidable cost: the unavoidable cost cannot be saved.
  const gap = figures.gap.includes("%") && Number(bound) < Number(cost) ? `gap ${figures.gap} of the cost that larger memories could save` : `gap ${figures.gap}`;
  const facts = [
    ["cost of a run", whole(cost), Number(floor) < Number(cost) ? `${whole(floor)} with memories of any size` : "as with memories of any size"],
    ["lower bound", whole(bound), gap],
    [`moved by ${backingStore.name}`, shortBytes(Number(backingStore.traffic.read) + Number(backingStore.traffic.written)), `${shortBytes(backingStore.traffic.read)} read, ${shortBytes(backingStore.traffic.written)} written`],
    ["copies", whole(copies.of.length), shortBytes(copied)],
    ["preloaded", shortBytes(preloaded), "constants that stay on chip"],
    ["tensors", whole(figures.buffers), `${whole(buffers.count)} residency intervals, ${whole(figures.steps)} steps`],
  ];
  const bars = [["this plan", cost, "plan"], ["lower bound", bound, "bound"], ["unavoidable", floor, ""]];
  return { facts, bars, text: (number) => Number(number).toLocaleString("en", { notation: "compact", maximumFractionDigits: 2 }) };
}

function ratio(part, total, word) {
  if (!Number(total)) return "";
  const share = Number(part) / Number(total);
  return word ? `${(100 * share).toFixed(1)} % ${word}` : `${share.toFixed(share < 10 ? 2 : 1)} times the arena`;
}

/** The maps of all memories, and the controls that they share. */
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
    ...(data.tiling ? [make("option", { value: "stripe" }, "colour by stripe")] : []),
    make("option", { value: "operator" }, "colour by operator"), make("option", { value: "kind" }, "colour by kind"));
  // Of several maps, the first one leads; the others follow it in time and zoom by themselves only in bytes.
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
  recolour(data.tiling ? "stripe" : data.types.length ? "operator" : "kind");
  describe(-1);
}

function memory(section, pool, number, several) {
  pool.isBackingStore = Boolean(data.placement) && number + 1 === data.pools.length;
  const container = make("div", { class: "canvas map" });
  if (several) {
    const { read, written } = pool.traffic;
    const capacity = pool.capacity == null ? "" : ` of ${shortBytes(pool.capacity)}`;
    section.append(make("h3", { class: "memory" }, make("span", { class: "name" }, pool.name),
      make("small", {}, `${shortBytes(pool.bytes)}${capacity} used \u00b7 ${shortBytes(read)} read \u00b7 ${shortBytes(written)} written`)));
  }
  section.append(container);
  const map = new MemoryMap(container, pool, number, { select, view: follow, hover });
  if (!map.rows.length && several) {
    container.hidden = true;
    section.append(make("p", {}, pool.isBackingStore ? "No tensor comes or goes." : "Empty."));
  } else if (pool.isBackingStore && several) {
    section.append(make("p", { class: "hint" }, "Only tensors that come and go are shown; the table also lists those that are resident throughout."));
  }
  panels.push({ pool, map, charts: [] });
}

/** Keeps the time range of all maps equal. */
function follow(view, leader) {
  for (const { map, charts } of panels) {
    if (map !== leader) map.setView({ ...map.view, x0: view.x0, x1: view.x1 }, true);
    for (const chart of charts) chart.setWindow(view);
  }
}

function hover(row, leader) {
  for (const { map } of panels) if (map !== leader) map.setHovered(row);
}

/** Adds charts of live bytes and traffic below the maps. */
function charts(section) {
  const add = (panel, title, legend, makeChart) => {
    const container = make("div", { class: "canvas" });
    section.append(make("h3", {}, title), legend, container);
    panel.charts.push(makeChart(container, panel.pool));
  };
  for (const panel of [...panels].reverse()) {
    const { pool, map } = panel;
    const several = data.placement ? ` in ${pool.name}` : "";
    const { read, written } = pool.traffic ?? { read: 0, written: 0 };
    // Traffic of the fastest memory costs least, and live bytes of the backing store are mostly weights.
    const isSlow = pool.isBackingStore || panel !== panels[0];
    if (data.placement && isSlow && Number(read) + Number(written)) add(panel, `Traffic of ${pool.name}, step by step`, trafficLegend(), trafficChart);
    if (!data.placement || (!pool.isBackingStore && map.rows.length)) add(panel, `Live bytes over time${several}`, liveLegend(pool), liveChart);
  }
  // For tests and the console.
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
  if (pool.before && data.tiling) entries.push(legendLine("before", "without tiling, at the same operators"));
  else if (pool.before) entries.push(legendLine("before", data.shares.length ? "program order, nothing shared" : "program order"));
  if (pool.bound != null) entries.push(legendLine("accent", "lower bound"));
  return make("div", { class: "legend" }, ...entries);
}

function trafficLegend() {
  return make("div", { class: "legend" }, legendLine("mark", "all bytes read and written"), legendLine("before", "of these, by copies"));
}

function drawLegend() {
  const colours = palette();
  const swatch = (style, text) => make("span", {}, make("i", { style: `background:${style}` }), make("span", { class: "name" }, text));
  const entries = [];
  const rows = panels.flatMap(({ map }) => map.rows);
  if (tools.mode === "stripe") {
    const seen = new Set(rows.map((row) => data.tiling.roleOf[row]));
    data.tiling.roles.forEach((name, role) => seen.has(role) && entries.push(swatch(colours.roles[role], name)));
  } else if (tools.mode === "kind") {
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
  if (shared.some((share) => share.same)) entries.push(hatch("hatch", "shared: same bytes"));
  if (shared.some((share) => !share.same)) entries.push(hatch("hatch over", "shared: written over"));
  const arrow = (style, text) => make("span", {}, make("b", { style: `color:${style}` }, text[0]), text.slice(1));
  const directions = new Set(copies.of.map((_, copy) => rises(copy)));
  if (directions.has(true)) entries.push(arrow(colours.copies[0], "\u2191copied closer"));
  if (directions.has(false)) entries.push(arrow(colours.copies[1], "\u2193copied away"));
  tools.legend.replaceChildren(...entries);
}

function recolour(mode) {
  tools.mode = mode;
  for (const { map } of panels) map.setMode(mode);
  drawLegend();
}

function find() {
  const query = tools.search.value.trim().toLowerCase();
  const hit = (row) => buffers.name[row].toLowerCase().includes(query) || typeName(row).toLowerCase().includes(query);
  const rows = query ? panels.flatMap(({ map }) => map.rows.filter(hit)) : null;
  tools.hits = rows && rows.sort((a, b) => buffers.start[a] - buffers.start[b] || a - b);
  const matches = rows && new Set(rows);
  for (const { map } of panels) map.setMatches(matches);
  tools.count.textContent = rows ? `${whole(rows.length)} found` : "";
}

function nextMatch(shift) {
  const { hits } = tools;
  if (!hits?.length) return;
  const index = hits.indexOf(tools.selected);
  const row = hits[index < 0 ? 0 : (index + shift + hits.length) % hits.length];
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
  const separated = text.flatMap((fact, i) => (i ? [" \u00b7 ", fact] : [fact]));
  const button = (text, onclick) => make("button", { type: "button", onclick }, text);
  const isShown = buffers.at[row] >= 0;
  const others = intervalsOf(row).filter((interval) => interval !== row && buffers.at[interval] >= 0);
  const go = (interval) => button(`Go to ${poolName(buffers.poolOf(interval))}, steps ${whole(buffers.start[interval])} to ${whole(buffers.end[interval] - 1)}`, () => show(interval));
  tools.details.replaceChildren(make("b", { class: "name" }, buffers.name[row]), ...separated, make("br"),
    ...(isShown ? [button("Zoom to it", () => mapOf(row).zoomTo(row))] : []), button("Deselect", () => select(-1)), ...others.slice(0, 6).map(go));
}

function select(row) {
  tools.selected = row;
  for (const { map } of panels) map.select(row);
  describe(row);
  table.mark(row);
}

/** Selects a rectangle and scrolls its map into view. */
function show(row) {
  select(row);
  if (buffers.at[row] < 0) return;
  const map = mapOf(row);
  map.zoomTo(row);
  map.container.scrollIntoView({ block: "center" });
}

head();
memories();
orderPanel();
regionsPanel((region) => panels[0].map.setView({ ...panels[0].map.all, x0: region.steps[0], x1: region.steps[1] }));
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
/** The memories of a tensor, in the order in which it resides in them. */
const residencyPath = (row) => [...intervalsOf(row)].sort((a, b) => buffers.start[a] - buffers.start[b] || b - a)
  .map((interval) => poolName(buffers.poolOf(interval))).filter((name, i, all) => name !== all[i - 1]).join(" \u2192 ");
if (data.pools.length > 1) {
  columns.splice(3, 0, { title: "Memory", value: (row) => poolName(buffers.poolOf(row)) });
  columns.push({ title: "All its memories", value: residencyPath });
}
if (data.shares.length) columns.push({ title: "Shares", number: true, value: (row) => buffers.shares.get(row)?.length ?? 0 });
const anyRow = (test) => {
  for (let row = 0; row < buffers.count; row++) if (test(row)) return true;
  return false;
};
const kinds = data.kinds.map((name, kind) => [name, (row) => buffers.kind[row] === kind]).filter(([, test]) => anyRow(test));
const choices = kinds.length > 1 ? kinds : [];
if (data.pools.length > 1) {
  choices.push(...data.pools.map(({ name }, pool) => [`in ${name}`, (row) => buffers.poolOf(row) === pool]).filter(([, test]) => anyRow(test)));
  const moved = ["several residency intervals", (row) => intervalsOf(row).length > 1];
  if (anyRow(moved[1])) choices.push(moved);
}
if (data.placement) byId("table").querySelector("h2").textContent = "Residency of tensors";
const table = new VirtualTable(byId("buffer-table"), {
  label: "Buffers", rows: buffers.count, columns, first: columns.findIndex((column) => column.title === "Bytes"), select: (row) => show(row),
  choices: choices.length ? { label: "Kind", all: "every kind", some: choices } : null,
});
darkMedia.addEventListener("change", drawLegend);
// For tests and the console.
window.plimsollReport = { data, buffers, copies, panels, table, select, show };
