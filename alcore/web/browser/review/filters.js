// Which items are listed: the view, the filters and the page, kept in the address so that a link
// restores them.

import { drawOptions } from "../shared/dom.js";
import { MetadataFilter, filterOf } from "../shared/metadata.js";
import { VIEWS, originName } from "./view.js";

export const PAGE = 48;
const TYPING = 250; // milliseconds without a key before the file name is looked for
const SHRINKING = new Set(["doubts", "unsure", "disagreements", "predictions"]); // what is resolved leaves these

export class Filters {
  // changed: the list must be loaded anew.
  // loaded: it is known what there is to filter by.
  constructor(part, link, { changed, loaded }, signal) {
    Object.assign(this, { part, changed });
    const query = new URLSearchParams(location.search);
    this.view = VIEWS.some(([id]) => id === query.get("view")) ? query.get("view") : "all";
    this.offset = Math.max(0, Math.floor(Number(query.get("from")) || 0));
    this.values = { class: query.get("class") ?? "", by: query.get("by") ?? "",
      origin: query.get("origin") ?? "" };
    this.selection = /^\d{1,15}$/.test(query.get("selection") ?? "") ? query.get("selection") : "";
    this.sort = /^-?\d{1,15}$/.test(query.get("sort") ?? "") ? query.get("sort") : "";
    this.known = new MetadataFilter(link, filterOf(query), () => this.#again(), signal);
    part.sortfield.before(...this.known.nodes);
    part.sort.addEventListener("change", () => {
      this.sort = part.sort.value;
      this.#again();
    }, { signal });
    this.known.load().then((columns) => {
      this.#drawSort(columns);
      loaded();
    });
    part.name.value = query.get("name") ?? "";
    part.disagrees.checked = query.get("disagrees") === "1";
    part.selected.parentElement.hidden = !this.selection;
    part.selected.addEventListener("change", () => {
      this.selection = "";
      part.selected.parentElement.hidden = true;
      this.#again();
    }, { signal });
    part.filterform.addEventListener("submit", (event) => event.preventDefault(), { signal });
    for (const name of ["class", "by", "origin"]) {
      part[name].addEventListener("change", () => {
        this.values[name] = part[name].value;
        this.#again();
      }, { signal });
    }
    part.disagrees.addEventListener("change", () => this.#again(), { signal });
    part.name.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.#again(), TYPING);
    }, { signal });
  }

  get shrinks() {
    return SHRINKING.has(this.view);
  }

  get narrowed() {
    return Object.values(this.values).some(Boolean) || this.selection !== "" || this.known.active || this.part.name.value.trim() !== ""
      || this.part.disagrees.checked;
  }

  // The name of the column of metadata by which items are sorted, if they are.
  get sorted() {
    const id = this.sort.replace("-", "");
    return this.known.columns.find((column) => String(column.id) === id)?.name ?? "";
  }

  show(view) {
    this.view = view;
    this.#again();
  }

  turn(offset) {
    this.offset = Math.max(0, offset);
    this.#keep();
    this.changed();
  }

  // The query of the list.
  query() {
    const { view, offset } = this;
    return new URLSearchParams({
      view, offset, n: PAGE, class: this.values.class, annotator: this.values.by,
      origin: this.values.origin, name: this.part.name.value.trim(),
      disagrees: this.part.disagrees.checked ? "1" : "", selection: this.selection,
      sort: this.sort, ...this.known.query(),
    });
  }

  draw(classes, overview) {
    const { part, values } = this;
    drawOptions(part.class, [["", "All classes"], ...classes.map((c) => [c.id, c.name])],
      values.class);
    if (!overview) return;
    part.name.parentElement.hidden = !overview.names;
    drawOptions(part.by, [["", "Everybody"], ...overview.people.map((p) => [p.id, p.name])],
      values.by);
    drawOptions(part.origin, [["", "Anywhere"], ...overview.origins.map((o) => [o, originName(o)])],
      values.origin);
  }

  #drawSort(columns) {
    this.part.sortfield.hidden = !columns.length;
    drawOptions(this.part.sort, [["", "the order of the view"], ...columns.flatMap(({ id, name }) => (
      [[id, `${name}, rising`], [-id, `${name}, falling`]]))], this.sort);
  }

  #again() {
    this.offset = 0;
    this.#keep();
    this.changed();
  }

  #keep() {
    const address = new URL(location.href);
    const kept = { view: this.view === "all" ? "" : this.view, from: this.offset || "",
      ...this.values, selection: this.selection, name: this.part.name.value.trim(),
      disagrees: this.part.disagrees.checked ? "1" : "", sort: this.sort, ...this.known.query() };
    for (const [name, value] of Object.entries(kept)) {
      if (value === "") address.searchParams.delete(name);
      else address.searchParams.set(name, String(value));
    }
    history.replaceState(history.state, "", address);
  }
}
