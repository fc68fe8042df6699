// The regions of a tiled plan.

/** Marks the steps of each region in a map: a bar at the bottom, and lines at both ends. */
function drawRegions(context, colours, frame, scale) {
  if (!data.tiling) return;
  const height = 5;
  data.tiling.regions.forEach(({ steps, stripes }, number) => {
    const [left, right] = [scale.x(steps[0]), scale.x(steps[1])];
    context.fillStyle = number % 2 ? colours.quiet : colours.text;
    context.globalAlpha = 0.75;
    context.fillRect(left, frame.bottom - height, Math.max(right - left, 1), height);
    context.strokeStyle = colours.text;
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    context.beginPath();
    for (const x of [left, right]) {
      context.moveTo(Math.round(x) + 0.5, frame.top);
      context.lineTo(Math.round(x) + 0.5, frame.bottom);
    }
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
    if ((right - left) / stripes.length < 6) return;
    context.fillStyle = colours.paper;
    for (const step of stripes.slice(1)) context.fillRect(Math.round(scale.x(step)), frame.bottom - height, 1, height);
  });
}

/** A table of the regions; `zoom` shows one of them in the map. */
function regionsPanel(zoom) {
  if (!data.tiling) return;
  const { tiling } = data;
  document.getElementById("regions").hidden = false;
  document.getElementById("regions-says").textContent = `Operators of a region run stripe by stripe, so that its large tensors never exist as a whole. ` +
    `${bytesText(tiling.copied)} of carried rows are copied, ${bytesText(tiling.constants)} of constants are read again.`;
  const { regions } = tiling;
  const number = (value, text = (region) => whole(value(region))) => ({ number: true, value: (row) => value(regions[row]), text: (row) => text(regions[row]) });
  new VirtualTable(document.getElementById("regions-table"), {
    label: "Regions",
    rows: regions.length,
    columns: [
      { title: "First step", ...number((region) => region.steps[0]) },
      { title: "Last step", ...number((region) => region.steps[1] - 1) },
      { title: "First operator", wide: true, value: (row) => regions[row].first },
      { title: "Last operator", wide: true, value: (row) => regions[row].last },
      { title: "Operators", ...number((region) => region.operators) },
      { title: "Axis", ...number((region) => region.axis) },
      { title: "Stripes", ...number((region) => region.stripes.length) },
      { title: "Extra MACs", ...number((region) => Number(region.extra), (region) => whole(region.extra)) },
      { title: "Live bytes", ...number((region) => Number(region.live), (region) => whole(region.live)) },
      ...(regions.every((region) => region.untiledLive != null)
        ? [{ title: "Without tiling", ...number((region) => Number(region.untiledLive), (region) => whole(region.untiledLive)) }] : []),
    ],
    select: (row) => zoom(regions[row]),
  });
}
