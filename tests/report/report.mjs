// Uses reports like a reader: points, zooms, searches, filters. Fails on any message of the browser's
// console, and on every request for anything but the file.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { network } from "./network.mjs";

const { BROWSER, PLACE, PLIMSOLL, PLIMSOLL_SCREENSHOTS: pictures } = process.env;
const { chromium } = createRequire(join(PLACE, "index.js"))("playwright-core");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

const SIZES = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, colorScheme: "dark" },
  desk: { viewport: { width: 1440, height: 900 }, colorScheme: "light" },
};

/** Time limit in milliseconds for one drawing: two frames of a 60 Hz screen. */
const MAX_DRAWING_MS = 33;
/** Time limit in milliseconds from frame to frame: two frames of a 60 Hz screen. */
const MAX_FRAME_MS = 34;

function plan(name, input, ...options) {
  const report = join(PLACE, `${name}.html`);
  execFileSync(PLIMSOLL, ["plan", input, "--out", report, ...options], { stdio: ["ignore", "ignore", "inherit"] });
  return report;
}

function written(name, graph) {
  const path = join(PLACE, `${name}.json`);
  writeFileSync(path, JSON.stringify(graph));
  return path;
}

/** A network with names that would run as code if text were taken for HTML or for the end of a script. */
function hostile() {
  const names = ["</script><script>window.pwned = 1</script>", "<img src=x onerror='window.pwned = 2'>", "<!--<script>", "\u2028{{script}}$&\u202e"];
  const tensors = names.map((name, i) => ({ name, shape: [64], dtype: "int8", bytes: 64, kind: ["input", "intermediate", "intermediate", "output"][i] }));
  const ops = [0, 1, 2].map((i) => ({ name: names[i], type: names[i + 1], inputs: [i], outputs: [i + 1] }));
  return { name: names[0], ops, tensors };
}

const browser = await chromium.launch({ executablePath: BROWSER, args: FLAGS });

async function open(file, size, use) {
  const context = await browser.newContext(SIZES[size]);
  const page = await context.newPage();
  const wrong = [];
  // The warning about getImageData is due to this test, which reads pixels back.
  page.on("console", (message) => message.text().includes("getImageData") || wrong.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => wrong.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    if (request.url() !== pathToFileURL(file).href && !request.url().startsWith("data:")) wrong.push(`request: ${request.url()}`);
  });
  await page.goto(pathToFileURL(file).href);
  await page.waitForFunction(() => window.plimsollReport?.panels[0].map.width > 0);
  try {
    await use(page);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= SIZES[size].viewport.width, `${size}: the page is ${width} wide`);
    assert.deepEqual(wrong, [], `${file} at ${size}`);
    if (pictures) {
      mkdirSync(pictures, { recursive: true });
      await page.screenshot({ path: join(pictures, `${file.split("/").at(-1).replace(".html", "")}-${size}.png`), fullPage: true });
    }
  } finally {
    await context.close();
  }
}

const view = (page, panel = 0) => page.evaluate((panel) => ({ ...plimsollReport.panels[panel].map.view }), panel);
const map = (page, panel = 0) => page.locator(".map").nth(panel).locator("canvas");
const details = (page) => page.locator(".details").first().innerText();

/** The largest buffer of a map: its position, row and name. */
function largest(page, panel = 0) {
  return page.evaluate((panel) => {
    const { buffers, panels: { [panel]: { map } } } = plimsollReport;
    map.container.scrollIntoView({ block: "center" });
    const area = (row) => buffers.bytes[row] * (buffers.end[row] - buffers.start[row]);
    const row = map.rows.reduce((best, row) => (area(row) > area(best) ? row : best));
    const at = map.locate(row);
    const box = map.canvas.getBoundingClientRect();
    const front = map.find(at.x - box.left, at.y - box.top);
    return { ...at, row: front, name: buffers.name[front] };
  }, panel);
}

