// The grid: many images of one predicted class, or like one image, labeled with one key. It takes
// the place of the single image; class buttons, delivery and history are the board's.

const SIZES = [12, 20, 30, 40, 50]; // tiles
const HOLD_ON = 20; // seconds between renewals of the tiles' leases
const LONG_PRESS = 450; // milliseconds of a finger that means Shift
const TOO_SOON = 300; // milliseconds within which a key was meant for the tiles before
const NARROW = 760;
const REMEMBERED = 400; // images put aside here that do not come again

class Grid {
  constructor(board, signal) {
    this.board = board;
    this.tiles = []; // {item, token, src, share, node, out}
    this.lots = []; // {key, tiles, class}: what undo takes back, oldest first
    this.aside = []; // items that were excluded
    this.order = { class: null, first: "sure", count: 30, like: null };
    this.pending = null; // key of the lot that is being saved
    this.at = 0;
    this.anchor = null;
    this.#build(signal);
    this.renewing = setInterval(() => this.#renew(), 1000 * HOLD_ON);
    signal.addEventListener("abort", () => { clearInterval(this.renewing); this.leave(); });
  }

  get isOpen() {
    return !this.root.hidden;
  }

  // -- coming and going ------------------------------------------------------------------------

  open(like = null) {
    this.order.like = like;
    if (!this.isOpen) {
      this.root.hidden = false;
      this.board.root.dataset.mode = "grid";
      this.root.append(this.board.part.toast);
      this.board.stage.pause();
    }
    this.load();
  }

  close() {
    this.root.hidden = true;
    delete this.board.root.dataset.mode;
    this.board.part.stage.append(this.board.part.toast);
    this.board.feed.release(this.#clear());
    this.board.stage.fit();
    this.board.stage.resume();
  }

  toggle() {
    if (this.isOpen) this.close();
    else this.open();
  }

  // Show images like one: that of the tile in hand, else the one on screen.
  similar() {
    const found = this.isOpen ? this.tiles[this.at] : this.board.stage.image;
    if (found) this.open({ item: found.item, src: found.src });
  }

  // The page goes away.
  leave() {
    const tokens = this.#tokens();
    if (!tokens.length) return;
    const { link } = this.board;
    navigator.sendBeacon(`${link.base}/release`, new Blob(
      [JSON.stringify({ client: link.client, tokens, ticket: link.ticket })],
      { type: "application/json" }));
  }

  // -- what comes in ---------------------------------------------------------------------------

  async load() {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const release = this.#clear();
    this.#say("Looking for images.");
    const { order } = this;
    const body = {
      client: this.board.link.client, count: order.count, first: order.first, release,
      class: order.like ? null : order.class, like: order.like?.item ?? null, aside: this.aside,
    };
    let found;
    try {
      found = await request(this.board.link, "POST", "/tiles", body);
    } catch (error) {
      if (error.status === 401) this.board.delivery.lock(error);
      this.#say(error instanceof Refused ? sentence(error.message)
        : "The server does not answer. Trying again.");
      if (!(error instanceof Refused)) setTimeout(() => turn === this.turn && this.load(), 2000);
      return;
    }
    if (turn !== this.turn || !this.isOpen) {
      this.board.feed.release(found.images.map((i) => i.token));
      return;
    }
    this.found = found;
    this.#show(found.images.map((raw, i) => ({ ...raw, share: found.shares[i] })));
  }

  async #renew() {
    const hold = this.tiles.filter((t) => !t.fresh).map((t) => t.token);
    if (!this.isOpen || !hold.length || document.hidden) return;
    const body = { client: this.board.link.client, count: 0, hold };
    const answer = await request(this.board.link, "POST", "/tiles", body).catch(() => null);
    if (answer) this.#keep(hold, new Set(answer.held));
  }

