// Teach your own: pictures of classes from the camera or from files, what the model says of the
// camera's picture several times a second, and the ten pictures that would help it most.

import { renewPictures } from "../shared/addresses.js";
import { openChannel } from "../shared/channel.js";
import { element, partsOf, say } from "../shared/dom.js";
import { scopeOf, uuid } from "../shared/ids.js";
import { mounting } from "../shared/mount.js";
import { Refused, request } from "../shared/requests.js";
import { plural, sentence } from "../shared/text.js";
import { Camera } from "./camera.js";
import { Cards, thumbOf } from "./cards.js";
import { dropped, frameOf, pictureOf } from "./frames.js";
import { Live } from "./live.js";
import { Sending } from "./sending.js";
import { Ten } from "./ten.js";
import { barsOf, learnedText, missingText, privateText, rateText, shareText } from "./words.js";

const AGAIN = 2000; // milliseconds until what is not in yet is looked for again
const SOON = 400;
const LONG = 60; // seconds that a request of pictures may take
const NONE = { learned: {}, left: 0, kept: 0, right: 0, version: 0 };

class Teach {
  constructor(root, data) {
    Object.assign(this, { root, data, scope: scopeOf(data), part: partsOf(root) });
    this.stop = new AbortController();
    this.link = { base: data.base, ticket: data.ticket };
    this.classes = [];
    this.seen = { pictures: [], waiting: [], counts: {}, state: "" };
    this.taken = new Map(); // key -> the picture, until it is listed with an address
    this.answer = NONE;
    const { signal } = this.stop;
    const { part } = this;
    renewPictures(root, this.link, signal);
    say(part.private, privateText(data.far));
    this.channel = openChannel(this.scope, this.link, (event, op, error) => {
      if (event === "dropped") this.#say(error.message);
      if (event === "done") this.#soon();
    });
    this.camera = new Camera(part.video, (text) => this.#cameraChanged(text));
    this.cards = new Cards(part.cards, (...heard) => this.#card(...heard), signal);
    this.sending = new Sending(
      (pictures) => request(this.link, "POST", "/teach/pictures", { pictures: pictures.map(bare) }, LONG),
      (...heard) => this.#sent(...heard));
    this.live = new Live((path, body, seconds) => request(this.link, "POST", path, body, seconds),
      this.camera, (answer, error) => this.#looked(answer, error));
    this.ten = new Ten(part, this.link, (kind, body) => this.channel.outbox.push(kind, body), () => this.live.wake());
    const on = (node, name, work) => node.addEventListener(name, work, { signal });
    on(root, "click", (event) => this.#click(event));
    on(part.new, "submit", (event) => this.#addClass(event));
    for (const name of ["loose", "folder"]) {
      on(part[name], "change", () => {
        this.#files([...part[name].files], null);
        part[name].value = "";
      });
    }
    on(document, "visibilitychange", () => this.live.wake());
    on(window, "beforeunload", (event) => {
      if (this.sending.pictures.length) event.preventDefault();
    });
    part.folderlabel.hidden = !("webkitdirectory" in part.folder);
    for (const name of ["new", "help"]) part[name].hidden = !data.may;
    this.#refresh();
    this.live.wake();
  }

  update(data) {
    this.data = data;
    this.#renew(data.ticket);
  }

  #renew(ticket) {
    this.link.ticket = ticket;
    this.channel.link.ticket = ticket;
  }

  destroy() {
    this.stop.abort();
    clearTimeout(this.timer);
    this.live.end();
    this.ten.end();
    this.camera.stop();
  }

  // -- what there is -----------------------------------------------------------------------------

  async #refresh() {
    clearTimeout(this.timer);
    this.timer = undefined;
    try {
      const seen = await request(this.link, "GET", "/teach/overview");
      if (this.stop.signal.aborted) return;
      this.seen = seen;
      if (seen.ticket) this.#renew(seen.ticket);
      this.classes = seen.classes.sort((a, b) => a.position - b.position)
        .map((c) => ({ ...c, colour: this.data.colours[c.position % this.data.colours.length] }));
      for (const one of seen.pictures) this.taken.delete(one.key);
      if (seen.state === "failed") this.#say(`The pictures could not come in: ${sentence(seen.why)}`);
      this.ten.set(this.classes);
      this.#draw();
    } catch (error) {
      this.#say(error.message);
    }
    if (this.seen.unread || this.seen.waiting.length) this.#soon(AGAIN);
  }

  #soon(milliseconds = SOON) {
    if (this.stop.signal.aborted) return;
    this.timer ??= setTimeout(() => this.#refresh(), milliseconds);
  }

  #draw() {
    const { seen } = this;
    this.cards.set(this.classes, this.data.may);
    for (const c of this.classes) {
      const coming = this.sending.of(c.id);
      const waiting = seen.waiting.filter((one) => one.class === c.id);
      const local = [...coming, ...waiting].filter((one) => this.taken.has(one.key))
        .map((one) => ({ key: one.key, src: thumbOf(this.taken.get(one.key)), mine: true,
          coming: coming.includes(one) }));
      const there = seen.pictures.filter((one) => one.class === c.id)
        .map((one) => ({ ...one, src: one.small }));
      this.cards.draw(c.id, (seen.counts[c.id] ?? 0) + waiting.length, coming.length, [...local.reverse(), ...there]);
    }
    this.root.dataset.unsent = String(this.sending.pictures.length);
    this.#drawSeen();
    if (!this.ten.images.length && this.part.why.textContent.trim() === "") {
      say(this.part.why, "Add a folder of pictures without classes. The model looks through them, and asks about "
        + "those of which it is least sure: ten answers there teach it more than ten taken by chance.");
    }
  }

  #say(text) {
    this.part.message.hidden = !text;
    say(this.part.message, text);
  }

  // -- taking pictures ---------------------------------------------------------------------------

  async #card(event, classId, detail) {
    if (event === "take") this.#take(classId);
    else if (event === "files") this.#files(detail, classId);
    else if (event === "drop") this.#files(await dropped(detail), classId);
    else this.#undo(detail);
  }

  #take(classId) {
    if (!this.camera.isOn) {
      if (!this.camera.stream) this.camera.start();
      return;
    }
    this.#add(classId, "camera.jpg", frameOf(this.camera.video));
  }

