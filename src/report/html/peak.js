// The causes of the lower bound: the buffers of its certificate.

const MAX_CAUSES = 300;

function peakPanel(container, pool, select) {
  const causes = [...pool.causes].sort((a, b) => buffers.bytes[b] - buffers.bytes[a] || a - b);
  if (!causes.length) return;
  const sum = causes.reduce((total, row) => total + buffers.bytes[row], 0);
  const operator = data.order?.names[data.order.plan[pool.peak]];
  const event = operator ? `operator ${operator} runs` : "the causes are live";
  const several = `${causes.length} buffers are live then, ${shortBytes(sum)} in total`;
  const summary = causes.length === 1 ? `one buffer of ${shortBytes(sum)} sets the bound` : several;
  container.append(
    make("h3", {}, "Causes of the lower bound"),
    make("p", {}, `At step ${whole(pool.peak)}, `, make("span", { class: "name" }, event), `: ${summary}. `,
      "To need less memory, make one of these smaller, shorten its live range, let it share memory, or split this operator."),
  );
  const largest = buffers.bytes[causes[0]] || 1;
  const rows = causes.slice(0, MAX_CAUSES).map((row) => make("li", {},
    make("button", { class: "name", title: buffers.name[row], onclick: () => select(row) }, shortened(buffers.name[row], window.innerWidth < 760 ? 22 : 64)),
    make("span", { class: "track" }, make("span", { class: "fill bound", style: `width:${100 * buffers.bytes[row] / largest}%` })),
    make("span", {}, shortBytes(buffers.exactBytes[row]))));
  if (causes.length > MAX_CAUSES) rows.push(make("li", {}, `and ${whole(causes.length - MAX_CAUSES)} more`));
  container.append(make("ul", { class: "causes", tabindex: 0, "aria-label": "Buffers that cause the lower bound" }, ...rows));
}