  // Drop those of the asked tiles that are not ours any more.
  #keep(asked, held) {
    const gone = this.tiles.filter((t) => asked.includes(t.token) && !held.has(t.token));
    if (!gone.length) return;
    this.tiles = this.tiles.filter((t) => !gone.includes(t));
    for (const tile of gone) tile.node.remove();
    this.board.toast(`${plural(gone.length, "image")} went to somebody else meanwhile.`);
    this.#draw();
  }

  delivered(op, answer) {
    if (op.kind === "lot") {
      for (const item of answer.items) this.board.history.saved(`${op.body.key}/${item}`);
      for (const item of answer.refused) this.board.history.drop(`${op.body.key}/${item}`);
      if (answer.refused.length) {
        this.board.toast(`${plural(answer.refused.length, "image")} of the lot went to somebody `
          + "else and did not count.");
      }
    } else {
      for (const tile of this.tiles) tile.fresh = false;
      const asked = this.tiles.filter((t) => t.token.startsWith(`${op.body.key}/`));
      this.#keep(asked.map((t) => t.token), new Set(answer.images.map((i) => i.token)));
    }
    this.#saved(op);
  }

  refused(op) {
    if (op.kind === "lot") this.board.history.dropLot(op.body.key);
    this.lots = this.lots.filter((lot) => lot.key !== op.body.key);
    if (op.kind === "unlot") this.load();
    this.#saved(op);
  }

  #saved(op) {
    if (op.body.key !== this.pending) return;
    this.pending = null;
    if (this.isOpen) this.load();
  }

  // -- what a person does ----------------------------------------------------------------------

  // Take an action that means something else here; return whether it did.
  act(action) {
    switch (action.do) {
      case "label": this.#label(action.class); return true;
      case "accept": this.#label(this.#proposed()); return true;
      case "undo": this.undo(); return true;
      case "close": case "grid": this.close(); return true;
      case "similar": this.similar(); return true;
      case "help": case "search": case "hint": return false;
      default: return true; // what is about a single image
    }
  }

  // Keys that move among the tiles; return whether the event was one of them.
  key(event) {
    const target = event.composedPath()[0];
    const elsewhere = target.closest?.("button, a[href], select, input, textarea");
    if (elsewhere || event.altKey || !this.tiles.length) return false;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a") {
      this.#all();
      return true;
    }
    if (event.ctrlKey || event.metaKey) return false;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
      Home: -this.tiles.length, End: this.tiles.length }[event.key];
    if (step) {
      this.#move(this.at + step);
      if (event.shiftKey) this.#range(this.at);
      return true;
    }
    if (event.key !== " ") return false;
    if (event.repeat) return true;
    if (event.shiftKey) this.#range(this.at);
    else this.#flip(this.at);
    return true;
  }

  #label(chosen) {
    const tiles = this.tiles.filter((t) => !t.out);
    const { board, order } = this;
    if (board.delivery.locked || !this.tiles.length) return;
    if (performance.now() - this.since < TOO_SOON) return;
    if (!chosen || !tiles.length) {
      board.toast(tiles.length ? "Press the key of a class." : "All images are excluded.");
      return;
    }
    const key = uuid();
    const out = this.tiles.filter((t) => t.out);
    const body = {
      key, client: board.link.client, class: chosen.id,
      tiles: tiles.map((t) => ({ token: t.token, item: t.item })),
      suggested: order.like ? null : this.found?.class ?? null,
      release: out.map((t) => t.token),
      seconds: Math.round(performance.now() - this.since) / 1000, at: Date.now() / 1000,
    };
    this.aside = [...this.aside, ...out.map((t) => t.item)].slice(-REMEMBERED);
    this.lots.push({ key, tiles, class: chosen.id });
    for (const tile of tiles) {
      board.history.add({
        key: `${key}/${tile.item}`, item: tile.item, src: tile.src, kind: "label",
        class: chosen.id, at: body.at, saved: false,
      });
    }
    this.tiles = [];
    this.list.replaceChildren();
    this.pending = key;
    const said = `${plural(tiles.length, "image")} labeled ${chosen.name}.`;
    this.#say(`${said} Saving.`);
    say(board.part.live, said);
    board.delivery.push("lot", body, { kind: "label", count: tiles.length });
    flash(board.buttons.get(chosen.id));
    board.drawCounts();
  }

  // Take back the last lot, or the one that is named, and show it again.
  undo(key = this.lots.at(-1)?.key) {
    const { board } = this;
    if (!key) {
      board.toast("There is no lot to undo.");
      return;
    }
    const known = this.lots.find((lot) => lot.key === key);
    const entries = board.history.dropLot(key);
    const back = known?.tiles ?? entries;
    this.lots = this.lots.filter((lot) => lot.key !== key);
    if (!this.isOpen) this.open();
    this.turn += 1;
    board.feed.release(this.#clear());
    const again = uuid();
    this.pending = null;
    this.order.like = null;
    this.found = { ...this.found, class: known?.class ?? entries[0]?.class ?? null };
    this.#show(back.map((t) => ({
      item: t.item, src: t.src, share: t.share, token: `${again}/${t.item}`, fresh: true,
    })));
    this.aside = this.aside.filter((item) => !back.some((t) => t.item === item));
    board.delivery.push("unlot", { key: again, client: board.link.client, undoes: key },
      { kind: "label", count: back.length });
    say(board.part.live, `${plural(back.length, "label")} taken back.`);
    board.drawCounts();
  }

  #move(to) {
    this.at = Math.max(0, Math.min(this.tiles.length - 1, to));
    this.tiles[this.at].node.focus();
  }

  #flip(at) {
    const tile = this.tiles[at];
    this.at = this.anchor = at;
    this.#put(tile, !tile.out);
    this.#draw();
  }

  // All from the tile that was pressed last to this one become like that.
  #range(to) {
    const from = this.anchor ?? to;
    const out = this.anchor === null ? true : this.tiles[from].out;
    const [low, high] = from < to ? [from, to] : [to, from];
    for (let i = low; i <= high; i += 1) this.#put(this.tiles[i], out);
    this.at = to;
    this.anchor ??= to;
    this.#draw();
  }

  #all() {
    const out = !this.tiles.every((t) => t.out);
    for (const tile of this.tiles) this.#put(tile, out);
    this.#draw();
  }

  #put(tile, out) {
    tile.out = out;
    tile.node.setAttribute("aria-selected", String(!out));
  }

  // -- drawing ---------------------------------------------------------------------------------

  #show(raw) {
    this.tiles = raw.map((one) => ({ ...one, out: false }));
    this.tiles.forEach((tile, i) => { tile.node = this.#node(tile, i); });
    this.list.replaceChildren(...this.tiles.map((t) => t.node));
    this.at = 0;
    this.anchor = null;
    this.since = performance.now();
    this.fit();
    this.#drawChoices();
    this.#draw();
    if (this.tiles.length) this.tiles[0].node.focus({ preventScroll: true });
  }

  #node(tile, i) {
    const image = element("img", { src: tile.src, alt: "", draggable: false, decoding: "async" });
    const side = Math.max(tile.width ?? 0, tile.height ?? 0);
    if (side && side < 128) image.className = "crisp";
    image.onload = () => {
      image.classList.toggle("crisp", Math.max(image.naturalWidth, image.naturalHeight) < 128);
    };
    const share = tile.share === undefined ? "" : `${Math.round(100 * tile.share)} %`;
    const node = element("div", { className: "tile", tabIndex: i ? -1 : 0 }, image,
      element("span", { className: "sure", textContent: this.order.like ? "" : share }));
    node.setAttribute("role", "option");
    node.setAttribute("aria-selected", "true");
    node.setAttribute("aria-label", `Image ${tile.item}${share && `, ${share}`}`);
    return node;
  }

  #proposed() {
    return this.board.byId.get(this.found?.class) ?? null;
  }

  #draw() {
    const inside = this.tiles.filter((t) => !t.out).length;
    const chosen = this.#proposed();
    const { order, found } = this;
    say(this.go.firstElementChild, chosen && inside
      ? `Label ${inside} as ${chosen.name}` : `${inside} chosen`);
    this.go.disabled = !chosen || !inside;
    say(this.flipper, this.tiles.length && this.tiles.every((t) => t.out)
      ? "Include all" : "Exclude all");
    this.flipper.disabled = !this.tiles.length;
    this.back.disabled = !this.lots.length;
    this.board.root.dataset.tiles = String(this.tiles.length);
    if (!this.tiles.length) {
      if (!this.pending) this.#say(found?.reason ?? "There are no images here.");
      return;
    }
    const by = sentence(modelName(found?.model, found?.instant)).slice(0, -1);
    this.#say(order.like
      ? `${plural(this.tiles.length, "image")} most like this one. Press those that do not belong, `
        + "then a class."
      : `${by} takes these for ${chosen?.name ?? "one class"}. Press those that are not; `
        + "Shift or a long press for a range.");
  }

  #drawChoices() {
    const counts = new Map((this.found?.counts ?? []).map((c) => [c.class, c.open]));
    const option = (value, text, selected) => element("option", { value, textContent: text, selected });
    this.pick.replaceChildren(
      option("", "Fewest labels first", this.order.class === null),
      ...this.board.classes.map((c) => option(String(c.id),
        `${c.name} (${number(counts.get(c.id) ?? 0)})`, this.order.class === c.id)));
    this.pick.disabled = this.first.disabled = Boolean(this.order.like);
    this.model.hidden = !this.order.like;
    if (this.order.like) this.model.src = this.order.like.src;
    this.root.dataset.class = this.found?.class ?? "";
  }

  #say(text) {
    say(this.note, text);
  }

  // As many columns as let all tiles be seen at once, on a wide screen.
  fit() {
    const width = this.list.clientWidth;
    const count = Math.max(1, this.tiles.length);
    if (this.board.root.clientWidth < NARROW) this.columns = 4;
    else {
      const below = this.board.part.classes.offsetHeight + this.foot.offsetHeight + 60;
      const height = Math.max(240,
        innerHeight - this.list.getBoundingClientRect().top - scrollY - below);
      this.columns = 4;
      while (this.columns < 14
        && Math.ceil(count / this.columns) * (width / this.columns) > height) this.columns += 1;
    }
    this.list.style.setProperty("--columns", String(this.columns));
  }

  // -- parts -----------------------------------------------------------------------------------

  #tokens() {
    return this.tiles.filter((t) => !t.fresh).map((t) => t.token);
  }

  // Forget the tiles; return the tokens to give back.
  #clear() {
    const tokens = this.tiles.map((t) => t.token);
    this.tiles = [];
    this.list.replaceChildren();
    return tokens;
  }

  #build(signal) {
    const select = (label, ...options) => {
      const made = element("select", {}, ...options.map(([value, text]) => (
        element("option", { value: String(value), textContent: text }))));
      made.setAttribute("aria-label", label);
      return [element("label", {}, element("span", { textContent: label }), made), made];
    };
    const button = (text, title, what, key = "") => {
      const made = element("button", { type: "button", title },
        element("span", { textContent: text }), ...(key ? [element("kbd", { textContent: key })] : []));
      made.dataset[what.startsWith("do:") ? "do" : "grid"] = what.replace("do:", "");
      return made;
    };
    const [pickField, pick] = select("Predicted class");
    const [firstField, first] = select("First", ["sure", "most certain"],
      ["doubtful", "most doubtful"]);
    const [sizeField, size] = select("Images", ...SIZES.map((n) => [n, String(n)]));
    size.value = String(this.order.count);
    this.pick = pick;
    this.first = first;
    this.model = element("img", { className: "like crisp", alt: "The image that these are like", hidden: true });
    this.note = element("p", { className: "note gridnote" });
    this.note.setAttribute("role", "status");
    this.list = element("div", { className: "tiles" });
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-multiselectable", "true");
    this.list.setAttribute("aria-label", "Images of this lot; the selected ones are labeled");
    this.go = button("Label", "Label all that are not excluded", "label", "⏎");
    this.go.classList.add("go");
    this.flipper = button("Exclude all", "Ctrl+A", "all");
    this.back = button("Undo lot", "Take back the last lot", "do:undo", "⌫");
    this.foot = element("div", { className: "gridacts", role: "group" }, this.go, this.flipper,
      button("Others", "Give these back and show others", "others"),
      button("Like this", "More images like the one in hand", "do:similar", "L"),
      this.back, button("Back", "Back to single images", "do:grid", "G"));
    this.foot.setAttribute("aria-label", "What to do with the lot");
    this.root = element("section", { className: "grid", hidden: true },
      element("div", { className: "gridbar" }, this.model, pickField, firstField, sizeField),
      this.note, this.list, this.foot);
    this.root.setAttribute("aria-label", "Grid");
    this.board.part.classes.before(this.root);
    pick.addEventListener("change", () => {
      this.order.class = pick.value ? Number(pick.value) : null;
      this.load();
    }, { signal });
    first.addEventListener("change", () => { this.order.first = first.value; this.load(); },
      { signal });
    size.addEventListener("change", () => { this.order.count = Number(size.value); this.load(); },
      { signal });
    this.root.addEventListener("click", (event) => this.#click(event), { signal });
    this.list.addEventListener("focusin", (event) => {
      const at = this.#place(event);
      if (at < 0) return;
      for (const tile of this.tiles) tile.node.tabIndex = -1;
      this.tiles[at].node.tabIndex = 0;
      this.at = at;
    }, { signal });
    this.list.addEventListener("pointerdown", (event) => this.#press(event), { signal });
    this.list.addEventListener("contextmenu", (event) => {
      if (this.finger) event.preventDefault();
    }, { signal });
    for (const end of ["pointerup", "pointercancel", "pointermove"]) {
      this.list.addEventListener(end, (event) => {
        if (end !== "pointermove" || Math.hypot(event.movementX, event.movementY) > 4) {
          clearTimeout(this.pressing);
        }
      }, { signal });
    }
  }

  #place(event) {
    const node = event.target.closest?.(".tile");
    return this.tiles.findIndex((t) => t.node === node);
  }

  #press(event) {
    this.long = false;
    this.finger = event.pointerType === "touch";
    const at = this.#place(event);
    if (!this.finger || at < 0) return;
    clearTimeout(this.pressing);
    this.pressing = setTimeout(() => {
      this.long = true;
      this.#range(at);
    }, LONG_PRESS);
  }

  #click(event) {
    const at = this.#place(event);
    if (at >= 0) {
      if (this.long) this.long = false;
      else if (event.shiftKey) this.#range(at);
      else this.#flip(at);
      return;
    }
    const what = event.target.closest("button")?.dataset.grid;
    if (what === "label") this.#label(this.#proposed());
    if (what === "all") this.#all();
    if (what === "others") {
      this.aside = [...this.aside, ...this.tiles.map((t) => t.item)].slice(-REMEMBERED);
      this.load();
    }
  }
}