  #add(classId, name, data) {
    const one = { key: uuid(), name, data, class: classId };
    if (classId !== null) this.taken.set(one.key, one);
    this.sending.add(one);
  }

  // Send files one by one: a folder of thousands is never in memory whole.
  async #files(files, classId) {
    const pictures = files.filter((file) => !file.name.startsWith("."));
    const wrong = [];
    for (const [i, file] of pictures.entries()) {
      if (this.stop.signal.aborted) return;
      if (pictures.length > 12) this.#say(`${i + 1} of ${plural(pictures.length, "picture")}.`);
      try {
        const data = await pictureOf(file);
        while (this.sending.pictures.length > 12) await new Promise((done) => { setTimeout(done, 50); });
        this.#add(classId, file.name, data);
      } catch (error) {
        wrong.push(error.message);
      }
    }
    const more = wrong.length > 1 ? ` And ${plural(wrong.length - 1, "other file")}.` : "";
    this.#say(wrong.length ? wrong[0] + more : "");
  }

  async #undo(key) {
    if (this.sending.drop(key)) {
      this.taken.delete(key);
      return;
    }
    try {
      await request(this.link, "POST", "/teach/undo", { undoes: key, key: uuid() });
      this.taken.delete(key);
      this.seen.pictures = this.seen.pictures.filter((one) => one.key !== key);
      this.seen.waiting = this.seen.waiting.filter((one) => one.key !== key);
    } catch (error) {
      this.#say(error.message);
    }
    this.live.wake();
    this.#refresh();
  }

  #sent(event, pictures, error) {
    if (event === "kept") {
      for (const one of pictures) {
        if (one.class !== null) this.seen.waiting.push({ key: one.key, class: one.class, mine: true });
      }
      if (this.waits) this.#say("");
      this.waits = false;
      this.live.wake();
      this.#soon(AGAIN);
    } else if (event === "refused") {
      for (const one of pictures) this.taken.delete(one.key);
      this.#say(`${plural(pictures.length, "picture")} could not be kept: ${sentence(error.message)}`);
    } else if (event === "waits") {
      this.waits = true;
      this.#say(`Pictures wait to be sent: ${sentence(error.reason ?? "no connection")}`);
    }
    this.#draw();
  }

  async #addClass(event) {
    event.preventDefault();
    const name = this.part.name.value.trim();
    if (!name) return;
    try {
      await request(this.link, "POST", "/class", { name });
      this.part.name.value = "";
      this.#say("");
      await this.#refresh();
    } catch (error) {
      this.#say(error.message);
    }
  }

  // -- looking -----------------------------------------------------------------------------------

  #click(event) {
    const what = event.target.closest("[data-do]")?.dataset.do;
    if (what === "camera" && this.camera.stream) {
      this.camera.stop();
      this.#cameraChanged("");
    } else if (what === "camera") this.camera.start();
    else if (what === "other") this.camera.turn();
    else if (what === "ask") this.ten.ask();
  }

  async #cameraChanged(text) {
    const { part, camera } = this;
    const on = camera.stream !== null;
    part.video.hidden = !on;
    part.video.toggleAttribute("data-mirrored", camera.facing === "user");
    part.dark.hidden = on;
    say(part.dark, text || "The camera is off.");
    say(part.camera, on ? "Turn the camera off" : "Turn the camera on");
    this.live.rate.clear();
    this.live.wake();
    this.#drawSeen();
    part.other.hidden = !(on && await camera.several());
  }

  #looked(answer, error) {
    if (answer) {
      this.answer = answer;
      this.root.dataset.version = String(answer.version);
      this.root.dataset.left = String(answer.left);
      if (answer.probabilities) this.root.dataset.looks = String(Number(this.root.dataset.looks) + 1);
    } else if (error instanceof Refused && error.status !== 404) this.#say(error.message);
    this.#drawSeen();
  }

  // Pictures by class id, those on their way included.
  #pictures() {
    const counts = { ...this.seen.counts };
    for (const one of [...this.seen.waiting, ...this.sending.pictures]) {
      counts[one.class] = (counts[one.class] ?? 0) + 1;
    }
    return counts;
  }

  #drawSeen() {
    const { part, answer, classes } = this;
    // What is on its way is not learned yet, and is not missing.
    const known = answer === NONE || answer.left ? this.#pictures() : answer.learned;
    const missing = missingText(classes, known);
    const looks = this.camera.isOn && answer.probabilities && !missing;
    say(part.seen, missing || learnedText(answer) || "Opening the network. The first time it takes some seconds.");
    this.root.dataset.rate = looks ? this.live.rate.perSecond.toFixed(2) : "";
    say(part.measure, looks ? `${rateText(this.live.rate.perSecond)} Anything else gets one of these classes, too.` : "");
    const bars = looks ? barsOf(classes, answer.probabilities) : [];
    if (part.bars.children.length !== bars.length) {
      part.bars.replaceChildren(...bars.map(() => element("li", {},
        element("p", {}, element("span"), element("b")), element("div", {}, element("i")))));
    }
    bars.forEach((bar, i) => {
      const row = part.bars.children[i];
      row.dataset.class = bar.id;
      row.dataset.share = bar.share === null ? "" : bar.share.toFixed(4);
      say(row.querySelector("span"), bar.name);
      say(row.querySelector("b"), shareText(bar.share));
      const fill = row.querySelector("i");
      fill.style.background = bar.colour;
      fill.style.transform = `scaleX(${bar.share ?? 0})`;
    });
  }
}

const bare = ({ key, name, data, class: classId }) => ({ key, name, data, class: classId });

export default mounting(".teach", (root, data) => new Teach(root, data));
