// That the guards see what they are there for: each is broken on purpose, on a page that is made for it.
import assert from "node:assert/strict";
import http from "node:http";
import { after, test } from "node:test";

import { launch } from "./lib/chromium.js";
import { isChosen } from "./lib/flow.js";
import { Guards } from "./lib/guards.js";
import { freePort } from "./lib/program.js";
import { record } from "./lib/wire.js";

const SECRET = "a-secret-of-ten-letters/+";

const page = (body, script = "") =>
  `<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,">
   <main><h1>A page</h1>${body}</main><script>${script}</script></html>`;

/** What is broken, by its path: the page, and the words of the finding. */
const BROKEN = {
  "an error on the console": [page("", "console.error('it went wrong')"), /an error on the console .*it went wrong/],
  "an error that nobody caught": [
    page("", "setTimeout(() => { throw new Error('not caught') })"),
    /an error on .*not caught/,
  ],
  "a promise that nobody caught": [page("", "Promise.reject(new Error('refused'))"), /an error on .*refused/],
  "a picture of another origin": [
    page("<img alt='' src='http://127.0.0.1:9/x.png'>"),
    /a request to another origin: GET http:\/\/127.0.0.1:9/,
  ],
  "a request of a script to another origin": [
    page("", "fetch('https://example.com/').catch(() => 0)"),
    /another origin: GET https:\/\/example.com/,
  ],
  "a popup to another origin": [
    page("", "open('https://example.com/popup')"),
    /another origin: GET https:\/\/example.com\/popup/,
  ],
  "a box of the browser": [page("", "alert('ran')"), /a box of the browser: ran/],
  "a field without a label": [page("<input type='text'>"), /axe-core on .*label/],
  "a text without contrast": [
    page("<p style='color:#ccc;background:#fff'>Hardly there</p>"),
    /axe-core on .*color-contrast/,
  ],
  "words that run together": [
    page("<p><span>It ends in 29 minutes</span>,<span>renewed by itself</span></p>"),
    /words run together on .*: ,renewed by itself/,
  ],
  "a sentence and a name that run together": [
    page("<p>Give it access at<b>Xero</b></p>"),
    /words run together on .*: Give it access atXero/,
  ],
  "a secret in the document": [page(`<p>${SECRET}</p>`), /stands in the document/],
  "a secret in a field": [page("<label>Key <input id='key'></label>", `key.value = '${SECRET}'`), /stands in a field/],
  "a secret in the local storage": [
    page("", `localStorage.setItem('key', '${SECRET}')`),
    /stands in the local storage/,
  ],
  "a secret in the session storage": [
    page("", `sessionStorage.setItem('${SECRET}', '1')`),
    /stands in the session storage/,
  ],
  "a secret in the address": [
    page("", `history.replaceState(null, '', '?key=' + encodeURIComponent('${SECRET}'))`),
    /stands in the address/,
  ],
  "a secret in the history": [page("", `history.replaceState({ key: '${SECRET}' }, '')`), /stands in the history/],
  "a secret on the console": [page("", `console.log('${SECRET}')`), /stands on the console/],
  "a secret in the address of a request": [
    page("", `fetch('/echo?key=' + encodeURIComponent('${SECRET}'))`),
    /stands in the address of GET \/echo/,
  ],
  "a secret in the body of a request": [
    page("", `fetch('/echo', { method: 'POST', body: '${SECRET}' })`),
    /stands in the body of POST \/echo/,
  ],
  "a secret in an answer": [page("", "fetch('/secret')"), /stands in the answer of GET \/secret/],
  "a cookie in an answer": [page("", "fetch('/cookie')"), /the session's cookie stands in the answer of GET \/cookie/],
  "a database in the browser": [page("", "indexedDB.open('kept')"), /the page keeps databases: kept/],
};

let browser;
let service;
let server;

async function setUp() {
  browser = await launch();
  server = http.createServer((request, answer) => {
    if (request.url === "/secret") return answer.end(JSON.stringify({ key: SECRET }));
    if (request.url === "/cookie")
      return answer.setHeader("set-cookie", "jackfield=cookie-of-a-session; HttpOnly").end("cookie-of-a-session");
    if (request.url === "/refused") return answer.writeHead(422).end("{}");
    if (request.url.startsWith("/echo")) return answer.end("ok");
    const [html] = BROKEN[decodeURIComponent(request.url.slice(1))] ?? [page("<p>Well</p>")];
    answer.setHeader("content-type", "text/html; charset=utf-8").end(html);
  });
  const port = await freePort();
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const front = await freePort();
  service = {
    url: `http://127.0.0.1:${front}`,
    wire: await record(front, port),
    standIns: { consent: "http://127.0.0.1:1" },
  };
}

after(async () => {
  await browser?.close();
  await service?.wire.stop();
  server?.closeAllConnections();
  server?.close();
});

/** Opens a page and fails with what the guards find on it, for which it waits where something is `broken`. */
async function guard(path, { prepare, broken } = {}) {
  if (!browser) await setUp();
  const context = await browser.newContext();
  try {
    const guards = await Guards.watch(context, service);
    guards.secrets.add(SECRET, "the secret");
    const shown = await context.newPage();
    await shown.goto(`${service.url}/${encodeURIComponent(path)}`);
    await prepare?.(shown, guards);
    await guards.look(shown);
    const begun = Date.now();
    do {
      await guards.searchPage(shown);
      await guards.hold().catch((error) => {
        if (!broken || broken.test(error.message) || Date.now() - begun > 5_000) throw error;
      });
    } while (broken && Date.now() - begun < 5_000);
  } finally {
    await context.close();
  }
}

function check(sentence, body) {
  const name = `browser::guards::${sentence.replaceAll(" ", "_")}`;
  if (isChosen(name)) test(name, { timeout: 60_000 }, body);
}

check("a page that does nothing wrong passes", () => guard("well"));

check("every guard finds what it is there for", async () => {
  for (const [what, [, words]] of Object.entries(BROKEN)) {
    const held = await guard(what, { broken: words }).then(
      () => "nothing",
      (error) => error.message,
    );
    assert.match(held, words, what);
  }
});

check("a refusal is an error unless the flow expects it", async () => {
  const ask = (shown) => shown.evaluate(() => fetch("/refused").then((answer) => answer.status));
  await assert.rejects(guard("well", { prepare: ask }), /status of 422/);
  const expect = async (shown, guards) => {
    guards.expect(422, "/refused");
    await ask(shown);
  };
  await guard("well", { prepare: expect });
  const never = guard("well", { prepare: (_, guards) => guards.expect(422, "/refused") });
  await assert.rejects(never, /was to be refused with 422, and was not/);
});
