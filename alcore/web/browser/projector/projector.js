// The wall: what the class sees, and what the teacher presses. It is drawn from the record and an
// instant; live the instant is now, in a replay wherever the slider stands.

import { element, say } from "../shared/dom.js";
import { gettext, said } from "../shared/language.js";
import { request } from "../shared/requests.js";
import { sentence } from "../shared/text.js";
import { drawCurves } from "./chart.js";
import { COLOURS, drawDisputed, drawFigures, drawGuess, drawNames, drawPeople } from "./panels.js";
import { Record } from "./record.js";

const PACE = 1000; // milliseconds between questions to the server
const FRAME = 100; // between two drawings of a replay
const DISPUTED = 12; // pictures that are asked for in advance

const root = document.querySelector(".wall");
const part = Object.fromEntries(
  [...root.querySelectorAll("[data-wall]")].map((node) => [node.dataset.wall, node]));
const SECTIONS = ["lobby", "countdown", "live", "guess"];

const kept = JSON.parse(document.getElementById("record").textContent);
const record = new Record();
const isFile = kept !== null;
const link = { base: "", ticket: "" };
let session = null;
let offset = 0;
let instant = null; // null: now
let playing = null; // when the last frame of a replay was drawn
let busy = false;

// -- what comes in -----------------------------------------------------------------------------

// Who asks about which session stands behind the # of the address, which no server is sent, and in
// the tab's own storage afterwards, so that it is not on the wall.
function identify() {
  const told = new URLSearchParams(location.hash.slice(1));
  let known = Object.fromEntries(told);
  try {
    if (told.has("ticket")) sessionStorage.setItem("alcore:projector", JSON.stringify(known));
    else known = JSON.parse(sessionStorage.getItem("alcore:projector") ?? "{}");
  } catch { /* storage is switched off: a reload asks for the link again */ }
  if (told.has("ticket")) history.replaceState(null, "", location.pathname);
  session = Number(known.session);
  Object.assign(link, { base: `board/${known.project}/session`, ticket: known.ticket ?? "" });
  return Boolean(known.ticket);
}

async function follow() {
  try {
    do {
      const told = await request(link, "POST", "/record", { session, after: record.last,
        positions: wanted(), ...(record.told?.link ? {} : { opened: location.href }) });
      record.merge(told);
      offset = told.session.now - Date.now() / 1000;
      if (told.ticket) link.ticket = told.ticket;
    } while (record.told.more);
    part.trouble.hidden = true;
    draw();
  } catch (error) {
    part.trouble.hidden = false;
    say(part.trouble, error.kind ? sentence(error.message)
      : gettext("No connection. Trying again."));
  }
}

// Positions whose pictures are not here yet.
function wanted() {
  if (!record.told) return [];
  const shown = record.at(instant ?? clock());
  const positions = shown.disputes.slice(0, DISPUTED).map((d) => d.position);
  if (shown.guess) positions.push(shown.guess.position);
  return [...new Set(positions)].filter((p) => !(p in record.told.pictures));
}

async function poll() {
  if (!document.hidden) await follow();
  setTimeout(poll, PACE);
}

// -- what the teacher does ---------------------------------------------------------------------

async function act(what, more = {}) {
  if (busy) return;
  busy = true;
  drawActs();
  try {
    // A reset copies and deletes whole projects.
    await request(link, "POST", "/act", { session, do: what, ...more }, 120);
  } catch (error) {
    part.trouble.hidden = false;
    say(part.trouble, error.kind ? sentence(error.message)
      : gettext("No connection. Press once more."));
    busy = false;
    drawActs();
    return;
  }
  busy = false;
  await follow();
  drawActs();
}

function remove(one) {
  if (confirm(gettext("Remove {name} from the session? Their labels stay.", { name: one.name }))) {
    act("remove", { student: one.id });
  }
}

function reset() {
  if (confirm(gettext("Begin anew? All names, labels and models of this session are deleted; its code "
    + "stays."))) act("reset");
}

async function save() {
  const response = await fetch(`${link.base}/page`, { method: "POST",
    headers: { "content-type": "application/json", "X-Alcore-Ticket": link.ticket },
    body: JSON.stringify({ session }) });
  if (!response.ok) return;
  const file = element("a", { href: URL.createObjectURL(await response.blob()),
    download: `session-${session}.html` });
  file.click();
  setTimeout(() => URL.revokeObjectURL(file.href), 10_000);
}

// [what is written, what it does, how it looks] for where the session stands.
function acts() {
  const { phase, locked } = record.told.session;
  const guess = record.at(clock()).guess;
  const live = {
    lobby: [[gettext("Start"), () => act("start"), "main"]],
    countdown: [[gettext("End"), () => act("end"), ""]],
    running: [
      guess === null ? [gettext("Ask the class to guess"), () => act("ask"), "main"]
        : guess.shown_at === null ? [gettext("Show what the model says"), () => act("show"), "main"]
          : [gettext("Go on labeling"), () => act("close"), "main"],
      [gettext("2 minutes more"), () => act("longer"), ""],
      [gettext("End"), () => act("end"), ""],
    ],
    over: [
      instant === null ? [gettext("Replay"), () => replay(), "main"] : [gettext("Leave the replay"), () => leaveReplay(), ""],
      [gettext("Save as a page"), save, ""],
    ],
  }[phase];
  if (phase !== "over") live.push([locked ? gettext("Let others join") : gettext("Let nobody else join"), () => act(locked ? "unlock" : "lock"), ""]);
  return [...live, [gettext("Reset"), reset, "danger"]];
}

