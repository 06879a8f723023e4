// The review page: a list of items beside the chosen one, whose label one key changes. A change
// is drawn at once and delivered by the outbox, which resends it until it is acknowledged.

const ASK_LOG = 120; // milliseconds on an image before its history is asked for
const OVERVIEW = 600; // after a change
const AHEAD_ROWS = 2;
const BUSY = 1500; // between overviews while models look at the labels
const REST = 15000;

const channels = new Map(); // scope -> {outbox, review, link}: delivery goes on when the page is gone

class Review {
  constructor(root, data) {
    this.root = root;
    this.scope = scopeOf(data);
    this.part = Object.fromEntries(
      [...root.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.rows = [];
    this.tiles = new Map(); // item -> its tile
    this.at = 0;
    this.total = 0;
    this.saved = 0;
    this.spoken = 0; // comments written here
    this.mended = []; // {key, item, before}, for undo
    this.overview = null;
    this.link = { base: data.base, ticket: data.ticket };
    this.#attachOutbox();
    this.filters = new Filters(this.part, () => this.load(), signal);
    this.search = new ClassSearch(this.part, (chosen) => this.act({ do: "label", class: chosen }),
      signal);
    this.update(data);
    this.part.filters.open = !this.narrow || this.filters.narrowed;
    listenToReview(this, signal);
    drawSaved(this.part, this.outbox, 0);
    this.load();
    this.look();
  }

  // New data from Streamlit after a rerun.
  update(data) {
    this.data = data;
    this.link.ticket = data.ticket;
    this.examples = data.examples;
    this.classes = [...data.classes].sort((a, b) => a.position - b.position);
    this.byId = new Map(this.classes.map((c) => [c.id, c]));
    this.names = new Map(this.classes.map((c) => [c.id, c.name]));
    const { classes, actions } = data.keys;
    const theirs = new Set(Object.values(classes).flat());
    const free = (...keys) => keys.filter((key) => !theirs.has(key));
    this.layout = { classes, actions: {
      keep: free("Enter"), undo: free(...(actions.undo ?? ["Backspace"])),
      comment: free(...(actions.comment ?? ["⇧c"])), example: free("⇧x"),
      search: free(...(actions.search ?? [])), file: free("/"),
      left: ["ArrowLeft"], right: ["ArrowRight"], up: ["ArrowUp"], down: ["ArrowDown"],
    } };
    this.keys = bindKeys(this.layout, this.byId);
    drawActionKeys(this.root, this.layout.actions);
    this.part.find.hidden = !this.layout.actions.search.length;
    this.buttons = new Map(this.classes.map((c) => [
      c.id, classButton(c, this.colour(c.id), classes[c.id] ?? [])]));
    this.part.classes.replaceChildren(...this.buttons.values());
    this.part.classes.classList.toggle("many", this.classes.length > 20);
    this.part.classes.classList.toggle("short", this.classes.every((c) => c.name.length < 4));
    this.filters.draw(this.classes, this.overview);
    this.#drawRow();
  }

  destroy() {
    this.stop.abort();
    clearTimeout(this.timer);
    clearTimeout(this.asking);
    if (this.channel.review === this) this.channel.review = null;
  }

  colour(id) {
    return this.data.colours[this.byId.get(id)?.position ?? 0];
  }

  get row() {
    return this.rows[this.at] ?? null;
  }

  // -- the list --------------------------------------------------------------------------------

  async load() {
    const query = this.filters.query();
    this.asked = query;
    this.root.dataset.view = "";
    this.#drawHead();
    let found;
    try {
      found = await request(this.link, "GET", `/review/items?${query}`);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (this.asked !== query || this.stop.signal.aborted) return;
    if (!found.rows.length && this.filters.offset > 0) {
      this.filters.turn(Math.floor((Math.max(0, found.total - 1)) / PAGE) * PAGE);
      return;
    }
    Object.assign(this, { rows: found.rows, total: found.total });
    this.tiles = new Map(this.rows.map((row) => [
      row.item, tile(row, this.names, (id) => this.colour(id))]));
    this.part.tiles.replaceChildren(...this.tiles.values());
    this.part.empty.hidden = this.rows.length > 0;
    say(this.part.empty, this.filters.narrowed ? "Nothing passes these filters."
      : NOTHING[this.filters.view]);
    this.at = 0;
    this.choose(0, false);
    this.#drawHead();
    this.root.dataset.view = this.filters.view;
  }

  #failed(error) {
    if (error instanceof Refused) this.#toast(sentence(error.message));
    else {
      this.#toast("The server does not answer. Trying again.");
      setTimeout(() => !this.stop.signal.aborted && this.load(), 3000);
    }
  }

  // Choose an item; with focus, its tile takes the keyboard's.
  choose(at, focus = true) {
    const last = this.tiles.get(this.row?.item);
    last?.setAttribute("aria-selected", "false");
    if (last) last.tabIndex = -1;
    this.at = Math.max(0, Math.min(this.rows.length - 1, at));
    this.since = performance.now();
    this.told = null;
    this.#drawRow();
    const chosen = this.tiles.get(this.row?.item);
    if (!chosen) return;
    chosen.setAttribute("aria-selected", "true");
    chosen.tabIndex = 0;
    if (focus) {
      chosen.focus({ preventScroll: true });
      if (!this.narrow) chosen.scrollIntoView({ block: "nearest" });
    }
    this.#askLog();
  }

  get narrow() {
    return this.root.clientWidth < 900;
  }

  #askLog() {
    clearTimeout(this.asking);
    const { row } = this;
    this.asking = setTimeout(async () => {
      const { spoken } = this;
      const told = await request(this.link, "GET", `/review/items/${row.item}`).catch(() => null);
      if (!told || this.row !== row || this.stop.signal.aborted) return;
      if (this.spoken !== spoken) return; // older than a comment: asked again once that is there
      this.told = told;
      row.comments = told.comments.length;
      this.#drawRow();
    }, ASK_LOG);
  }

  #drawRow() {
    const { row, part } = this;
    this.root.dataset.item = row?.item ?? "";
    // The next pictures are there before they are needed.
    this.ahead = this.rows.slice(this.at + 1, this.at + 1 + AHEAD_ROWS)
      .map(({ src }) => Object.assign(new Image(), { src }));
    drawDetail(part, row, this.names);
    drawLog(part, this.told, this.names);
    const said = !row?.model ? [] : row.model.class === row.class || row.class === null
      ? [row.model] : [row.model, { class: row.class, p: row.model.label }];
    drawGuesses(this.buttons, said);
    for (const [id, button] of this.buttons) {
      button.toggleAttribute("data-current", id === row?.class);
      button.setAttribute("aria-pressed", String(id === row?.class));
      button.disabled = !row;
    }
    const button = (name) => this.root.querySelector(`.actions [data-do=${name}]`);
    button("keep").disabled = !row || row.class === null;
    button("undo").disabled = !this.mended.length;
    button("comment").disabled = !row;
    button("example").hidden = !(this.overview?.decides ?? false);
    button("example").disabled = !row || row.class === null;
    button("example").setAttribute("aria-pressed", String(Boolean(this.#example(row))));
    const node = this.tiles.get(row?.item);
    if (node) redrawTile(node, row, this.names, (id) => this.colour(id));
  }

  #drawHead() {
    const { part, filters } = this;
    drawViews(part.views, filters.view, this.overview?.counts, (view) => filters.show(view));
    filters.draw(this.classes, this.overview);
    say(part.lead, leadText(filters.view, this.overview));
    part.look.hidden = filters.view !== "doubts";
    part.look.disabled = ["running", "waiting"].includes(this.overview?.job?.state);
    const from = filters.offset;
    say(part.range, this.total ? `${number(from + 1)}–${number(from + this.rows.length)} of `
      + number(this.total) : "\u00a0");
    this.root.querySelector("[data-do=before]").disabled = from === 0;
    this.root.querySelector("[data-do=after]").disabled = from + this.rows.length >= this.total;
  }

  // -- how much there is -----------------------------------------------------------------------

  async look() {
    clearTimeout(this.timer);
    if (this.stop.signal.aborted) return;
    const was = this.overview?.job?.state;
    this.outdated = false;
    if (!document.hidden) {
      const found = await request(this.link, "GET", "/review/overview").catch(() => null);
      if (this.stop.signal.aborted) return;
      if (found) {
        this.overview = found;
        if (found.ticket) this.link.ticket = found.ticket;
        this.#drawHead();
        this.#drawRow();
        const over = found.job && !["running", "waiting"].includes(found.job.state);
        if (over && ["running", "waiting"].includes(was) && this.filters.view === "doubts") this.load();
      }
    }
    const busy = ["running", "waiting"].includes(this.overview?.job?.state);
    this.#lookSoon(this.outdated ? OVERVIEW : busy ? BUSY : REST);
  }

  #lookSoon(pause) {
    clearTimeout(this.timer);
    if (!this.stop.signal.aborted) this.timer = setTimeout(() => this.look(), pause);
  }

  // -- what a person does ----------------------------------------------------------------------

  act(action) {
    const { row } = this;
    switch (action.do) {
      case "label": return row && this.#mend(row, action.class.id);
      case "keep": return row && row.class !== null && this.#mend(row, row.class);
      case "undo": return this.#undo();
      case "left": return this.choose(this.at - 1);
      case "right": return this.choose(this.at + 1);
      case "up": return this.choose(this.at - this.#columns());
      case "down": return this.choose(this.at + this.#columns());
      case "before": return this.#turn(this.filters.offset - PAGE);
      case "after": return this.#turn(this.filters.offset + this.rows.length - this.#left());
      case "comment": return row && this.talk(true);
      case "example": return row && this.#toggleExample(row);
      case "search": return this.search.open(this.classes);
      case "file": return this.part.name.focus();
      case "look": return this.#lookAgain();
      case "close": return this.#close();
      default: return undefined;
    }
  }

  // How many items of this page have left the view, so that the next page begins earlier.
  #left() {
    return this.filters.shrinks ? this.rows.filter((row) => row.resolved).length : 0;
  }

  #turn(offset) {
    this.filters.turn(offset);
    this.root.scrollIntoView({ block: "start" });
  }

  #columns() {
    const tops = [...this.tiles.values()].map((node) => node.offsetTop);
    return Math.max(1, tops.filter((top) => top === tops[0]).length);
  }

