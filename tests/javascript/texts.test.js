// Owns the proof of what is said beside the image.

import assert from "node:assert/strict";
import { test } from "node:test";

import { questionIn } from "../../alcore/web/browser/board/side.js";

test("the question is the one that the guidelines begin with, else a general one", () => {
  assert.equal(questionIn("Which digit is it? Skip scribbles."), "Which digit is it?");
  assert.equal(questionIn("  Is it sound?\nCracks count."), "Is it sound?");
  for (const text of ["", "Label carefully.\nIn doubt? Skip.", "?", "a".repeat(300) + "?"]) {
    assert.equal(questionIn(text), "Which class is this?");
  }
});
