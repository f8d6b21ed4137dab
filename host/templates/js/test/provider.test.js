// What the provider makes of each answer. Nothing leaves this machine.
import assert from "node:assert/strict";
import { test } from "node:test";

import { makeProvider } from "../src/provider.js";

const answering = (status, body, headers = []) =>
  makeProvider(() => ({ status, headers, body: new TextEncoder().encode(body) }));

test("connecting learns the company", () => {
  const outcome = answering(200, '{"company":"Acme Instruments"}').connect();
  assert.equal(outcome.val.orgName, "Acme Instruments");
});

test("each failure is told apart", () => {
  for (const [status, body, headers, tag] of [
    [401, "{}", [], "unauthorized"],
    [429, "", [{ name: "Retry-After", value: "7" }], "rate-limited"],
    [503, "<html>", [], "upstream"],
    [200, "<html>", [], "malformed"],
    [200, "{}", [], "malformed"],
  ]) {
    assert.throws(() => answering(status, body, headers).health(), (error) => error.tag === tag, `${status} ${body}`);
  }
});

test("a request without an answer keeps its reason", () => {
  const provider = makeProvider(() => {
    throw { payload: { tag: "timed-out" } };
  });
  assert.throws(() => provider.health(), (error) => error.tag === "http" && error.val.tag === "timed-out");
});
