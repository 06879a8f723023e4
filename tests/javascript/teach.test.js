// Owns the proof of what the page "Teach your own" says, counts and sends.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Refused } from "../../alcore/web/browser/shared/requests.js";
import { Rate } from "../../alcore/web/browser/teach/rate.js";
import { Sending, fitting } from "../../alcore/web/browser/teach/sending.js";
import { barsOf, cameraText, countText, learnedText, missingText, privateText, rateText, shareText,
  tenText } from "../../alcore/web/browser/teach/words.js";

const classes = [{ id: 1, name: "up" }, { id: 2, name: "down" }];
const settled = () => new Promise((done) => { setTimeout(done, 5); });

test("a camera that does not come is named, and upload stays", () => {
  assert.match(cameraText(null, false), /over HTTPS.*Upload works/);
  assert.match(cameraText({ name: "NotAllowedError" }, true), /allow it.*uploaded or dropped/);
  assert.match(cameraText({ name: "NotFoundError" }, true), /No camera was found/);
  assert.match(cameraText({ name: "Other" }, true), /gives no camera/);
});

test("without two classes that have pictures it says what is missing", () => {
  assert.match(missingText([], {}), /Add a class first/);
  assert.match(missingText([classes[0]], { 1: 5 }), /“up” alone.*second class/);
  assert.match(missingText(classes, {}), /two classes/);
  assert.match(missingText(classes, { 1: 5 }), /pictures of “down”/);
  assert.equal(missingText(classes, { 1: 5, 2: 1 }), "");
  assert.equal(missingText([...classes, { id: 3, name: "x" }], { 1: 5, 2: 1 }), "");
});

test("what was learned is counted, with what is to go and what was kept aside", () => {
  assert.equal(learnedText({ learned: {}, left: 0, kept: 0, right: 0 }), "");
  assert.equal(learnedText({ learned: { 1: 3, 2: 4 }, left: 1, kept: 0, right: 0 }),
    "Learned from 7 pictures; 1 picture to go.");
  assert.equal(learnedText({ learned: { 1: 3 }, left: 0, kept: 2, right: 1 }),
    "Learned from 3 pictures. Of 2 pictures kept aside it is right on 1.");
  assert.equal(countText(1, 0), "1 picture");
  assert.equal(countText(4, 2), "4 pictures + 2 on their way");
});

test("bars follow the classes of the page, and one without pictures has no share", () => {
  const bars = barsOf(classes, { 2: 0.75 });
  assert.deepEqual(bars.map((bar) => bar.share), [null, 0.75]);
  assert.deepEqual(bars.map((bar) => shareText(bar.share)), ["no pictures yet", "75 %"]);
});

test("it says where pictures stay, whoever can reach the app", () => {
  assert.match(privateText(false), /stay on this computer: no picture of a child/);
  assert.match(privateText(true), /the computer that alcore runs on.*While it stands in your class room/);
  assert.match(tenText({ round: null, instant: null }), /no ranking yet/);
  assert.match(tenText({ round: 2, instant: null }), /least sure.*at random/);
});

test("a rate is of the last three seconds, and nothing before two answers", () => {
  const rate = new Rate();
  assert.equal(rate.perSecond, 0);
  rate.add(0);
  assert.equal(rate.perSecond, 0);
  for (let at = 100; at <= 1000; at += 100) rate.add(at);
  assert.equal(rate.perSecond, 10);
  rate.add(4500);
  rate.add(5000);
  assert.equal(rate.perSecond, 2);
  rate.clear();
  assert.equal(rate.perSecond, 0);
  assert.equal(rateText(2.345), "2.3 looks a second.");
  assert.equal(rateText(12.4), "12 looks a second.");
  assert.equal(rateText(0), "");
});

test("a request has six pictures at most, fewer large ones, and one alone that was refused", () => {
  const small = Array.from({ length: 9 }, (_, i) => ({ key: String(i), data: "x" }));
  assert.equal(fitting(small).length, 6);
  const large = small.map((one) => ({ ...one, data: "x".repeat(1_000_000) }));
  assert.equal(fitting(large).length, 2);
  assert.deepEqual(fitting([{ key: "a", data: "x", alone: true }, ...small]).map((one) => one.key), ["a"]);
});

test("pictures are sent again until they are kept; one that is refused costs no other", async () => {
  const heard = [];
  let down = true;
  const sending = new Sending(async (some) => {
    if (down) {
      down = false;
      throw new Error("no connection");
    }
    if (some.some((one) => one.data === "bad")) throw new Refused(404, "UnreadableImage", "no picture");
  }, (event, some) => heard.push([event, some?.map((one) => one.key).join("")]));
  sending.add({ key: "a", data: "x", class: 1 }, { key: "b", data: "bad", class: 1 }, { key: "c", data: "x", class: 2 });
  assert.equal(sending.of(1).length, 2);
  await settled();
  assert.equal(sending.pictures.length, 3);
  assert.equal(sending.drop("a"), true);
  assert.equal(sending.drop("z"), false);
  await new Promise((done) => { setTimeout(done, 400); });
  assert.deepEqual(heard.filter(([event]) => ["kept", "refused"].includes(event)), [["refused", "b"], ["kept", "c"]]);
  assert.equal(sending.pictures.length, 0);
});
