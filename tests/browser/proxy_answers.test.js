// The console distinguishes responses of a proxy in front of the service from those of the service.
import assert from "node:assert/strict";
import http from "node:http";
import { after, test } from "node:test";

import { call } from "../../host/crates/console/web/api.js";
import { explainProblem } from "../../host/crates/console/web/problems.js";
import { isSelected } from "./lib/flow.js";

const answers = {};
const proxy = http.createServer((request, response) => {
  const [status, headers, body] = answers[request.url];
  response.writeHead(status, headers).end(body);
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
after(() => proxy.close());
// Without a selected test, nothing runs after them.
proxy.unref();

const { fetch: fetchUrl } = globalThis;
globalThis.fetch = (path, options) => fetchUrl(`http://127.0.0.1:${proxy.address().port}${path}`, options);

const explain = async (path) => {
  const problem = await call("GET", path).then(() => assert.fail("is a failure"), (error) => error);
  return { problem, ...explainProblem(problem) };
};

function check(sentence, body) {
  const name = `browser::proxy_answers::${sentence.replaceAll(" ", "_")}`;
  if (isSelected(name)) test(name, { timeout: 60_000 }, body);
}

const HTML = { "content-type": "text/html" };

check("a page of a proxy is shown as the answer of the proxy", async () => {
  for (const [status, words] of [
    [413, /does not accept a file of this size/],
    [502, /cannot reach it/],
    [503, /cannot reach it/],
    [504, /timed out/],
    [403, /rejected the request/],
    [500, /rejected the request/],
  ]) {
    answers[`/${status}`] = [status, HTML, `<html><h1>${status}</h1></html>`];
    const { problem, title, means, todo } = await explain(`/${status}`);
    assert.match(title, /^The proxy in front of Jackfield/);
    assert.match(title, words);
    assert.equal(problem.detail, `The proxy in front of Jackfield answered ${status}.`);
    assert.doesNotMatch(title + means + todo, /inside Jackfield|request id/);
  }
});

check("an answer of the service is shown as its own", async () => {
  const problem = (status, code, detail = "") => [
    status,
    { "content-type": "application/problem+json", "x-request-id": "1" },
    JSON.stringify({ status, code, detail, request_id: "1" }),
  ];
  answers["/problem"] = problem(502, "provider_error");
  assert.match((await explain("/problem")).title, /^The provider's answer/);
  answers["/empty"] = [500, { "x-request-id": "1" }, ""];
  assert.match((await explain("/empty")).title, /inside Jackfield/);
  answers["/forbidden"] = problem(403, "forbidden", "this requires the level executive; yours is member");
  assert.match((await explain("/forbidden")).todo, /Ask an Executive/);
});

check("behind a proxy that sends another host name the setting is named", async () => {
  const detail = "this request comes from a page of another site; if it comes from this service's own page, set " +
    "JACKFIELD_PUBLIC_URL to the address that the browser shows";
  answers["/other"] = [
    403,
    { "content-type": "application/problem+json", "x-request-id": "1" },
    JSON.stringify({ status: 403, code: "forbidden", detail }),
  ];
  const { title, todo } = await explain("/other");
  assert.match(title, /does not know this page's address/);
  assert.match(todo, /JACKFIELD_PUBLIC_URL/);
});
