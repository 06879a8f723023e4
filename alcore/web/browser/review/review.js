// The review page: a list of items beside the chosen one, whose label one key changes.

import { renewPictures } from "../shared/addresses.js";
import { openChannel } from "../shared/channel.js";
import { ClassButtons, byPosition, drawActionKeys } from "../shared/classes.js";
import { partsOf, say } from "../shared/dom.js";
import { scopeOf } from "../shared/ids.js";
import { Keyboard, bindKeys } from "../shared/keys.js";
import { mounting } from "../shared/mount.js";
import { Pixels } from "../shared/pixels.js";
import { request } from "../shared/requests.js";
import { ClassSearch } from "../shared/search.js";
import { number, sentence } from "../shared/text.js";
import { Toast } from "../shared/toast.js";
import { WhyPanel } from "../why/panel.js";
import { Changes } from "./changes.js";
import { Filters, PAGE } from "./filters.js";
import { listenToReview } from "./input.js";
import { Overview } from "./overview.js";
import { Rows } from "./rows.js";
import { Talk } from "./talk.js";
import { NOTHING, drawDetail, drawSaved, drawViews, leadText, rightClass } from "./view.js";

const NARROW = 900; // pixels

class Review {
  constructor(root, data) {
    this.root = root;
    this.scope = scopeOf(data);
    this.part = partsOf(root);
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.saved = 0;
    this.listener = (event, op, detail) => this.#heard(event, op, detail);
    this.channel = openChannel(`review:${this.scope}`, { base: data.base, ticket: data.ticket },
      this.listener);
    this.link = this.channel.link;
    renewPictures(root, this.link, signal);
    this.outbox = this.channel.outbox;
    this.toast = new Toast(this.part.toast);
    this.keyboard = new Keyboard();
    this.buttons = new ClassButtons(this.part.classes);
    this.pixels = new Pixels(root, data.project);
    this.filters = new Filters(this.part, this.link,
      { changed: () => this.load(), loaded: () => this.overview && this.#drawHead() }, signal);
    this.rows = new Rows(this, (loaded) => (loaded ? this.#loaded() : this.#chosen()));
    this.changes = new Changes(this);
    this.talk = new Talk(this);
    this.why = new WhyPanel({ host: this.part.explanation, frame: this.part.picture.parentElement,
      link: this.link, names: this }, signal);
    this.overview = new Overview(this, (over) => {
      this.#drawHead();
      this.#drawRow();
      if (over && this.filters.view === "doubts") this.load();
    });
    this.search = new ClassSearch(this.part, (choice) => this.act({ do: "label", class: choice }),
      signal);
    this.update(data);
    this.part.filters.open = !this.narrow || this.filters.narrowed;
    listenToReview(this, signal);
    drawSaved(this.part, this.outbox, 0);
    this.load();
    this.overview.load();
  }

  // New data from Streamlit after a rerun.
  update(data) {
    this.data = data;
    this.link.ticket = data.ticket;
    this.examples = data.examples;
    this.classes = byPosition(data.classes);
    this.byId = new Map(this.classes.map((c) => [c.id, c]));
    const { classes, actions } = data.keys;
    const ofClasses = new Set(Object.values(classes).flat());
    const free = (...keys) => keys.filter((key) => !ofClasses.has(key));
    this.layout = { classes, actions: {
      keep: free("Enter"), undo: free(...(actions.undo ?? ["Backspace"])),
      comment: free(...(actions.comment ?? ["⇧c"])), explain: free(...(actions.explain ?? ["⇧w"])), example: free("⇧x"),
      pixels: free(...(actions.pixels ?? [])), search: free(...(actions.search ?? [])), file: free("/"),
      left: ["ArrowLeft"], right: ["ArrowRight"], up: ["ArrowUp"], down: ["ArrowDown"],
    } };
    this.keys = bindKeys(this.layout, this.byId);
    drawActionKeys(this.root, this.layout.actions);
    this.part.find.hidden = !this.layout.actions.search.length;
    this.buttons.set(this.classes, classes, (c) => this.colour(c.id));
    this.part.classes.classList.toggle("many", this.buttons.isMany);
    this.filters.draw(this.classes, this.overview.answer);
    this.#drawRow();
  }

  destroy() {
    this.stop.abort();
    this.overview.end();
    this.talk.end();
    this.channel.leave(this.listener);
  }

  colour(id) {
    return this.data.colours[this.byId.get(id)?.position ?? 0];
  }

  nameOf(id) {
    return this.byId.get(id)?.name;
  }

  get narrow() {
    return this.root.clientWidth < NARROW;
  }

  load() {
    this.root.dataset.view = "";
    this.#drawHead();
    this.rows.load();
  }

  // -- drawing ---------------------------------------------------------------------------------

  #loaded() {
    this.part.empty.hidden = this.rows.all.length > 0;
    say(this.part.empty, this.filters.narrowed ? "Nothing passes these filters."
      : NOTHING[this.filters.view]);
    this.#drawHead();
    this.root.dataset.view = this.filters.view;
  }

  #chosen() {
    this.talk.left();
    this.#drawRow();
  }

  // A row has changed.
  redraw(row) {
    this.rows.redraw(row);
    if (row === this.rows.chosen) this.#drawRow();
  }

  #drawRow() {
    const { part, buttons } = this;
    const row = this.rows.chosen;
    this.root.dataset.item = row?.item ?? "";
    drawDetail(part, row, this);
    this.talk.draw();
    this.why.show(row?.item);
    buttons.drawGuesses(!row?.model ? [] : row.model.class === row.class || row.class === null
      ? [row.model] : [row.model, { class: row.class, p: row.model.label }]);
    buttons.mark(row?.class);
    for (const [id, button] of buttons.buttons) {
      button.setAttribute("aria-pressed", String(id === row?.class));
      button.disabled = !row;
    }
    const button = (name) => this.root.querySelector(`.actions [data-do=${name}]`);
    button("keep").disabled = !row || rightClass(row) === null;
    button("undo").disabled = !this.changes.made.length;
    button("comment").disabled = !row;
    button("explain").disabled = !row && !this.why.isOpen;
    button("example").hidden = !(this.overview.answer?.decides ?? false);
    button("example").disabled = !row || row.class === null;
    button("example").setAttribute("aria-pressed", String(Boolean(this.#example(row))));
    this.rows.redraw(row);
  }

  #drawHead() {
    const { part, filters, rows } = this;
    const { answer } = this.overview;
    drawViews(part.views, filters.view, answer?.counts, (view) => filters.show(view));
    filters.draw(this.classes, answer);
    say(part.lead, leadText(filters.view, answer, filters.sorted));
    part.look.hidden = filters.view !== "doubts" || !answer?.decides;
    part.look.disabled = this.overview.isActive;
    const from = filters.offset;
    say(part.range, rows.total ? `${number(from + 1)}–${number(from + rows.all.length)} of `
      + number(rows.total) : "\u00a0");
    this.root.querySelector("[data-do=before]").disabled = from === 0;
    this.root.querySelector("[data-do=after]").disabled = from + rows.all.length >= rows.total;
  }

  // -- what a person does ----------------------------------------------------------------------

  act(action) {
    const { rows, changes, filters } = this;
    const row = rows.chosen;
    switch (action.do) {
      case "label": return row && changes.make(row, action.class.id);
      case "keep": return row && rightClass(row) !== null && changes.make(row, rightClass(row));
      case "undo": return changes.undo();
      case "left": return rows.choose(rows.at - 1);
      case "right": return rows.choose(rows.at + 1);
      case "up": return rows.choose(rows.at - rows.columns);
      case "down": return rows.choose(rows.at + rows.columns);
      case "before": return this.#turn(filters.offset - PAGE);
      case "after": return this.#turn(filters.offset + rows.all.length - rows.left);
      case "comment": return row && this.talk.open(true);
      case "example": return row && this.#toggleExample(row);
      case "explain": return this.#explain();
      case "search": return this.search.open(this.classes);
      case "file": return this.part.name.focus();
      case "pixels": return this.pixels.toggle();
      case "look": return this.#lookAgain();
      case "close": return this.search.isOpen ? this.search.close() : this.talk.open(false);
      default: return undefined;
    }
  }

  #explain() {
    this.why.toggle();
    this.root.querySelector("[data-do=explain]").setAttribute("aria-pressed",
      String(this.why.isOpen));
  }

  #turn(offset) {
    this.filters.turn(offset);
    this.root.scrollIntoView({ block: "start" });
  }

  #example(row) {
    return (this.examples[row?.class] ?? []).find((e) => e.item === row.item);
  }

