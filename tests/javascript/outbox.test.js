// Owns the proof that the outbox loses nothing, doubles nothing and keeps the order, against a
// real HTTP server. Node brings storage and locks; a page's own events are an EventTarget here.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, afterEach, before, test } from "node:test";

const page = new EventTarget();
globalThis.addEventListener = page.addEventListener.bind(page);
const { Outbox } = await import("../../alcore/web/browser/shared/outbox.js");

let server;
let base;
let answer; // (path, body) -> [status, answer]
let received;

before(async () => {
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (part) => { text += part; });
    request.on("end", () => {
      const body = JSON.parse(text);
      received.push({ path: request.url, body, ticket: request.headers["x-alcore-ticket"] });
      const [status, content] = answer(request.url, body);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(content));
    });
  });
  await new Promise((ready) => { server.listen(0, "127.0.0.1", ready); });
  base = `http://127.0.0.1:${server.address().port}`;
});

after(() => server.close());

afterEach(() => localStorage.clear());

let scopes = 0;

// An outbox of a scope of its own, and what it tells; status: of each answer of the server.
function open(reply = () => [200, { ok: true }], scope = `scope${(scopes += 1)}`) {
  received = [];
  answer = reply;
  const events = [];
  const link = { base, ticket: "first" };
  const outbox = new Outbox(scope, link, (event, op, detail) => events.push([event, op, detail]));
  return { outbox, events, link, scope };
}

async function until(what, patience = 5000) {
  const end = performance.now() + patience;
  while (!what()) {
    assert.ok(performance.now() < end, `never: ${what}`);
    await new Promise((later) => { setTimeout(later, 5); });
  }
}

const kinds = (events) => events.map(([event]) => event);
const stored = (scope) => Object.keys(localStorage).filter((row) => row.includes(`:${scope}:`));

test("operations arrive in order, one at a time, and leave nothing behind", async () => {
  const { outbox, events, scope } = open();
  for (const key of ["a", "b", "c"]) outbox.push("answer", { key });
  assert.equal(stored(scope).length, 3);
  await until(() => !outbox.ops.length);
  assert.deepEqual(received.map((r) => [r.path, r.body.key]),
    [["/answer", "a"], ["/answer", "b"], ["/answer", "c"]]);
  assert.deepEqual(kinds(events).filter((kind) => kind === "done").length, 3);
  assert.deepEqual(stored(scope), []);
});

test("what the server cannot take now is sent again until it is acknowledged", async () => {
  const statuses = [503, 429, 200];
  const { outbox, events } = open(() => [statuses.shift() ?? 200, {}]);
  outbox.push("answer", { key: "a" });
  outbox.push("answer", { key: "b" });
  await until(() => outbox.trouble);
  await until(() => !outbox.ops.length);
  assert.deepEqual(received.map((r) => r.body.key), ["a", "a", "a", "b"]);
  assert.equal(outbox.trouble, false);
  assert.ok(!kinds(events).includes("dropped"));
});

test("what the server refuses is dropped with its reason, and the next one is sent", async () => {
  const refusal = [409, { error: "LeaseExpired", message: "too late" }];
  const { outbox, events, scope } = open((_, { key }) => (key === "a" ? refusal : [200, {}]));
  outbox.push("answer", { key: "a" });
  outbox.push("answer", { key: "b" });
  await until(() => !outbox.ops.length);
  const [, op, error] = events.find(([event]) => event === "dropped");
  assert.deepEqual([op.body.key, error.kind, error.message], ["a", "LeaseExpired", "too late"]);
  assert.deepEqual(received.map((r) => r.body.key), ["a", "b"]);
  assert.deepEqual(stored(scope), []);
});

test("an old ticket holds everything until a fresh one wakes it", async () => {
  const old = [401, { error: "InvalidTicket", message: "this page is old" }];
  const { outbox, events, link } = open(() => (link.ticket === "fresh" ? [200, {}] : old));
  outbox.push("answer", { key: "a" });
  await until(() => outbox.locked);
  outbox.push("answer", { key: "b" });
  assert.deepEqual(kinds(events), ["change", "locked", "change"]);
  assert.equal(events[1][2].message, "this page is old");
  assert.equal(outbox.ops.length, 2);
  link.ticket = "fresh";
  outbox.wake();
  await until(() => !outbox.ops.length);
  assert.deepEqual(received.map((r) => [r.body.key, r.ticket]),
    [["a", "first"], ["a", "fresh"], ["b", "fresh"]]);
});

