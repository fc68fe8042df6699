// The data, as columns that drawing can run through.

const data = JSON.parse(document.getElementById("data").textContent);

/** Bytes above 2^53 come as text: exact there, rounded where they are drawn. */
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
  /** Shares that a buffer has a part in. */
  shares: new Map(),
  poolOf: (row) => data.buffers.pool[row] ?? 0,
  /** The same for all places of one tensor. */
  of: (row) => data.buffers.of[row] ?? row,
  /** Places of one tensor, or of one workspace. */
  places: new Map(),
};
/** Where maps show it; below zero if none does. */
buffers.at = data.buffers.at.length ? Float64Array.from(data.buffers.at, (at) => (at === null ? -1 : Number(at))) : buffers.offset;
data.buffers.of.forEach((of, row) => {
  if (!buffers.places.has(of)) buffers.places.set(of, []);
  buffers.places.get(of).push(row);
});

const placesOf = (row) => buffers.places.get(buffers.of(row)) ?? [row];
const poolName = (pool) => data.pools[pool].name;

data.shares.forEach(([, tensor, of], number) => {
  for (const row of new Set([tensor, of])) {
    if (!buffers.shares.has(row)) buffers.shares.set(row, []);
    buffers.shares.get(row).push(number);
  }
});

const typeName = (row) => data.types[buffers.type[row]] ?? "";

/** What shares memory with a buffer, in words. */
function sharesText(row, most = Infinity) {
  const shares = buffers.shares.get(row) ?? [];
  const lines = shares.slice(0, most).map((number) => {
    const [operator, tensor, of, how] = data.shares[number];
    const by = data.order?.names[operator];
    const words = `${buffers.name[tensor]} ${data.hows[how][0]} ${buffers.name[of]}`;
    return by ? `${words}, by ${by}` : words;
  });
  if (shares.length > lines.length) lines.push(`and ${shares.length - lines.length} more`);
  return lines;
}

/** Facts on a buffer, a line each. */
function facts(row, most) {
  const type = typeName(row);
  const end = buffers.offset[row] + buffers.bytes[row];
  return [
    `${data.kinds[buffers.kind[row]]}${type ? `, made by ${type}` : ""}`,
    bytesText(buffers.exactBytes[row]),
    `${data.pools.length > 1 ? `in ${poolName(buffers.poolOf(row))}, ` : ""}offset ${whole(buffers.exactOffset[row])} to ${whole(end)}`,
    `live at steps ${whole(buffers.start[row])} to ${whole(buffers.end[row] - 1)}`,
    ...copiesText(row, most),
    ...sharesText(row, most),
  ];
}
