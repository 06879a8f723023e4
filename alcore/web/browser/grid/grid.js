// The grid: many images of one predicted class, or like one image, labeled with one key. It takes
// the place of the single image; class buttons, delivery and history are the board's.

import { element, say } from "../shared/dom.js";
import { uuid } from "../shared/ids.js";
import { gettext, ngettext, said } from "../shared/language.js";
import { Refused, request, sendLast } from "../shared/requests.js";
import { modelName, sentence } from "../shared/text.js";
import { Bar } from "./bar.js";
import { Tiles } from "./tiles.js";

const HOLD_ON = 20; // seconds between renewals of the tiles' leases
const TOO_SOON = 300; // milliseconds within which a key was meant for the tiles before
const TRY_AGAIN = 2; // seconds
const REMEMBERED = 400; // images put aside here that do not come again
const ROOM = 60; // pixels between and around what stands below the tiles

export class Grid {
  constructor(board, signal) {
    this.board = board;
    this.tiles = new Tiles(board.keyboard, () => this.#draw(), signal);
    this.bar = new Bar(board.link, () => this.load(), signal);
    this.lots = []; // {key, tiles, class}: what undo takes back, oldest first
    this.aside = []; // items that were excluded
    this.pending = null; // key of the lot that is being saved
    this.turn = 0;
    this.selection = null; // id of a selection from the map that the images are taken from
    const { head, note, foot } = this.bar;
    this.root = element("section", { className: "grid", hidden: true },
      head, note, this.tiles.list, foot);
    this.root.setAttribute("aria-label", gettext("Grid"));
    this.root.addEventListener("click", (event) => this.#click(event), { signal });
    board.part.classes.before(this.root);
    const renewing = setInterval(() => this.#renew(), 1000 * HOLD_ON);
    signal.addEventListener("abort", () => { clearInterval(renewing); this.leave(); });
  }

  get isOpen() {
    return !this.root.hidden;
  }

  // -- coming and going ------------------------------------------------------------------------

  open(like = null, selection = null) {
    this.bar.order.like = like;
    this.selection = selection;
    if (!this.isOpen) {
      this.root.hidden = false;
      this.board.root.dataset.mode = "grid";
      this.root.append(this.board.part.toast);
      this.board.stage.pause();
      this.bar.known.load();
      // The button that opened it may lie far below on a phone.
      if (this.board.stage.narrow) this.root.scrollIntoView({ block: "start" });
    }
    this.load();
  }

  close() {
    this.root.hidden = true;
    delete this.board.root.dataset.mode;
    this.board.part.stage.append(this.board.part.toast);
    this.board.feed.release(this.tiles.clear());
    this.board.stage.fit();
    this.board.stage.resume();
    if (this.board.stage.narrow) this.board.root.scrollIntoView({ block: "start" });
  }

  toggle() {
    if (this.isOpen) this.close();
    else this.open();
  }

  // Show images like one: that of the tile in hand, else the one on screen.
  similar() {
    const image = this.isOpen ? this.tiles.inHand : this.board.stage.image;
    if (image) this.open({ item: image.item, src: image.src });
  }

  // The page goes away.
  leave() {
    const { tokens } = this.tiles;
    const { link } = this.board;
    if (tokens.length) sendLast(link, "/release", { client: link.client, tokens });
  }

  // -- what comes in ---------------------------------------------------------------------------

  async load() {
    const turn = (this.turn += 1);
    const release = this.tiles.clear();
    this.bar.say(gettext("Looking for images."));
    const { link, delivery, feed } = this.board;
    const { order } = this.bar;
    const body = {
      client: link.client, count: order.count, first: order.first, release,
      class: order.like ? null : order.class, like: order.like?.item ?? null, aside: this.aside,
      selection: order.like ? null : this.selection, ...this.bar.known.query(),
    };
    let answer;
    try {
      answer = await request(link, "POST", "/tiles", body);
    } catch (error) {
      if (error.status === 401) delivery.lock(error);
      const final = error instanceof Refused;
      this.bar.say(final ? sentence(error.message)
        : gettext("The server does not answer. Trying again."));
      if (!final) setTimeout(() => turn === this.turn && this.load(), 1000 * TRY_AGAIN);
      return;
    }
    if (turn !== this.turn || !this.isOpen) {
      feed.release(answer.images.map((i) => i.token));
      return;
    }
    this.prediction = answer;
    this.#show(answer.images.map((raw, i) => ({ ...raw, share: answer.shares[i] })));
  }

  async #renew() {
    const hold = this.tiles.tokens;
    if (!this.isOpen || !hold.length || document.hidden) return;
    const { link } = this.board;
    const body = { client: link.client, count: 0, hold };
    const answer = await request(link, "POST", "/tiles", body).catch(() => null);
    if (answer) this.#keep(hold, new Set(answer.held));
  }

  // Drop those of the tokens' tiles that are not ours any more.
  #keep(tokens, held) {
    const gone = this.tiles.all.filter((t) => tokens.includes(t.token) && !held.has(t.token));
    if (!gone.length) return;
    this.tiles.drop(gone);
    this.board.toast.show(ngettext("{n} image went to somebody else meanwhile.",
      "{n} images went to somebody else meanwhile.", gone.length));
    this.#draw();
  }

  // A lot was labeled, or taken back.
  delivered(op, answer) {
    const { history, toast } = this.board;
    if (op.kind === "lot") {
      for (const item of answer.items) history.saved(`${op.body.key}/${item}`);
      for (const item of answer.refused) history.drop(`${op.body.key}/${item}`);
      if (answer.refused.length) {
        toast.show(ngettext("{n} image of the lot went to somebody else and did not count.",
          "{n} images of the lot went to somebody else and did not count.", answer.refused.length));
      }
    } else {
      const back = this.tiles.all.filter((t) => t.token.startsWith(`${op.body.key}/`));
      for (const tile of back) tile.fresh = false;
      this.#keep(back.map((t) => t.token), new Set(answer.images.map((i) => i.token)));
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
      case "accept": this.#label(this.#proposal()); return true;
      case "undo": this.undo(); return true;
      case "close": case "grid": this.close(); return true;
      case "similar": this.similar(); return true;
      case "help": case "search": case "hint": case "pixels": return false;
      default: return true; // what is about a single image
    }
  }

  // Keys that move among the tiles; return whether the event was one of them.
  key(event) {
    return this.tiles.key(event);
  }

  #click(event) {
    const what = event.target.closest("button")?.dataset.grid;
    if (what === "label") this.#label(this.#proposal());
    if (what === "all") this.tiles.flipAll();
    if (what === "others") {
      this.#putAside(this.tiles.all);
      this.load();
    }
  }

