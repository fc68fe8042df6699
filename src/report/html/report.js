// The data of the report, as columns for fast drawing.

const data = JSON.parse(document.getElementById("data").textContent);

/** Numbers from 2^53 on are text: exact in tables, rounded in drawings. */
const numbers = (column) => Float64Array.from(column, Number);

const buffers = {
  count: data.buffers.name.length,
  name: data.buffers.name,
  kind: data.buffers.kind,
  type: data.buffers.type,
  operator: data.buffers.operator,
  bytes: numbers(data.buffers.bytes),
  offset: numbers(data.buffers.offset),
  start: numbers(data.buffers.start),
  end: numbers(data.buffers.end),
  exactBytes: data.buffers.bytes,
  exactOffset: data.buffers.offset,
  /** The shares of each buffer. */
  shares: new Map(),
  poolOf: (row) => data.buffers.pool[row] ?? 0,
  /** The number of the occupant: equal for all residency intervals of one tensor. */
  of: (row) => data.buffers.of[row] ?? row,
  /** The residency intervals of each occupant. */
  intervals: new Map(),
};
/** The offsets at which maps show the rectangles; negative if none does. */
buffers.at = data.buffers.at.length ? Float64Array.from(data.buffers.at, (at) => (at === null ? -1 : Number(at))) : buffers.offset;
data.buffers.of.forEach((of, row) => {
  if (!buffers.intervals.has(of)) buffers.intervals.set(of, []);
  buffers.intervals.get(of).push(row);
});

const intervalsOf = (row) => buffers.intervals.get(buffers.of(row)) ?? [row];
const poolName = (pool) => data.pools[pool].name;

data.shares.forEach(([, tensor, of], number) => {
  for (const row of new Set([tensor, of])) {
    if (!buffers.shares.has(row)) buffers.shares.set(row, []);
    buffers.shares.get(row).push(number);
  }
});

const typeName = (row) => data.types[buffers.type[row]] ?? "";

/** The shares of a buffer, as text. */
function sharesText(row, limit = Infinity) {
  const shares = buffers.shares.get(row) ?? [];
  const lines = shares.slice(0, limit).map((number) => {
    const [operator, tensor, of, how] = data.shares[number];
    const by = data.order?.names[operator];
    const words = `${buffers.name[tensor]} ${data.hows[how][0]} ${buffers.name[of]}`;
    return by ? `${words}, by ${by}` : words;
  });
  if (shares.length > lines.length) lines.push(`and ${shares.length - lines.length} more`);
  return lines;
}

/** Facts about a buffer, one for each line. */
function facts(row, limit) {
  const type = typeName(row);
  const end = buffers.offset[row] + buffers.bytes[row];
  return [
    `${data.kinds[buffers.kind[row]]}${type ? `, made by ${type}` : ""}`,
    bytesText(buffers.exactBytes[row]),
    `${data.pools.length > 1 ? `in ${poolName(buffers.poolOf(row))}, ` : ""}offset ${whole(buffers.exactOffset[row])} to ${whole(end)}`,
    `live at steps ${whole(buffers.start[row])} to ${whole(buffers.end[row] - 1)}`,
    ...copiesText(row, limit),
    ...sharesText(row, limit),
  ];
}
