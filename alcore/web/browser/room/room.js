// The students' page: join, wait, label, guess, and the end. It asks the server again and again
// where the session stands, and follows; nothing here is lost when either side starts anew.

import { Board } from "../board/board.js";
import { say } from "../shared/dom.js";
import { gettext, ngettext, said } from "../shared/language.js";
import { languageField } from "../shared/reader.js";
import { sentence } from "../shared/text.js";
import { ask, knowName, knownName } from "./asking.js";
import { GuessSheet } from "./guess.js";

const WAITING = 1000; // milliseconds between questions before the session runs
const RUNNING = 2000;
const SECTIONS = ["join", "lobby", "countdown", "labeling", "over"];

const root = document.querySelector(".room");
const part = Object.fromEntries(
  [...root.querySelectorAll("[data-room]")].map((node) => [node.dataset.room, node]));
const head = root.querySelector(".head");

let code = (new URLSearchParams(location.search).get("c") ?? "").slice(0, 40);
let state = null;
let offset = 0; // seconds that the server's clock is ahead of this one
let board = null;
let boardOf = null; // the project whose board it is
let timer = null;
let asking = false;

const sheet = new GuessSheet(part, async (guess, place) => {
  try {
    follow(await ask("guess", code, { guess, class: place }));
  } catch (error) {
    complain(error);
  }
});

// Before the board hears of a key: a guess lies over it.
window.addEventListener("keydown", (event) => {
  if (sheet.isOpen && event.key !== "Tab" && event.key !== "Enter") event.stopImmediatePropagation();
}, { capture: true });

function show(section) {
  for (const name of SECTIONS) part[name].hidden = name !== section;
  root.dataset.phase = section;
  head.hidden = section === "join" || section === "over";
}

function complain(error) {
  part.trouble.hidden = false;
  say(part.trouble, error.kind ? sentence(error.message)
    : gettext("No connection. What you have answered is kept; trying again."));
}

async function poll() {
  clearTimeout(timer);
  if (!asking && code && !document.hidden) {
    asking = true;
    try {
      follow(await ask("state", code, { board: !board }));
      part.trouble.hidden = true;
    } catch (error) {
      if (error.kind === "UnknownSession") refuse(error.message);
      else complain(error);
    }
    asking = false;
  }
  timer = setTimeout(poll, state?.phase === "running" ? RUNNING : WAITING);
}

function refuse(reason) {
  say(part.refusal, sentence(reason));
  part.codefield.hidden = false;
  leaveBoard();
  show("join");
}

// Draw what the server says.
function follow(told) {
  state = told;
  offset = told.now - Date.now() / 1000;
  if (told.phase === "removed") {
    end(gettext("You were removed"), gettext("Ask your teacher, if you do not know why."));
  }
  else if (told.phase === "over") {
    end(gettext("The session is over"), told.name
      ? gettext("Look at the wall: what did your labels buy?")
      : gettext("Ask your teacher for the next one."));
  } else if (told.name === null) offerToJoin();
  else attend(told);
}

function offerToJoin() {
  leaveBoard();
  if (part.join.hidden) {
    part.codefield.hidden = Boolean(code);
    part.join.elements.code.value = code;
    part.join.elements.name.value = knownName();
    show("join");
  }
}

function attend(told) {
  say(part.name, told.name);
  say(part.group, said(told.group ?? ""));
  if (told.phase === "lobby") {
    leaveBoard();
    say(part.greeting, told.name);
    say(part.count, String(told.students));
    say(part.countword, ngettext("is here", "are here", told.students));
    show("lobby");
  } else if (told.phase === "countdown") show("countdown");
  else label(told);
  tick();
}

function label(told) {
  show("labeling");
  if (told.board && boardOf !== told.board.project) {
    leaveBoard();
    boardOf = told.board.project;
    board = new Board(part.labeling.querySelector(".board"), told.board, () => {});
  } else if (board) board.delivery.freshTicket(told.ticket);
  sheet.draw(told.guess ?? null, board ? board.classes.map((c) => c.name) : []);
}

function leaveBoard() {
  sheet.draw(null, []);
  board?.destroy(); // its outbox goes on until all is sent
  board = null;
  boardOf = null;
}

function end(word, thanks) {
  const mine = board?.delivery.saved ?? 0;
  leaveBoard();
  say(part.overword, word);
  if (root.dataset.phase !== "over") {
    say(part.thanks, mine
      ? [ngettext("You gave {n} answer.", "You gave {n} answers.", mine), thanks].join(" ") : thanks);
  }
  show("over");
}

// The clock, between the server's answers.
function tick() {
  if (!state) return;
  const now = Date.now() / 1000 + offset;
  if (state.phase === "countdown") {
    const left = Math.ceil(state.starts_at - now);
    say(part.seconds, String(Math.max(1, left)));
    if (left <= 0) poll();
  }
  const left = state.ends_at === null ? null : Math.max(0, Math.ceil(state.ends_at - now));
  say(part.time, left === null ? ""
    : `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`);
  if (left === 0 && state.phase === "running") poll();
}

part.join.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { code: typed, name } = part.join.elements;
  const button = part.join.querySelector("[type=submit]");
  code = typed.value.trim() || code;
  say(part.refusal, "");
  if (!code) return say(part.refusal, gettext("Type the code that stands on the wall."));
  if (!name.value.trim()) return say(part.refusal, gettext("Type a name."));
  button.disabled = true;
  try {
    const told = await ask("join", code, { name: name.value, board: true });
    knowName(name.value.trim());
    part.trouble.hidden = true;
    follow(told);
    poll(); // from now on again and again
  } catch (error) {
    if (error.kind === "UnknownSession") refuse(error.message);
    else say(part.refusal, error.kind ? sentence(error.message) : gettext("No connection. Try again."));
  }
  button.disabled = false;
  return undefined;
});

document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
window.addEventListener("pageshow", (event) => { if (event.persisted) poll(); });
part.join.append(languageField());
setInterval(tick, 250);
if (code) poll();
else offerToJoin();