  #putAside(tiles) {
    this.aside = [...this.aside, ...tiles.map((t) => t.item)].slice(-REMEMBERED);
  }

  #label(choice) {
    const { board } = this;
    const { inside, outside } = this.tiles;
    if (board.delivery.locked || !this.tiles.all.length) return;
    if (performance.now() - this.since < TOO_SOON) return;
    if (!choice || !inside.length) {
      board.toast.show(inside.length ? gettext("Press the key of a class.")
        : gettext("All images are excluded."));
      return;
    }
    const key = uuid();
    const body = {
      key, client: board.link.client, class: choice.id,
      tiles: inside.map((t) => ({ token: t.token, item: t.item, proof: t.proof ?? "" })),
      suggested: this.bar.order.like ? null : this.prediction?.class ?? null,
      release: outside.map((t) => t.token),
      seconds: Math.round(performance.now() - this.since) / 1000, at: Date.now() / 1000,
    };
    this.#putAside(outside);
    this.lots.push({ key, tiles: inside, class: choice.id });
    for (const tile of inside) {
      board.history.add({
        key: `${key}/${tile.item}`, item: tile.item, src: tile.src, kind: "label",
        class: choice.id, at: body.at, saved: false,
      });
    }
    this.tiles.clear();
    this.pending = key;
    const message = ngettext("{n} image labeled {name}.", "{n} images labeled {name}.",
      inside.length, { name: choice.name });
    this.bar.say(`${message} ${gettext("Saving.")}`);
    say(board.part.live, message);
    board.delivery.push("lot", body, { kind: "label", count: inside.length });
    board.buttons.flash(choice.id);
    board.drawCounts();
  }

  // Take back the last lot, or the one that is named, and show it again.
  undo(key = this.lots.at(-1)?.key) {
    const { board } = this;
    if (!key) {
      board.toast.show(gettext("There is no lot to undo."));
      return;
    }
    const lot = this.lots.find((one) => one.key === key);
    const entries = board.history.dropLot(key);
    const back = lot?.tiles ?? entries;
    this.lots = this.lots.filter((one) => one.key !== key);
    if (!this.isOpen) this.open();
    this.turn += 1;
    board.feed.release(this.tiles.clear());
    const again = uuid();
    this.pending = null;
    this.bar.order.like = null;
    this.prediction = { ...this.prediction, class: lot?.class ?? entries[0]?.class ?? null };
    this.#show(back.map((t) => ({
      item: t.item, src: t.src, share: t.share, proof: t.proof, token: `${again}/${t.item}`, fresh: true,
    })));
    this.aside = this.aside.filter((item) => !back.some((t) => t.item === item));
    board.delivery.push("unlot", { key: again, client: board.link.client, undoes: key },
      { kind: "label", count: back.length });
    say(board.part.live, ngettext("{n} label taken back.", "{n} labels taken back.", back.length));
    board.drawCounts();
  }

  // -- drawing ---------------------------------------------------------------------------------

  // The class that these images are taken for.
  #proposal() {
    return this.board.byId.get(this.prediction?.class) ?? null;
  }

  #show(raw) {
    this.tiles.show(raw, !this.bar.order.like);
    this.since = performance.now();
    this.fit();
    this.bar.drawChoices(this.board.classes, this.prediction?.counts ?? []);
    this.root.dataset.class = this.prediction?.class ?? "";
    this.#draw();
  }

  #draw() {
    const { bar, prediction } = this;
    const choice = this.#proposal();
    const all = this.tiles.all.length;
    bar.drawActions(choice, this.tiles.inside.length, all, this.lots.length);
    this.board.root.dataset.tiles = String(all);
    bar.pick.disabled = bar.first.disabled = Boolean(bar.order.like ?? this.selection);
    if (!all) {
      if (!this.pending) bar.say(said(prediction?.reason) ?? gettext("There are no images here."));
      return;
    }
    if (this.selection && !bar.order.like) {
      bar.say(ngettext("{n} image of the selection from the map. Press those that do not belong, then "
        + "a class.", "{n} images of the selection from the map. Press those that do not belong, then "
        + "a class.", all));
      return;
    }
    const name = choice?.name ?? gettext("one class");
    const model = sentence(modelName(prediction?.model, prediction?.instant)).slice(0, -1);
    bar.say(bar.order.like
      ? ngettext("{n} image most like this one. Press those that do not belong, then a class.",
        "{n} images most like this one. Press those that do not belong, then a class.", all)
      : gettext("{model} takes these for {name}. Press those that are not; Shift or a long press for "
        + "a range.", { model, name }));
  }

  fit() {
    const below = this.board.part.classes.offsetHeight + this.bar.foot.offsetHeight + ROOM;
    this.tiles.fit(this.board.root.clientWidth, below);
  }
}
