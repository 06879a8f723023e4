// The filter by what is known of images: a column, and a value or two ends of it.

import { drawOptions, element } from "./dom.js";
import { gettext } from "./language.js";
import { request } from "./requests.js";
import { number } from "./text.js";

const TYPING = 350; // milliseconds without a key before a value is looked for
const FIELDS = ["meta", "is", "low", "high", "absent"];
let lists = 0;

// The fields of a filter that stand in an address.
export const filterOf = (query) => Object.fromEntries(FIELDS.map((name) => [name, query.get(name) ?? ""]));

function field(label, node) {
  node.setAttribute("aria-label", label);
  return element("label", {}, element("span", { textContent: label }), node);
}

export class MetadataFilter {
  // values: {meta, is, low, high, absent} to begin with; changed(): images must be asked for anew.
  constructor(link, values, changed, signal) {
    Object.assign(this, { link, values: { ...filterOf(new URLSearchParams()), ...values }, changed });
    this.columns = [];
    this.column = element("select");
    this.list = element("datalist", { id: `known-values-${(lists += 1)}` });
    this.is = element("input", { type: "search", maxLength: 500, autocomplete: "off", spellcheck: false });
    this.is.setAttribute("list", this.list.id);
    this.low = element("input", { type: "text", maxLength: 40, autocomplete: "off" });
    this.high = element("input", { type: "text", maxLength: 40, autocomplete: "off" });
    this.absent = element("input", { type: "checkbox" });
    this.texts = field(gettext("is"), this.is);
    this.lower = field(gettext("from"), this.low);
    this.upper = field(gettext("to"), this.high);
    this.without = element("label", { className: "check" }, this.absent, element("span", { textContent: gettext("not known") }));
    this.nodes = [field(gettext("Metadata"), this.column), this.texts, this.list, this.lower, this.upper, this.without];
    this.#listen(signal);
    this.#draw();
  }

  get active() {
    return Boolean(this.values.meta);
  }

  // What a request takes; without a column nothing.
  query() {
    return this.active ? this.values : filterOf(new URLSearchParams());
  }

  // Ask which columns there are; without one nothing is shown.
  async load() {
    const answer = await request(this.link, "GET", "/metadata").catch(() => null);
    if (!answer) return this.columns;
    this.columns = answer.columns;
    if (this.active && !this.chosen) this.values = filterOf(new URLSearchParams());
    this.#draw();
    if (this.active) await this.#values();
    return this.columns;
  }

  get chosen() {
    return this.columns.find((column) => String(column.id) === this.values.meta);
  }

  #listen(signal) {
    this.column.addEventListener("change", () => {
      this.values = { ...filterOf(new URLSearchParams()), meta: this.column.value };
      for (const input of [this.is, this.low, this.high]) input.value = "";
      this.absent.checked = false;
      this.#draw();
      this.#values();
      this.changed();
    }, { signal });
    this.absent.addEventListener("change", () => {
      this.values.absent = this.absent.checked ? "1" : "";
      this.#draw();
      this.changed();
    }, { signal });
    for (const name of ["is", "low", "high"]) {
      this[name].addEventListener("input", () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => {
          this.values[name] = this[name].value.trim();
          this.changed();
        }, TYPING);
      }, { signal });
      this[name].value = this.values[name];
    }
    this.absent.checked = this.values.absent === "1";
  }

  // Offer the commonest values of a text, and name the ends of others.
  async #values() {
    const { chosen } = this;
    this.list.replaceChildren();
    this.is.placeholder = gettext("any");
    if (!chosen) return;
    const answer = await request(this.link, "GET", `/metadata/${chosen.id}`).catch(() => null);
    if (!answer || this.chosen !== chosen) return;
    this.list.replaceChildren(...answer.values.map(({ value, images }) => (
      element("option", { value, label: `${value} (${number(images)})` }))));
    this.low.placeholder = String(answer.low ?? "");
    this.high.placeholder = String(answer.high ?? "");
  }

  #draw() {
    const { chosen } = this;
    drawOptions(this.column, [["", gettext("Anything")], ...this.columns.map((c) => [c.id, c.name])],
      this.values.meta);
    const absent = this.values.absent === "1";
    this.nodes[0].hidden = !this.columns.length;
    this.texts.hidden = !chosen || chosen.kind !== "text" || absent;
    this.lower.hidden = this.upper.hidden = !chosen || chosen.kind === "text" || absent;
    this.without.hidden = !chosen;
  }
}
