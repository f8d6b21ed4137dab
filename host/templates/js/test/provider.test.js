// Tests how the provider handles each response. They need no network.
import assert from "node:assert/strict";
import { test } from "node:test";

import { makeProvider } from "../src/provider.js";

const respondWith = (status, body, headers = []) =>
  makeProvider(() => ({ status, headers, body: new TextEncoder().encode(body) }));

test("connect returns the company", () => {
  const outcome = respondWith(200, '{"company":"Acme Instruments"}').connect();
  assert.equal(outcome.val.orgName, "Acme Instruments");
});

test("each failure has its own error", () => {
  for (const [status, body, headers, tag] of [
    [401, "{}", [], "unauthorized"],
    [429, "", [{ name: "Retry-After", value: "7" }], "rate-limited"],
    [503, "<html>", [], "upstream"],
    [200, "<html>", [], "malformed"],
    [200, "{}", [], "malformed"],
  ]) {
    assert.throws(() => respondWith(status, body, headers).health(), (error) => error.tag === tag, `${status} ${body}`);
  }
});

test("the reason for a missing response is passed on", () => {
  const provider = makeProvider(() => {
    throw { payload: { tag: "timed-out" } };
  });
  assert.throws(() => provider.health(), (error) => error.tag === "http" && error.val.tag === "timed-out");
});
