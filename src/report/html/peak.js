// What causes the lower bound: the buffers of its certificate.

const MOST_CAUSES = 300;

function peakPanel(place, pool, select) {
  const causes = [...pool.causes].sort((a, b) => buffers.bytes[b] - buffers.bytes[a] || a - b);
  if (!causes.length) return;
  const sum = causes.reduce((total, row) => total + buffers.bytes[row], 0);
  const operator = data.order?.names[data.order.plan[pool.peak]];
  const what = operator ? `operator ${operator} runs` : "the causes are live";
  const more = `${causes.length} buffers are needed then, ${shortBytes(sum)} together`;
  const many = causes.length === 1 ? `one buffer sets the bound, of ${shortBytes(sum)}` : more;
  place.append(
    make("h3", {}, "What causes the bound"),
    make("p", {}, `At step ${whole(pool.peak)}, `, make("span", { class: "name" }, what), `: ${many}. `,
      "To need less memory, make one of these smaller or shorter-lived, let them share, or split this operator."),
  );
  const largest = buffers.bytes[causes[0]] || 1;
  const rows = causes.slice(0, MOST_CAUSES).map((row) => make("li", {},
    make("button", { class: "name", title: buffers.name[row], onclick: () => select(row) }, shortened(buffers.name[row], window.innerWidth < 760 ? 22 : 64)),
    make("span", { class: "track" }, make("span", { class: "fill bound", style: `width:${100 * buffers.bytes[row] / largest}%` })),
    make("span", {}, shortBytes(buffers.exactBytes[row]))));
  if (causes.length > MOST_CAUSES) rows.push(make("li", {}, `and ${whole(causes.length - MOST_CAUSES)} more`));
  place.append(make("ul", { class: "causes", tabindex: 0, "aria-label": "Buffers that cause the bound" }, ...rows));
}
