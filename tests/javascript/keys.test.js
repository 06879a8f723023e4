// Owns the proof that a key press means what is printed, on every keyboard.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Keyboard, bindKeys, printed, spoken } from "../../alcore/web/browser/shared/keys.js";

const apple = { id: 1, name: "apple" };
const banana = { id: 2, name: "banana" };
const layout = {
  classes: { 1: ["1", "a"], 2: ["⇧2", "b"] },
  actions: { skip: ["Space"], undo: ["Backspace"], unsure: ["u"], doubt: ["⇧u"], help: ["h"] },
};
const bound = bindKeys(layout, new Map([[1, apple], [2, banana]]));
const press = (key, code = "", more = {}, keyboard = new Keyboard()) => (
  keyboard.action({ key, code, ...more }, bound));

test("a class has its digit and its letter, an action its key", () => {
  assert.deepEqual(press("1", "Digit1"), { do: "label", class: apple });
  assert.deepEqual(press("a", "KeyA"), { do: "label", class: apple });
  assert.deepEqual(press(" ", "Space"), { do: "skip" });
  assert.deepEqual(press("Escape", "Escape"), { do: "close" });
  assert.equal(press("x", "KeyX"), null);
});

test("a class that is gone leaves its key without meaning", () => {
  const rest = bindKeys(layout, new Map([[1, apple]]));
  assert.equal(new Keyboard().action({ key: "b", code: "KeyB" }, rest), null);
});

test("digits go by their place where the row types other signs", () => {
  assert.deepEqual(press("&", "Digit1"), { do: "label", class: apple });
});

test("shift and a digit mean what lies behind shift, else the digit that is typed", () => {
  assert.deepEqual(press("@", "Digit2", { shiftKey: true }), { do: "label", class: banana });
  assert.deepEqual(press("1", "Digit1", { shiftKey: true }), { do: "label", class: apple });
  assert.equal(press("!", "Digit1", { shiftKey: true }), null);
});

test("shift tells two meanings of a letter apart, and caps lock does not", () => {
  assert.deepEqual(press("U", "KeyU", { shiftKey: true }), { do: "doubt" });
  assert.deepEqual(press("U", "KeyU"), { do: "unsure" });
});

test("shift with a named key or on the number pad means nothing", () => {
  assert.equal(press("Backspace", "Backspace", { shiftKey: true }), null);
  assert.equal(press("End", "Numpad1", { shiftKey: true }), null);
});

test("a held key, one that composes a character and one with alt mean nothing", () => {
  for (const more of [{ repeat: true }, { isComposing: true }, { altKey: true }]) {
    assert.equal(press("1", "Digit1", more), null);
  }
});

test("ctrl or command and Z undo; with both, with shift, or with other keys they do not", () => {
  assert.deepEqual(press("z", "KeyZ", { ctrlKey: true }), { do: "undo" });
  assert.deepEqual(press("z", "KeyZ", { metaKey: true }), { do: "undo" });
  assert.equal(press("z", "KeyZ", { ctrlKey: true, metaKey: true }), null);
  assert.equal(press("Z", "KeyZ", { ctrlKey: true, shiftKey: true }), null);
  assert.equal(press("a", "KeyA", { ctrlKey: true }), null);
});

test("a letter of another script means the key at its place", () => {
  for (const [key, code] of [["г", "KeyU"], ["Г", "KeyU"], ["θ", "KeyU"], ["ע", "KeyU"],
    ["ع", "KeyU"], ["ㅕ", "KeyU"], ["Process", "KeyU"]]) {
    assert.deepEqual(press(key, code), { do: "unsure" }, key);
  }
  assert.deepEqual(press("Г", "KeyU", { shiftKey: true }), { do: "doubt" });
  assert.deepEqual(press("р", "KeyH"), { do: "help" });
  assert.deepEqual(press("я", "KeyZ", { ctrlKey: true }), { do: "undo" });
  assert.deepEqual(press("я", "KeyZ", { metaKey: true }), { do: "undo" });
});

test("a Latin letter means itself wherever it lies", () => {
  assert.deepEqual(press("z", "KeyY", { ctrlKey: true }), { do: "undo" }); // German
  assert.equal(press("y", "KeyZ", { ctrlKey: true }), null);
  assert.deepEqual(press("a", "KeyQ"), { do: "label", class: apple }); // French
  assert.equal(press("q", "KeyA"), null);
});

test("a class with the typed letter goes before the key at its place", () => {
  const pear = { id: 3, name: "груша" };
  const more = { classes: { 3: ["1", "г"] }, actions: layout.actions };
  const bound3 = bindKeys(more, new Map([[3, pear]]));
  const typed = new Keyboard().action({ key: "г", code: "KeyU" }, bound3);
  assert.deepEqual(typed, { do: "label", class: pear });
});

test("a sign on a letter's place means that letter, unless the layout has Latin letters", () => {
  const why = bindKeys({ classes: {}, actions: { why: ["w"], suggestion: ["m"] } }, new Map());
  const hebrew = new Keyboard();
  assert.deepEqual(hebrew.action({ key: "'", code: "KeyW" }, why), { do: "why" });
  const french = new Keyboard();
  french.action({ key: "b", code: "KeyB" }, why);
  assert.equal(french.action({ key: ",", code: "KeyM" }, why), null);
});

test("a sign that a layout has no key for lies where an English keyboard has it", () => {
  const search = bindKeys({ classes: {}, actions: { search: [","], file: ["/"] } }, new Map());
  const action = (key, code) => new Keyboard().action({ key, code }, search);
  assert.deepEqual(action("б", "Comma"), { do: "search" });
  assert.deepEqual(action("/", "Slash"), { do: "file" });
  assert.equal(action("m", "Comma"), null);
});

test("digits of every script count, on the number pad and from an input method", () => {
  for (const [key, code] of [["１", "Numpad1"], ["۱", "Numpad1"], ["١", "Digit1"], ["१", ""],
    ["𝟏", ""], ["𝟙", ""], ["꘡", ""]]) {
    assert.deepEqual(press(key, code), { do: "label", class: apple }, key);
  }
  const all = bindKeys({ classes: { 1: ["9"] }, actions: {} }, new Map([[1, apple]]));
  assert.deepEqual(new Keyboard().action({ key: "۹", code: "Numpad9" }, all).class, apple);
  assert.deepEqual(press("²", "Digit2", { shiftKey: true }), { do: "label", class: banana });
});

test("keys are printed as on a keyboard and spoken in words", () => {
  assert.deepEqual(["u", "ArrowLeft", "Space", "⇧3"].map(printed), ["U", "←", "Space", "⇧3"]);
  assert.deepEqual(["Space", "⇧3"].map(spoken), ["space", "Shift+3"]);
});
