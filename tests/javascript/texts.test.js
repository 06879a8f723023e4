// Owns the proof of what is said beside the image.

import assert from "node:assert/strict";
import { test } from "node:test";

import { rankedBy, whyText } from "../../alcore/web/browser/board/reasons.js";
import { questionIn } from "../../alcore/web/browser/board/side.js";
import { unshownText } from "../../alcore/web/browser/board/stage.js";
import { modelName } from "../../alcore/web/browser/shared/text.js";

test("the question is the one that the guidelines begin with, else a general one", () => {
  assert.equal(questionIn("Which digit is it? Skip scribbles."), "Which digit is it?");
  assert.equal(questionIn("  Is it sound?\nCracks count."), "Is it sound?");
  for (const text of ["", "Label carefully.\nIn doubt? Skip.", "?", "a".repeat(300) + "?"]) {
    assert.equal(questionIn(text), "Which class is this?");
  }
});

test("an image that cannot be shown says which, why, and how to go on", () => {
  const gone = "the folder /birds is no longer there: its disk is not connected";
  assert.equal(unshownText(gone), `This picture cannot be shown: ${gone}. An owner of the project `
    + "can put it back, or name its new place on the Set-up page. Press Space to go on with the "
    + "next one.");
  assert.equal(unshownText("a.png was changed since it was imported"), "This picture cannot be "
    + "shown: a.png was changed since it was imported. Press Space to go on with the next one.");
  assert.equal(unshownText(undefined), "This picture cannot be shown. Press Space to go on with "
    + "the next one.");
});

test("what ranked before there is a model is a head on features", () => {
  assert.equal(modelName(null, 12), "a head on features, 12 labels");
  assert.equal(modelName(7, 12), "model 7 + instant, 12 labels");
  assert.equal(rankedBy({ round: null, instant: 2 }, null), "Ranked by a head on features, 2 labels.");
  assert.match(rankedBy({ round: null, instant: null }, null), /no model yet/);
  const why = { reason: "small margin", origin: "query", strategy: "margin", model: null, instant: 2 };
  assert.equal(whyText(why), "Small margin. Strategy margin, a head on features, 2 labels.");
});