async function drawn(page) {
  const colours = await page.evaluate(() => [...document.querySelectorAll("canvas")].filter((one) => one.width > 0).map((one) => {
    const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
    return new Set(new Uint32Array(data.buffer)).size;
  }));
  assert.ok(colours.length >= 2 && colours.every((count) => count > 4), `colours on each canvas: ${colours}`);
}

async function points(page, size, panel = 0) {
  const { x, y, name, row } = await largest(page, panel);
  if (size === "phone") {
    // Maps scroll to the same screen position, where two quick taps would be a double tap.
    await page.waitForTimeout(500);
    await page.touchscreen.tap(x, y);
  } else {
    await page.mouse.move(x, y);
    const tip = page.locator(".map").nth(panel).locator(".tip");
    await tip.waitFor({ state: "visible" });
    assert.ok((await tip.innerText()).startsWith(name.slice(0, 40)), await tip.innerText());
    assert.match(await tip.innerText(), /live at steps [\d,]+ to [\d,]+/);
    await page.mouse.click(x, y);
  }
  await page.waitForFunction(([panel, row]) => plimsollReport.panels[panel].map.selected === row, [panel, row]);
  assert.ok((await details(page)).includes(name));
  assert.equal(await page.locator("#buffer-table tr.selected").getAttribute("data-row"), String(row));
}

async function zooms(page, size, panel = 0) {
  const before = await view(page, panel);
  const { x, y } = await largest(page, panel);
  if (size === "phone") {
    const session = await page.context().newCDPSession(page);
    const touch = (type, ...places) => session.send("Input.dispatchTouchEvent", { type, touchPoints: places.map(([x, y], id) => ({ x, y, id })) });
    await touch("touchStart", [x - 20, y], [x + 20, y]);
    for (const d of [30, 40, 60, 80]) await touch("touchMove", [x - d, y], [x + d, y]);
    await touch("touchEnd");
  } else {
    // Without focus on the map, the wheel scrolls the page.
    await page.evaluate(() => document.activeElement.blur());
    await page.mouse.move(x, y);
    await page.mouse.wheel(0, 10);
    await page.waitForTimeout(100);
    assert.deepEqual(await view(page, panel), before);
    await map(page, panel).focus();
    await page.mouse.wheel(0, -400);
  }
  await page.waitForFunction(([panel, span]) => {
    const { view } = plimsollReport.panels[panel].map;
    return view.x1 - view.x0 < 0.9 * span;
  }, [panel, before.x1 - before.x0]);
  const near = await view(page, panel);
  assert.ok(near.x0 >= before.x0 && near.x1 <= before.x1, JSON.stringify(near));
  // All maps show the same time.
  const others = await page.evaluate(() => plimsollReport.panels.map(({ map: { view } }) => [view.x0, view.x1]));
  assert.ok(others.every((other) => other[0] === near.x0 && other[1] === near.x1), JSON.stringify(others));
  await page.getByRole("button", { name: "Show all" }).click();
  assert.deepEqual(await view(page, panel), before);
}

async function keys(page) {
  const before = await view(page);
  await map(page).focus();
  for (const key of ["+", "+", "+"]) await page.keyboard.press(key);
  const near = await view(page);
  assert.ok(near.x1 - near.x0 < 0.5 * (before.x1 - before.x0));
  await page.keyboard.press("ArrowRight");
  assert.ok((await view(page)).x0 > near.x0);
  await page.keyboard.press("0");
  assert.deepEqual(await view(page), before);
  await page.keyboard.press("Escape");
  assert.match(await details(page), /Nothing is selected/);
  await page.keyboard.press(".");
  const first = await page.evaluate(() => plimsollReport.panels[0].map.selected);
  assert.equal(await page.evaluate((row) => plimsollReport.buffers.start[row], first), 0);
  await page.keyboard.press("Enter");
  assert.notDeepEqual(await view(page), before);
  await page.keyboard.press("0");
  // Every control has an accessible name.
  const unnamed = await page.evaluate(() => [...document.querySelectorAll("button, input, select, canvas")]
    .filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim())).map((one) => one.outerHTML));
  assert.deepEqual(unnamed, []);
}

