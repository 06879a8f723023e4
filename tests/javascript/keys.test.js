// Owns the proof that a key press means what is printed, on every keyboard.

import assert from "node:assert/strict";
import { test } from "node:test";

import { actionOf, bindKeys, printed, spoken } from "../../alcore/web/browser/shared/keys.js";

const apple = { id: 1, name: "apple" };
const banana = { id: 2, name: "banana" };
const layout = {
  classes: { 1: ["1", "a"], 2: ["⇧2", "b"] },
  actions: { skip: ["Space"], undo: ["Backspace"], unsure: ["u"], doubt: ["⇧u"], help: ["h"] },
};
const bound = bindKeys(layout, new Map([[1, apple], [2, banana]]));
const press = (key, code = "", more = {}) => actionOf({ key, code, ...more }, bound);

test("a class has its digit and its letter, an action its key", () => {
  assert.deepEqual(press("1", "Digit1"), { do: "label", class: apple });
  assert.deepEqual(press("a", "KeyA"), { do: "label", class: apple });
  assert.deepEqual(press(" ", "Space"), { do: "skip" });
  assert.deepEqual(press("Escape", "Escape"), { do: "close" });
  assert.equal(press("x", "KeyX"), null);
});

test("a class that is gone leaves its key without meaning", () => {
  const rest = bindKeys(layout, new Map([[1, apple]]));
  assert.equal(actionOf({ key: "b", code: "KeyB" }, rest), null);
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

test("keys are printed as on a keyboard and spoken in words", () => {
  assert.deepEqual(["u", "ArrowLeft", "Space", "⇧3"].map(printed), ["U", "←", "Space", "⇧3"]);
  assert.deepEqual(["Space", "⇧3"].map(spoken), ["space", "Shift+3"]);
});