function drawActs() {
  if (isFile) return;
  const listed = acts();
  const version = JSON.stringify([listed.map(([name]) => name), busy]);
  if (part.acts.version === version) return;
  part.acts.version = version;
  part.acts.replaceChildren(...listed.map(([name, work, className]) => {
    const button = element("button", { type: "button", textContent: name, className, disabled: busy });
    button.addEventListener("click", work);
    return button;
  }));
}

// -- replay ------------------------------------------------------------------------------------

function replay() {
  [instant] = record.span();
  part.replay.hidden = false;
  play(true);
  draw();
}

function leaveReplay() {
  instant = null;
  part.replay.hidden = true;
  play(false);
  draw();
}

function play(on) {
  const [from, until] = record.span();
  if (on && instant >= until) instant = from;
  playing = on ? performance.now() : null;
  say(part.play, on ? gettext("Pause") : gettext("Play"));
}

function step() {
  if (playing === null || instant === null) return;
  const now = performance.now();
  const [, until] = record.span();
  instant = Math.min(until, instant + ((now - playing) / 1000) * Number(part.speed.value));
  playing = now;
  if (instant >= until) play(false);
  draw();
}

part.play.addEventListener("click", () => play(playing === null));
part.instant.addEventListener("input", () => {
  const [from, until] = record.span();
  instant = from + (Number(part.instant.value) / 1000) * (until - from);
  draw();
});

// -- drawing -----------------------------------------------------------------------------------

const clock = () => (isFile ? record.span()[1] : Date.now() / 1000 + offset);
const written = (seconds) => {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};

function section(now) {
  const { told } = record;
  if (instant === null && ["lobby", "countdown"].includes(told.session.phase)) return told.session.phase;
  return record.at(now).guess ? "guess" : "live";
}

function draw() {
  const { told } = record;
  if (!told) return;
  const now = instant ?? clock();
  const visible = section(now);
  for (const name of SECTIONS) part[name].hidden = name !== visible;
  root.dataset.phase = instant === null ? told.session.phase : "replay";
  drawHead(told, now);
  if (visible === "lobby") drawLobby(told);
  else if (visible === "countdown") drawCountdown();
  else drawLive(told, now, visible);
  drawActs();
  drawReplay(now);
}

function drawHead(told, now) {
  const { phase, code, project, starts_at: start, ends_at: end } = told.session;
  say(part.title, project);
  const open = !isFile && instant === null && phase !== "over" && phase !== "lobby" && !told.session.locked;
  part.how.replaceChildren(...(open ? [`${gettext("Join with")} `,
    element("b", { textContent: spaced(code) }), ` ${gettext("at")} ${plainly(told.link?.address)}`] : []));
  if (instant !== null) say(part.clock, written(now - start));
  else if (phase === "running") say(part.clock, written(end - now));
  else say(part.clock, phase === "over" ? gettext("The end") : "");
}

const plainly = (address = "") => address.replace(/^https?:\/\//, "").replace(/\?.*$/, "");
const spaced = (code) => `${code.slice(0, 4)} ${code.slice(4)}`;

function drawLobby(told) {
  drawNames(part, told, isFile ? null : remove);
  const way = told.link;
  if (!way) return;
  if (part.qr.src !== way.qr) part.qr.src = way.qr;
  say(part.address, plainly(way.address));
  say(part.code, spaced(told.session.code));
  part.warning.hidden = !way.warning;
  if (!way.warning || part.warning.version === way.warning) return;
  part.warning.version = way.warning;
  part.warning.replaceChildren(said(way.warning), ...(way.remedy
    ? [` ${gettext("To let phones in, stop the app and start it with")} `, element("code", { textContent: way.remedy })] : []));
}

function drawCountdown() {
  const left = Math.ceil(record.told.session.starts_at - clock());
  say(part.countdown, String(Math.max(1, left)));
}

function drawLive(told, now, visible) {
  const shown = record.at(now);
  drawGuess(part, told, shown.guess, now);
  if (visible !== "live") return;
  const curves = told.groups.map((group, i) => ({
    name: said(group.name),
    colour: COLOURS[i],
    points: shown.models.filter((m) => m[1] === i && m[4] !== null).map((m) => m.slice(3)),
  }));
  const beside = Object.entries(told.simulated.curves).map(([name, points]) => (
    { name: said(name), points }));
  say(part.curveword, beside.length ? gettext("over labels; broken: simulated")
    : gettext("over labels"));
  drawCurves(part.curve, curves, beside);
  drawFigures(part, told, shown);
  drawPeople(part, told, shown, isFile ? null : remove);
  drawDisputed(part, told, shown, told.colours);
}

function drawReplay(now) {
  if (part.replay.hidden) return;
  const [from, until] = record.span();
  part.instant.value = String(Math.round((1000 * (now - from)) / Math.max(1e-6, until - from)));
  say(part.moment, gettext("{now} of {end}",
    { now: written(now - from), end: written(until - from) }));
}

// -- the start ---------------------------------------------------------------------------------

window.addEventListener("resize", draw);
setInterval(() => {
  if (playing !== null) step();
}, FRAME);
if (isFile) {
  record.merge(kept);
  replay();
  [, instant] = record.span();
  play(false);
  draw();
} else if (identify()) {
  poll();
  setInterval(() => instant === null && record.told && draw(), 500);
} else {
  part.trouble.hidden = false;
  say(part.trouble, gettext("Open the projector from the Session page: this address alone shows "
    + "nothing."));
}