async function searches(page, wanted) {
  const search = page.getByRole("searchbox", { name: "Search the map" });
  const expected = await page.evaluate((wanted) => {
    const { data, buffers } = plimsollReport;
    const has = (text) => text.toLowerCase().includes(wanted);
    return buffers.name.filter((name, row) => buffers.at[row] >= 0 && (has(name) || has(data.types[buffers.type[row]] ?? ""))).length;
  }, wanted);
  assert.ok(expected > 0);
  await search.fill(wanted.toUpperCase());
  assert.equal(await page.locator(".tools .count").first().innerText(), `${expected.toLocaleString("en")} found`);
  await search.press("Enter");
  assert.ok((await details(page)).toLowerCase().includes(wanted), await details(page));
  await search.fill("no such buffer");
  assert.equal(await page.locator(".tools .count").first().innerText(), "0 found");
  await search.fill("");
  await page.getByRole("button", { name: "Show all" }).click();
}

async function filters(page, wanted) {
  const table = page.locator("#buffer-table");
  const cell = (column) => table.locator("tr[data-row] td.number").nth(column).innerText();
  // The table may still be scrolled to an earlier selection.
  await table.locator(".scroller").evaluate((scroller) => scroller.scrollTo(0, 0));
  await table.locator("tr[aria-rowindex='2']").waitFor();
  const largest = await page.evaluate(() => Math.max(...plimsollReport.buffers.bytes).toLocaleString("en"));
  assert.equal(await cell(0), largest);
  await table.getByRole("button", { name: "Bytes" }).click();
  const smallest = await page.evaluate(() => Math.min(...plimsollReport.buffers.bytes).toLocaleString("en"));
  assert.equal(await cell(0), smallest);
  assert.equal(await table.locator("th").nth(3).getAttribute("aria-sort"), "ascending");
  const filter = table.getByRole("searchbox");
  const all = await page.evaluate(() => plimsollReport.buffers.count);
  await filter.fill(wanted);
  const names = await table.locator("tr[data-row]").evaluateAll((rows) => rows.map((row) => row.innerHTML.toLowerCase()));
  assert.ok(names.length > 0 && names.every((name) => name.includes(wanted)), names[0]);
  await table.getByRole("combobox").selectOption({ label: "input" });
  await filter.fill("");
  assert.match(await table.locator(".count").innerText(), new RegExp(`^\\d+ of ${all.toLocaleString("en")}$`));
  assert.ok((await table.locator("tr[data-row]").allInnerTexts()).every((text) => text.includes("input")));
  await table.locator("tr[data-row] button").first().click();
  assert.ok(await page.evaluate(() => plimsollReport.panels[0].map.selected >= 0));
  await table.getByRole("combobox").selectOption({ label: "every kind" });
  await page.getByRole("button", { name: "Show all" }).click();
}

/** Counts the pixels of a map with exactly this colour. */
function pixels(page, panel, colour) {
  return page.evaluate(([panel, colour]) => {
    const { map, map: { canvas } } = plimsollReport.panels[panel];
    // A map out of sight may be outdated.
    map.drawNow();
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    let count = 0;
    for (let i = 0; i < data.length; i += 4) count += data[i] === r && data[i + 1] === g && data[i + 2] === b;
    return count;
  }, [panel, colour]);
}

