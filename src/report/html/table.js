// A table of any length, which creates only the visible rows.

const ROW = 34;

class VirtualTable {
  /** Columns have `title`, `value(row)`, and optionally `text(row)`, `number`, `wide`. The table is sorted by
   * column `first`, in descending order. */
  constructor(container, { label, rows, columns, choices, select, first = 0 }) {
    Object.assign(this, { columns, select, count: rows, sorted: first, down: first > 0, selected: -1 });
    this.search = make("input", { type: "search", placeholder: "Filter", "aria-label": `Filter: ${label}`, oninput: () => this.filter() });
    this.counter = make("span", { class: "count", role: "status" });
    const tools = make("div", { class: "tools" }, this.search);
    if (choices) {
      this.choices = choices.some;
      const options = [choices.all, ...choices.some.map(([name]) => name)];
      this.choice = make("select", { "aria-label": `${choices.label}: ${label}`, onchange: () => this.filter() },
        ...options.map((name, i) => make("option", { value: i - 1 }, name)));
      tools.append(this.choice);
    }
    tools.append(this.counter);
    this.headers = columns.map((column, i) => make("th", { scope: "col", class: column.number && "number" },
      make("button", { type: "button", onclick: () => this.sort(i) }, column.title)));
    this.body = make("tbody");
    this.table = make("table", { "aria-label": label }, make("thead", {}, make("tr", {}, ...this.headers)), this.body);
    this.scroller = make("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": label, onscroll: () => this.show() }, this.table);
    container.append(tools, this.scroller);
    // The texts that the filter searches, computed once.
    this.texts = Array.from({ length: rows }, (_, row) => columns.map((column) => this.text(column, row)).join("\n").toLowerCase());
    this.filter();
    new ResizeObserver(() => this.show()).observe(this.scroller);
  }

  text(column, row) {
    return String(column.text ? column.text(row) : column.value(row));
  }

  filter() {
    const query = this.search.value.trim().toLowerCase();
    const choice = this.choice && Number(this.choice.value) >= 0 ? this.choices[Number(this.choice.value)][1] : null;
    this.rows = [];
    for (let row = 0; row < this.count; row++) {
      if ((!query || this.texts[row].includes(query)) && (!choice || choice(row))) this.rows.push(row);
    }
    this.counter.textContent = `${whole(this.rows.length)} of ${whole(this.count)}`;
    this.order();
  }

  sort(column) {
    this.down = this.sorted === column ? !this.down : Boolean(this.columns[column].number);
    this.sorted = column;
    this.order();
  }

  order() {
    const { value } = this.columns[this.sorted];
    const keys = new Map(this.rows.map((row) => [row, value(row)]));
    const compare = (a, b) => (typeof a === "string" ? (a < b ? -1 : a > b ? 1 : 0) : a - b);
    const sign = this.down ? -1 : 1;
    this.rows.sort((a, b) => sign * compare(keys.get(a), keys.get(b)) || a - b);
    this.headers.forEach((header, i) => {
      header.setAttribute("aria-sort", i !== this.sorted ? "none" : this.down ? "descending" : "ascending");
    });
    this.scroller.scrollTop = 0;
    this.shown = null;
    this.show();
  }

  mark(row) {
    this.selected = row;
    const index = this.rows.indexOf(row);
    const { scrollTop, clientHeight } = this.scroller;
    const y = index * ROW;
    if (index >= 0 && (y < scrollTop || y + 2 * ROW > scrollTop + clientHeight)) {
      this.scroller.scrollTop = Math.max(0, y - clientHeight / 2);
    }
    this.shown = null;
    this.show();
  }

  show() {
    const height = this.scroller.clientHeight || 480;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - 6);
    const last = Math.min(this.rows.length, first + Math.ceil(height / ROW) + 12);
    if (this.shown === `${first} ${last}`) return;
    this.shown = `${first} ${last}`;
    const spacer = (rows) => make("tr", { "aria-hidden": "true" },
      make("td", { class: "spacer", colspan: this.columns.length, style: `height:${rows * ROW}px` }));
    const rows = this.rows.slice(first, last).map((row, i) => this.line(row, first + i));
    this.table.setAttribute("aria-rowcount", this.rows.length + 1);
    this.body.replaceChildren(...(first ? [spacer(first)] : []), ...rows,
      ...(last < this.rows.length ? [spacer(this.rows.length - last)] : []));
  }

  line(row, index) {
    const width = window.innerWidth < 760 ? 18 : 64;
    const cells = this.columns.map((column) => {
      const text = this.text(column, row);
      const short = column.wide ? shortened(text, width) : text;
      const kind = column.number ? "number" : column.wide ? "wide" : null;
      const inner = column.wide && this.select
        ? make("button", { type: "button", class: "name", title: text, onclick: () => this.select(row) }, short)
        : make("span", { class: "name", title: column.wide ? text : null }, short);
      return make("td", { class: kind }, inner);
    });
    return make("tr", { "aria-rowindex": index + 2, class: row === this.selected ? "selected" : null, "data-row": row }, ...cells);
  }
}
