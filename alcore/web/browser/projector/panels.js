// What stands beside the curve: accuracies at as many labels, who labels how much, the image that
// most is disputed about; and the guess.

import { element, say } from "../shared/dom.js";
import { gettext, ngettext, said } from "../shared/language.js";
import { shownPlaces } from "../shared/shares.js";
import { labels, percent, wholePercent } from "../shared/text.js";
import { accuracyAt } from "./record.js";

export const COLOURS = ["#3f4fbf", "#c2410c", "#0f766e", "#a21caf"];
const MOST_PEOPLE = 36;

// shown: as Record.at; told: the record.
export function drawFigures(part, told, shown) {
  const last = told.groups.map((_, i) => shown.models.filter((m) => m[1] === i).at(-1) ?? null);
  const lines = told.groups.map((group, i) => figure(said(group.name), last[i], COLOURS[i]));
  const reference = last.reduce((most, m) => (m && (!most || m[3] > most[3]) ? m : most), null);
  say(part.figuresword, reference
    ? gettext("At {labels}", { labels: labels(reference[3]) }) : gettext("No model yet"));
  for (const [name, curve] of Object.entries(told.simulated.curves)) {
    const accuracy = reference && accuracyAt(curve, reference[3]);
    lines.push(simulatedLine(said(name), reference, accuracy));
  }
  if (told.simulated.progress !== null) {
    lines.push(element("li", { className: "soft",
      textContent: gettext("Simulating others: {share}",
        { share: wholePercent(told.simulated.progress) }) }));
  } else if (!told.simulated.key) {
    lines.push(element("li", { className: "soft",
      textContent: gettext("No answer key, so nothing to compare with.") }));
  }
  part.figures.replaceChildren(...lines);
}

function figure(name, model, colour) {
  const value = element("b", { textContent: model?.[4] == null ? "–" : percent(model[4]) });
  value.style.color = colour;
  const range = model?.[5] == null ? gettext("the first model comes soon")
    : gettext("model {number}, {labels}; {low} to {high}", { number: model[2], labels: labels(model[3]),
      low: wholePercent(model[5]), high: wholePercent(model[6]) });
  return element("li", {}, element("span", { textContent: name },
  ), value, element("small", { textContent: range }));
}

function simulatedLine(name, reference, accuracy) {
  return element("li", { className: "soft" },
    element("span", { textContent: gettext("{name}, simulated", { name }) }),
    element("b", { textContent: reference && accuracy !== null ? percent(accuracy) : "–" }));
}

export function drawPeople(part, told, shown, onRemove) {
  const there = told.students.filter((one) => !one.removed);
  const sorted = there.map((one) => ({ ...one, labels: shown.counts.get(one.id) ?? 0 }))
    .sort((a, b) => b.labels - a.labels || a.name.localeCompare(b.name));
  const most = Math.max(1, ...sorted.map((one) => one.labels));
  const students = ngettext("{n} student", "{n} students", there.length);
  say(part.peopleword, gettext("{labels} by {students}", { labels: labels(shown.labels), students }));
  part.people.replaceChildren(...sorted.slice(0, MOST_PEOPLE).map((one) => {
    const bar = element("i");
    bar.style.width = `${(100 * one.labels) / most}%`;
    bar.style.setProperty("--group", COLOURS[one.group]);
    const line = element("li", { className: one.here === false ? "away" : "" },
      element("span", { textContent: one.name, title: one.name }), element("span", {}, bar),
      element("span", { textContent: String(one.labels) }));
    if (onRemove) line.addEventListener("dblclick", () => onRemove(one));
    return line;
  }));
}

export function drawNames(part, told, onRemove) {
  const there = told.students.filter((one) => !one.removed);
  say(part.joined, there.length ? gettext("{n} in the room", { n: there.length })
    : gettext("Nobody is here yet"));
  const version = JSON.stringify(there.map((one) => [one.id, one.here, one.group]));
  if (part.names.version === version) return;
  part.names.version = version;
  part.names.replaceChildren(...there.map((one) => {
    const button = element("button", { type: "button", textContent: one.name,
      title: gettext("Remove from the session"), className: one.here === false ? "away" : "" });
    button.style.setProperty("--group", COLOURS[one.group]);
    button.addEventListener("click", () => onRemove(one));
    return element("li", {}, button);
  }));
}

export function drawDisputed(part, told, shown, colours) {
  const [first] = shown.disputes;
  const src = first && told.pictures[first.position];
  const version = JSON.stringify([first, Boolean(src)]);
  if (part.disputed.version === version) return;
  part.disputed.version = version;
  if (!first) {
    part.disputed.replaceChildren(element("p", { className: "empty",
      textContent: gettext("Nothing yet. One image in five is shown to three students of a group.") }));
    return;
  }
  const picture = element("img", { alt: gettext("The image that students most disagree about") });
  if (src) picture.src = src;
  else picture.style.visibility = "hidden"; // its address comes with the next answer
  const all = first.votes.reduce((sum, [, n]) => sum + n, 0);
  part.disputed.replaceChildren(picture, element("ol", { className: "votes" },
    ...first.votes.map(([place, n]) => {
      const bar = element("i");
      bar.style.width = `${(100 * n) / all}%`;
      bar.style.background = colours[place];
      return element("li", {}, element("span", { textContent: told.classes[place] }),
        element("span", { textContent: String(n) }), bar);
    })));
}

// guess: of the record, or null; now: the instant that is shown.
export function drawGuess(part, told, guess, now) {
  if (!guess) return;
  const isShown = guess.shown_at !== null && guess.shown_at <= now;
  const src = told.pictures[guess.position];
  if (src && part.picture.getAttribute("src") !== src) part.picture.src = src;
  say(part.asked, isShown ? gettext("What the class says, and the model")
    : gettext("Guess: what is this?"));
  if (!isShown) {
    const there = told.students.filter((one) => !one.removed).length;
    part.bars.replaceChildren(element("p", { className: "count",
      textContent: gettext("{n} of {students} have guessed.", { n: guess.answers, students: there }) }));
    return;
  }
  part.bars.replaceChildren(barsTable(told, guess));
}

function barsTable(told, { votes, bars, true: truth }) {
  const all = Math.max(1, votes.reduce((a, b) => a + b, 0));
  const best = bars.find(Boolean)
    ?.map((_, place) => Math.max(...bars.map((one) => one?.[place] ?? 0)));
  const models = told.groups.map((g) => (told.groups.length > 1 ? said(g.name) : gettext("Model")));
  const head = element("tr", {}, ...["", gettext("Class"), ...models].map(
    (textContent) => element("th", { textContent, scope: "col" })));
  const rows = shownPlaces(best, votes, 8).map((place) => element("tr", {},
    element("th", { scope: "row", className: place === truth ? "true" : "",
      textContent: place === truth ? `${told.classes[place]} ✓` : told.classes[place] }),
    cell(votes[place] / all, "#565b6b"),
    ...bars.map((one, i) => (one ? cell(one[place], COLOURS[i])
      : element("td", { textContent: "–" })))));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function cell(share, colour) {
  const bar = element("i");
  bar.style.width = `${50 * share}%`;
  bar.style.background = colour;
  return element("td", {}, bar, wholePercent(share));
}