/** Checks transfers: arrows in the maps, the table, and all residency intervals of a tensor. */
async function copied(page, size) {
  const { copies, theme, copied } = await page.evaluate(() => ({
    copies: plimsollReport.data.placement.copies,
    theme: plimsollReport.data.colours.copies[matchMedia("(prefers-color-scheme: dark)").matches ? 1 : 0],
    copied: plimsollReport.panels.map(({ map }) => map.copied.length),
  }));
  assert.ok(copied.every((count) => count > 0), `arrows by map: ${copied}`);
  assert.equal(await page.locator(".several .legend").first().innerText().then((text) => /copied closer\s*\u2193\s*copied away/.test(text)), true);
  const table = page.locator("#copies-table");
  assert.match(await page.locator("#copies-says").innerText(), new RegExp(`^${copies.of.length} copies, `));
  for (const panel of [0, 1]) {
    const [closer, away] = [await pixels(page, panel, theme[0]), await pixels(page, panel, theme[1])];
    assert.ok(closer > 20 && away > 20, `${size}, map ${panel}: ${closer} and ${away} pixels of arrows`);
  }
  await table.getByRole("button", { name: "Bytes" }).click();
  const largest = Math.max(...copies.bytes);
  assert.equal(await table.locator("tr[data-row] td.number").nth(1).innerText(), largest.toLocaleString("en"));
  const [from, to] = [copies.from[0], copies.to[0]];
  const names = await page.evaluate(() => plimsollReport.data.pools.map((pool) => pool.name));
  await table.getByRole("combobox").selectOption({ label: `${names[from]} to ${names[to]}` });
  const expected = copies.of.filter((_, copy) => copies.from[copy] === from && copies.to[copy] === to).length;
  assert.equal(await table.locator(".count").innerText(), `${expected} of ${copies.of.length}`);
  await table.locator("tr[data-row] button").first().click();
  const row = Number(await table.locator("tr[data-row]").first().getAttribute("data-row"));
  const selected = await page.evaluate(() => plimsollReport.panels[0].map.selected);
  assert.equal(selected, copies.toRow[row] >= 0 ? copies.toRow[row] : copies.fromRow[row]);
  assert.match(await details(page), /copied (from|to) (l1|l2|ddr) (before|from|after)/);
  // From one residency interval of a tensor to another.
  await page.getByRole("button", { name: /^Go to/ }).first().click();
  const [other, same] = await page.evaluate((before) => {
    const { buffers, panels } = plimsollReport;
    const now = panels[0].map.selected;
    return [now, buffers.of(now) === buffers.of(before)];
  }, selected);
  assert.ok(other !== selected && same, `${selected} and ${other}`);
  await page.getByRole("button", { name: "Show all" }).click();
}

/** Checks charts and tables against the figures of the plan. */
async function moved(page) {
  const wrong = await page.evaluate(() => {
    const { data } = plimsollReport;
    const sum = ({ step, bytes }) => step.reduce((sum, from, i) => sum + (Math.min(step[i + 1] ?? data.figures.steps, data.figures.steps) - from) * Number(bytes[i]), 0);
    return data.pools.map(({ traffic }) => sum(traffic.inPlace) + sum(traffic.copied) - Number(traffic.read) - Number(traffic.written));
  });
  assert.deepEqual(wrong, wrong.map(() => 0));
  const charts = await page.evaluate(() => [...document.querySelectorAll(".canvas:not(.map) canvas")].map((one) => one.getAttribute("aria-label")));
  for (const label of ["Bytes read and written in ddr, step by step", "Live bytes over time in l1", "Live bytes over time in l2"]) assert.ok(charts.includes(label), charts.join());
  const chart = page.locator("canvas[aria-label='Bytes read and written in ddr, step by step']");
  await chart.focus();
  await page.keyboard.press("ArrowRight");
  assert.match(await chart.locator("xpath=..").locator(".tip").innerText(), /^step 0\n+copied: .+\n+all: /);
  const table = page.locator("#buffer-table");
  for (const label of ["in l2", "several residency intervals", "constant"]) {
    await table.getByRole("combobox").selectOption({ label });
    assert.ok(await table.locator("tr[data-row]").count() > 0, label);
  }
  await table.getByRole("combobox").selectOption({ label: "several residency intervals" });
  await table.getByRole("searchbox").fill("l1 \u2192 l2");
  assert.ok((await table.locator("tr[data-row]").allInnerTexts()).every((text) => text.includes("l1 \u2192 l2")));
  assert.ok(await table.locator("tr[data-row]").count() > 0);
  await table.getByRole("searchbox").fill("");
  await table.getByRole("combobox").selectOption({ label: "every kind" });
}