  async #toggleExample(row) {
    if (row.class === null || !this.overview.answer?.decides) return;
    const example = this.#example(row);
    const body = example ? { remove: example.id } : { item: row.item, class: row.class };
    try {
      this.examples = (await request(this.link, "POST", "/review/example", body)).examples;
    } catch (error) {
      this.toast.show(sentence(error.message));
    }
    this.#drawRow();
  }

  async #lookAgain() {
    try {
      await request(this.link, "POST", "/review/look", {});
    } catch (error) {
      this.toast.show(sentence(error.message));
    }
    this.overview.load();
  }

  // -- delivery --------------------------------------------------------------------------------

  #heard(event, op, detail) {
    if (event === "done") this.#delivered(op, detail);
    if (event === "dropped") this.#refused(op, detail);
    if (event === "locked") {
      this.toast.show(`${sentence(detail.message)} Your changes are kept.`);
    }
    drawSaved(this.part, this.outbox, this.saved);
    this.root.dataset.pending = String(this.outbox.ops.length);
    this.root.dataset.saved = String(this.saved);
  }

  #delivered(op, answer) {
    this.saved += 1;
    this.overview.stale();
    const row = this.rows.of(op.body.item);
    if (!row) return;
    const more = this.outbox.ops.some((o) => o.body.item === row.item);
    if (op.kind === "comment") {
      if (row === this.rows.chosen && !more) this.talk.load();
    } else if (answer.row) this.changes.delivered(row, answer.row, more);
  }

  #refused(op, error) {
    this.toast.show(sentence(error.message));
    this.changes.refused(op.body.key);
    if (op.kind !== "comment") this.load();
    else this.talk.load();
  }
}

export default mounting(".review", (root, data) => new Review(root, data));
