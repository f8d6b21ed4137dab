// Tests how the provider handles each response. They need no network.
import assert from "node:assert/strict";
import { test } from "node:test";

import { logMistakes } from "../src/log_mistakes.js";
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

test("a mistake is logged with its stack, and an error of the contract is not", () => {
  const lines = [];
  const provider = logMistakes(
    {
      health() {
        return undefined.x;
      },
      connect() {
        throw { tag: "unauthorized", val: "" };
      },
    },
    (level, line) => lines.push(`${level} ${line}`),
  );
  assert.throws(() => provider.health(), TypeError);
  assert.match(lines[0], /^error health failed: TypeError/);
  assert.ok(lines.some((line) => line.includes("provider.test.js")), "the stack names the file");
  const before = lines.length;
  assert.throws(() => provider.connect(), (error) => error.tag === "unauthorized");
  assert.equal(lines.length, before);
});