/** Measures the milliseconds from frame to frame while the map moves, and for one drawing alone. */
async function frames(page) {
  return page.evaluate(async () => {
    const [{ map }, ...others] = plimsollReport.panels;
    map.container.scrollIntoView({ block: "center" });
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
    const [between, alone] = [[], []];
    let last = await frame();
    for (let i = 0; i < 60; i++) {
      map.zoom(i % 20 < 10 ? 1.01 : 1 / 1.01);
      const now = await frame();
      if (i > 3) between.push(now - last);
      last = now;
    }
    map.fitAll();
    for (let i = 0; i < 15; i++) {
      const start = performance.now();
      for (const one of [map, ...others.map((other) => other.map)]) {
        one.drawNow();
        // Waits until it is painted.
        if (one.width) one.context.getImageData(0, 0, 1, 1);
      }
      alone.push(performance.now() - start);
    }
    return { between: median(between), alone: median(alone) };
  });
}

/** Checks the drawing speed, the best of five measurements, as other programs may slow down the machine. */
async function isFast(page, size) {
  let { between, alone } = await frames(page);
  for (let tries = 1; tries < 5 && (between > MAX_FRAME_MS || alone > MAX_DRAWING_MS); tries++) ({ between, alone } = await frames(page));
  const [places, maps] = await page.evaluate(() => [plimsollReport.buffers.count, plimsollReport.panels.length]);
  console.log(`${size}: ${places} rectangles in ${maps} maps, ${between.toFixed(1)} ms from frame to frame, ${alone.toFixed(1)} ms for one drawing`);
  assert.ok(between <= MAX_FRAME_MS, `${between} ms from frame to frame`);
  assert.ok(alone <= MAX_DRAWING_MS, `${alone} ms for one drawing of all`);
}

/** The regions of a tiled plan: stripes are coloured, and a row of the table zooms to its region. */
async function regions(page) {
  const { regions } = await page.evaluate(() => plimsollReport.data.tiling);
  assert.ok(regions.length > 0 && regions.every(({ stripes }) => stripes.length > 1), JSON.stringify(regions));
  assert.match(await page.locator(".legend").first().innerText(), /stripes 1, 5/);
  assert.match(await page.locator("#regions-says").innerText(), /run stripe by stripe/);
  const row = page.locator("#regions-table [data-row='0']");
  assert.ok((await row.innerText()).includes(String(regions[0].stripes.length)), await row.innerText());
  await row.getByRole("button").first().click();
  await page.waitForFunction(() => plimsollReport.panels[0].map.view.x1 < plimsollReport.data.figures.steps);
  await page.getByRole("combobox", { name: "Colours" }).selectOption("kind");
  assert.match(await page.locator(".legend").first().innerText(), /intermediate/);
}

const small = plan("small", "examples/models/nas_cell_irregular_int8.tflite");
const shared = plan("shared", "examples/models/squeezenet1_1.onnx", "--as", "int8", "--share", "all", "--capacity", "2MiB");
const thousand = plan("thousand", written("thousand", network("thousand", 1000)));
const many = plan("many", written("many", network("many", 10_000)));
// With these costs the planner makes transfers in both directions.
const target = join(PLACE, "machine.toml");
writeFileSync(target, `
  pool = [
    { name = "l1", capacity = "16KiB" },
    { name = "l2", capacity = "32KiB", read = 2, write = 2, copy_from = 1, copy_to = 1 },
    { name = "ddr", read = 20, write = 20, copy_from = 4, copy_to = 4 },
  ]`);