  #mend(row, id) {
    if (row.pending) {
      row.next = id;
      return;
    }
    const before = { ...row };
    const seconds = Math.min(3600, (performance.now() - this.since) / 1000);
    const key = uuid();
    Object.assign(row, { kind: "label", class: id, who: this.data.annotator, at: Date.now() / 1000,
      origin: row.event === null ? null : "relabel", note: null, pending: true, resolved: true });
    this.mended.push({ key, item: row.item, before });
    this.outbox.push("review/mend", { key, item: row.item, class: id, seen: before.event,
      seconds: Math.round(1000 * seconds) / 1000 });
    this.#redraw(row);
    flash(this.buttons.get(id));
    say(this.part.live, `${row.name} is ${this.names.get(id)}.`);
    this.choose(this.at + 1);
  }

  #undo() {
    const last = this.mended.pop();
    if (!last) return;
    const place = this.rows.findIndex((row) => row.item === last.item);
    this.outbox.push("review/undo", { key: uuid(), undoes: last.key, item: last.item });
    if (place < 0) {
      this.#toast("Taken back.");
      return;
    }
    delete this.rows[place].next;
    Object.assign(this.rows[place], { resolved: false }, last.before, { pending: true });
    this.#redraw(this.rows[place]);
    this.choose(place);
    say(this.part.live, `${last.before.name} is ${labelOf(last.before, this.names)} again.`);
  }

  #redraw(row) {
    const node = this.tiles.get(row.item);
    if (node) redrawTile(node, row, this.names, (id) => this.colour(id));
    if (row === this.row) this.#drawRow();
  }

  talk(open) {
    this.part.say.hidden = !open;
    if (open) this.part.remark.focus();
    else {
      this.part.remark.value = "";
      this.tiles.get(this.row?.item)?.focus({ preventScroll: true });
    }
  }

  send() {
    const text = this.part.remark.value.trim();
    const { row } = this;
    if (text && row) {
      this.spoken += 1;
      this.outbox.push("comment", { key: uuid(), item: row.item, text });
      const mine = { who: this.data.annotator, text, at: Date.now() / 1000 };
      this.told = { log: this.told?.log ?? [], comments: [...(this.told?.comments ?? []), mine] };
      row.comments = this.told.comments.length;
      this.#redraw(row);
    }
    this.talk(false);
  }

  #example(row) {
    return (this.examples[row?.class] ?? []).find((e) => e.item === row.item);
  }

  async #toggleExample(row) {
    if (row.class === null || !this.overview?.decides) return;
    const there = this.#example(row);
    const body = there ? { remove: there.id } : { item: row.item, class: row.class };
    try {
      this.examples = (await request(this.link, "POST", "/review/example", body)).examples;
    } catch (error) {
      this.#toast(sentence(error.message));
    }
    this.#drawRow();
  }

  async #lookAgain() {
    try {
      await request(this.link, "POST", "/review/look", {});
    } catch (error) {
      this.#toast(sentence(error.message));
    }
    this.look();
  }

  #close() {
    if (this.search.isOpen) this.search.close();
    else this.talk(false);
  }

  // -- delivery --------------------------------------------------------------------------------

  #attachOutbox() {
    const scope = `review:${this.scope}`;
    let channel = channels.get(scope);
    if (!channel) {
      channel = { link: this.link };
      channels.set(scope, channel);
      channel.outbox = new Outbox(scope, channel.link,
        (event, op, detail) => channel.review?.heard(event, op, detail));
    }
    Object.assign(channel.link, this.link);
    Object.assign(this, { channel, link: channel.link, outbox: channel.outbox });
    channel.review = this;
  }

  heard(event, op, detail) {
    if (event === "done") this.#delivered(op, detail);
    if (event === "dropped") this.#refused(op, detail);
    if (event === "locked") this.#toast(`${sentence(detail.message)} Your changes are kept.`);
    drawSaved(this.part, this.outbox, this.saved);
    this.root.dataset.pending = String(this.outbox.ops.length);
    this.root.dataset.saved = String(this.saved);
  }

  #delivered(op, answer) {
    this.saved += 1;
    this.outdated = true; // also for an overview that is on its way
    this.#lookSoon(OVERVIEW);
    const row = this.rows.find((r) => r.item === op.body.item);
    if (!row) return;
    const waiting = this.outbox.ops.slice(1).some((o) => o.body.item === row.item);
    if (op.kind === "comment") {
      if (row === this.row && !waiting) this.#askLog();
      return;
    }
    if (!answer.row) return;
    if (!waiting) Object.assign(row, answer.row, { pending: false });
    const { next } = row;
    delete row.next;
    this.#redraw(row);
    if (next !== undefined && !waiting) this.#mendAgain(row, next);
    else if (row === this.row) this.#askLog();
  }

  // The choice that was made while the one before was on its way.
  #mendAgain(row, id) {
    const at = this.at;
    this.#mend(row, id);
    this.choose(at);
  }

  #refused(op, error) {
    this.#toast(sentence(error.message));
    this.mended = this.mended.filter((m) => m.key !== op.body.key);
    if (op.kind !== "comment") this.load();
    else if (this.row) this.#askLog();
  }

  #toast(text) {
    clearTimeout(this.toasting);
    say(this.part.toast, text);
    this.part.toast.hidden = false;
    this.toasting = setTimeout(() => { this.part.toast.hidden = true; }, 7000);
  }
}

const reviews = new WeakMap(); // place in the page -> its review

export default function mount({ data, parentElement }) {
  const root = parentElement.querySelector(".review");
  if (!root || !data) return undefined;
  let review = reviews.get(parentElement);
  if (review && (review.root !== root || review.scope !== scopeOf(data)
    || review.stop.signal.aborted)) {
    review.destroy();
    review = undefined;
  }
  if (review) review.update(data);
  else {
    review = new Review(root, data);
    reviews.set(parentElement, review);
  }
  // Streamlit may drop an outdated call after a newer one: only the last one ends the review.
  const turn = (review.turn = (review.turn ?? 0) + 1);
  return () => {
    if (review.turn === turn) review.destroy();
  };
}