test("what is not the server's own answer drops nothing", async () => {
  const statuses = [401, 403, 404, 421];
  const { outbox, events } = open(() => {
    const status = statuses.shift() ?? 200;
    return [status, status === 421 ? { error: "WrongAddress", message: "set Host" } : {}];
  });
  outbox.push("answer", { key: "a" });
  await until(() => !outbox.ops.length, 10_000);
  assert.equal(received.length, 5);
  assert.deepEqual(kinds(events).filter((kind) => ["dropped", "locked"].includes(kind)), []);
});

test("the network's return ends the wait", async () => {
  let down = true;
  const { outbox } = open(() => [down ? 503 : 200, {}]);
  outbox.push("answer", { key: "a" });
  await until(() => received.length === 4 && !outbox.sending); // the next try is 2.4 s away
  down = false;
  page.dispatchEvent(new Event("online"));
  await until(() => !outbox.ops.length, 1500);
});

test("what a page that is gone has left is sent before what is given now", async () => {
  const scope = "left";
  const row = (number, key) => localStorage.setItem(`alcore:op:${scope}:gone:0000000${number}`,
    JSON.stringify({ kind: "answer", body: { key }, shown: {} }));
  row(1, "second");
  row(0, "first");
  localStorage.setItem("alcore:op:other:gone:00000000",
    JSON.stringify({ kind: "answer", body: { key: "of another" }, shown: {} }));
  const { outbox } = open(() => [200, {}], scope);
  await until(() => received.length === 2);
  outbox.push("answer", { key: "third" });
  await until(() => !outbox.ops.length);
  assert.deepEqual(received.map((r) => r.body.key), ["first", "second", "third"]);
  assert.deepEqual(stored(scope), []);
  assert.equal(stored("other").length, 1);
});

test("what a page that lives is sending is left to it", async () => {
  const scope = "alive";
  let end;
  const held = new Promise((done) => { end = done; });
  let holds = false;
  navigator.locks.request("alcore:page:living", () => {
    holds = true;
    return held;
  });
  await until(() => holds);
  localStorage.setItem(`alcore:op:${scope}:living:00000000`,
    JSON.stringify({ kind: "answer", body: { key: "theirs" }, shown: {} }));
  const { outbox } = open(() => [200, {}], scope);
  outbox.push("answer", { key: "mine" });
  await until(() => !outbox.ops.length);
  await new Promise((later) => { setTimeout(later, 50); });
  assert.deepEqual(received.map((r) => r.body.key), ["mine"]);
  assert.equal(stored(scope).length, 1);
  end();
});

test("what a listener makes of an answer does not hold up what comes after it", async () => {
  received = [];
  answer = () => [200, {}];
  const outbox = new Outbox("failing", { base, ticket: "first" }, (event, op) => {
    if (event === "done" && op.body.key === "a") throw new Error("cannot be drawn");
  });
  outbox.push("comment", { key: "a" });
  outbox.push("answer", { key: "b" });
  await until(() => !outbox.ops.length);
  assert.deepEqual(received.map((r) => r.body.key), ["a", "b"]);
  assert.equal(outbox.trouble, false);
});

test("without storage answers are delivered, and said not to be kept", async () => {
  const { setItem } = Storage.prototype;
  Storage.prototype.setItem = () => { throw new Error("switched off"); };
  try {
    const { outbox } = open();
    outbox.push("answer", { key: "a" });
    assert.equal(outbox.kept, false);
    await until(() => !outbox.ops.length);
    assert.deepEqual(received.map((r) => r.body.key), ["a"]);
  } finally {
    Storage.prototype.setItem = setItem;
  }
});

test("a database that another program holds is told apart from a server that is gone", async () => {
  const busy = { error: "WorkspaceBusy", message: "in use" };
  let reply = [503, busy];
  const { outbox, events } = open(() => reply);
  outbox.push("answer", { key: "a" });
  await until(() => outbox.trouble);
  assert.equal(outbox.cause, "the database is in use by another program");
  assert.equal(outbox.ops.length, 1);
  reply = [200, { ok: true }];
  await until(() => kinds(events).includes("done"));
  assert.equal(outbox.busy, false);
  reply = [502, {}];
  outbox.push("answer", { key: "b" });
  await until(() => outbox.trouble);
  assert.equal(outbox.cause, "no connection");
  reply = [200, { ok: true }];
  await until(() => !outbox.ops.length);
});