const pooled = plan("pooled", "examples/models/nas_cell_irregular_int8.tflite", "--memory", target, "--node-limit", "20000");
const unlimited = plan("unlimited", "examples/models/nas_cell_irregular_int8.tflite", "--memory", "ddr=unlimited");
const cell = ["examples/models/nas_cell_irregular_int8.tflite", "--tile", "--share", "all", "--max-extra-macs", "5%"];
const tiled = plan("tiled", ...cell);
const tiledPools = plan("tiled_pools", ...cell, "--memory", "sram=64KiB");
const busy = plan("busy", written("busy", network("busy", 2000)), "--memory", "l1=96KiB", "--memory", "l2=160KiB",
  "--order", "file", "--node-limit", "1000");
const csv = join(PLACE, "buffers.csv");
writeFileSync(csv, "id,lower,upper,size\na,0,2,64\nb,1,3,32\nc,0,1,4611686018427387904\n");
const list = plan("list", csv);
const evil = plan("evil", written("evil", hostile()));
assert.ok(statSync(thousand).size <= 1 << 20, `a report on 1000 buffers has ${statSync(thousand).size} bytes`);

for (const size of Object.keys(SIZES)) {
  await open(small, size, async (page) => {
    await drawn(page);
    await points(page, size);
    await zooms(page, size);
    await keys(page);
    await searches(page, "pool");
    await filters(page, "concat");
    await page.getByRole("combobox", { name: "Colours" }).selectOption("kind");
    assert.match(await page.locator(".legend").first().innerText(), /intermediate/);
    assert.match(await page.locator("#order-says").innerText(), /\d+ of 118 operators have moved/);
    await page.getByRole("combobox", { name: /Operators in planned order/ }).selectOption({ label: "moved operators" });
    assert.equal(await page.locator(".causes li").count(), await page.evaluate(() => plimsollReport.data.pools[0].causes.length));
  });
  await open(pooled, size, async (page) => {
    await drawn(page);
    for (const panel of [0, 1, 2]) await points(page, size, panel);
    await zooms(page, size, 1);
    await keys(page);
    await searches(page, "pool");
    await copied(page, size);
    await moved(page);
    await page.getByRole("combobox", { name: "Colours" }).selectOption("kind");
    assert.match(await page.locator(".legend").first().innerText(), /constant/);
  });
  await open(tiled, size, async (page) => {
    await drawn(page);
    await points(page, size);
    assert.match(await page.locator("#figures").innerText(), /tiling/i);
    await regions(page);
  });
  await open(tiledPools, size, async (page) => {
    await drawn(page);
    await points(page, size);
    await regions(page);
  });
  await open(unlimited, size, async (page) => {
    assert.match(await page.locator("#copies-says").innerText(), /Nothing is copied/);
    assert.match(await page.locator("#figures").innerText(), /moved by ddr/);
    await points(page, size);
  });
  await open(shared, size, async (page) => {
    await drawn(page);
    assert.match(await page.locator(".legend").first().innerText(), /shared: /);
    await points(page, size);
  });
  await open(list, size, async (page) => {
    await drawn(page);
    assert.match(await page.locator("#figures").innerText(), /4\.00 EiB/);
    assert.match(await page.locator("#buffer-table").innerText(), /4611686018427387904/);
  });
  await open(evil, size, async (page) => {
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    const names = await page.evaluate(() => plimsollReport.buffers.name);
    assert.deepEqual(names.sort(), hostile().tensors.map((tensor) => tensor.name).sort());
    await page.evaluate(() => plimsollReport.select(0));
    assert.equal(await page.locator("main img, main script").count(), 0);
    assert.equal(await page.title(), `${hostile().name} \u00b7 memory plan`);
  });
  await open(busy, size, async (page) => {
    await drawn(page);
    await isFast(page, size);
    await points(page, size, 1);
  });
  await open(many, size, async (page) => {
    await drawn(page);
    await isFast(page, size);
    await searches(page, "tensor_77");
    await points(page, size);
    const made = await page.locator("#buffer-table tr").count();
    assert.ok(made < 80, `${made} rows are made for 10 000`);
  });
}
await browser.close();
console.log("reports: all checks passed at both sizes");
