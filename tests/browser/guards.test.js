// Each guard detects its violation, on a page that is made for it.
import assert from "node:assert/strict";
import http from "node:http";
import { after, test } from "node:test";

import { launch } from "./lib/chromium.js";
import { isSelected } from "./lib/flow.js";
import { Guards } from "./lib/guards.js";
import { startRecordingProxy } from "./lib/recording_proxy.js";
import { findFreePort } from "./lib/service.js";

const SECRET = "a-secret-with-symbols/+";

const createPage = (body, script = "") =>
  `<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,">
   <main><h1>A page</h1>${body}</main><script>${script}</script></html>`;

/** Each violation, by the path of its page: the page, and the expected finding. */
const VIOLATIONS = {
  "an error on the console": [createPage("", "console.error('it went wrong')"), /an error on the console .*it went wrong/],
  "an uncaught error": [
    createPage("", "setTimeout(() => { throw new Error('not caught') })"),
    /an error on .*not caught/,
  ],
  "an uncaught rejection": [createPage("", "Promise.reject(new Error('refused'))"), /an error on .*refused/],
  "an image of another origin": [
    createPage("<img alt='' src='http://127.0.0.1:9/x.png'>"),
    /a request to another origin: GET http:\/\/127.0.0.1:9/,
  ],
  "a script's request to another origin": [
    createPage("", "fetch('https://example.com/').catch(() => 0)"),
    /another origin: GET https:\/\/example.com/,
  ],
  "a popup to another origin": [
    createPage("", "open('https://example.com/popup')"),
    /another origin: GET https:\/\/example.com\/popup/,
  ],
  "a dialog of the browser": [createPage("", "alert('ran')"), /a dialog of the browser: ran/],
  "a field without a label": [createPage("<input type='text'>"), /axe-core on .*label/],
  "a text without contrast": [
    createPage("<p style='color:#ccc;background:#fff'>Hardly there</p>"),
    /axe-core on .*color-contrast/,
  ],
  "a missing space between sentences": [
    createPage("<p><span>It ends in 29 minutes</span>,<span>renewed by itself</span></p>"),
    /a space is missing on .*: ,renewed by itself/,
  ],
  "a missing space before a name": [
    createPage("<p>Give it access at<b>Xero</b></p>"),
    /a space is missing on .*: Give it access atXero/,
  ],
  "a secret in the document": [createPage(`<p>${SECRET}</p>`), /is in the document/],
  "a secret in a field": [createPage("<label>Key <input id='key'></label>", `key.value = '${SECRET}'`), /is in a field/],
  "a secret in the local storage": [
    createPage("", `localStorage.setItem('key', '${SECRET}')`),
    /is in the local storage/,
  ],
  "a secret in the session storage": [
    createPage("", `sessionStorage.setItem('${SECRET}', '1')`),
    /is in the session storage/,
  ],
  "a secret in the address": [
    createPage("", `history.replaceState(null, '', '?key=' + encodeURIComponent('${SECRET}'))`),
    /is in the address/,
  ],
  "a secret in the history": [createPage("", `history.replaceState({ key: '${SECRET}' }, '')`), /is in the history/],
  "a secret on the console": [createPage("", `console.log('${SECRET}')`), /is on the console/],
  "a secret in the URL of a request": [
    createPage("", `fetch('/echo?key=' + encodeURIComponent('${SECRET}'))`),
    /is in the URL of GET \/echo/,
  ],
  "a secret in the body of a request": [
    createPage("", `fetch('/echo', { method: 'POST', body: '${SECRET}' })`),
    /is in the request body of POST \/echo/,
  ],
  "a secret in a response": [createPage("", "fetch('/secret')"), /is in the response body of GET \/secret/],
  "a cookie in a response body": [createPage("", "fetch('/cookie')"), /the session's cookie is in the response body of GET \/cookie/],
  "a database in the browser": [createPage("", "indexedDB.open('kept')"), /the page has databases: kept/],
};

let browser;
let service;
let server;

async function setUp() {
  browser = await launch();
  server = http.createServer((request, response) => {
    if (request.url === "/secret") return response.end(JSON.stringify({ key: SECRET }));
    if (request.url === "/cookie")
      return response.setHeader("set-cookie", "jackfield=cookie-of-a-session; HttpOnly").end("cookie-of-a-session");
    if (request.url === "/rejected") return response.writeHead(422).end("{}");
    if (request.url.startsWith("/echo")) return response.end("ok");
    const [html] = VIOLATIONS[decodeURIComponent(request.url.slice(1))] ?? [createPage("<p>Clean</p>")];
    response.setHeader("content-type", "text/html; charset=utf-8").end(html);
  });
  const port = await findFreePort();
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const proxyPort = await findFreePort();
  service = {
    url: `http://127.0.0.1:${proxyPort}`,
    proxy: await startRecordingProxy(proxyPort, port),
    standIns: { consentOrigin: "http://127.0.0.1:1" },
  };
}

after(async () => {
  await browser?.close();
  await service?.proxy.stop();
  server?.closeAllConnections();
  server?.close();
});

/** Opens a page and fails with the findings of the guards. It waits until they contain `expected`, if given. */
async function openGuarded(path, { prepare, expected } = {}) {
  if (!browser) await setUp();
  const context = await browser.newContext();
  try {
    const guards = await Guards.watch(context, service);
    guards.secrets.add(SECRET, "the secret");
    const page = await context.newPage();
    await page.goto(`${service.url}/${encodeURIComponent(path)}`);
    await prepare?.(page, guards);
    await guards.checkPage(page);
    const start = Date.now();
    do {
      await guards.searchPage(page);
      await guards.assertClean().catch((error) => {
        if (!expected || expected.test(error.message) || Date.now() - start > 5_000) throw error;
      });
    } while (expected && Date.now() - start < 5_000);
  } finally {
    await context.close();
  }
}

function check(sentence, body) {
  const name = `browser::guards::${sentence.replaceAll(" ", "_")}`;
  if (isSelected(name)) test(name, { timeout: 60_000 }, body);
}

check("a page without violations passes", () => openGuarded("clean"));

check("every guard detects its violation", async () => {
  for (const [violation, [, expected]] of Object.entries(VIOLATIONS)) {
    const findings = await openGuarded(violation, { expected }).then(
      () => "nothing",
      (error) => error.message,
    );
    assert.match(findings, expected, violation);
  }
});

check("a rejected request is an error unless the flow expects it", async () => {
  const request = (page) => page.evaluate(() => fetch("/rejected").then((response) => response.status));
  await assert.rejects(openGuarded("clean", { prepare: request }), /status of 422/);
  const expect = async (page, guards) => {
    guards.expect(422, "/rejected");
    await request(page);
  };
  await openGuarded("clean", { prepare: expect });
  const never = openGuarded("clean", { prepare: (_, guards) => guards.expect(422, "/rejected") });
  await assert.rejects(never, /was expected to fail with 422, and did not/);
});
