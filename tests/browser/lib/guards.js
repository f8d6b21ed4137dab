// What no flow may do, whatever it is about: errors, requests elsewhere, findings of axe-core, secrets that show, words
// that run together.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { mark } from "./program.js";
import { CARRIED, Secrets } from "./secrets.js";
import { answered, asked } from "./wire.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Rules beyond axe-core's own choice: WCAG 2.2 asks for targets of 24 pixels. */
const AXE_OPTIONS = { rules: { "target-size": { enabled: true } }, resultTypes: ["violations"] };

/** Where a provider's redirect brings a code. */
const CALLBACKS = new Set(["/oauth/callback", "/signin/oidc/callback"]);

const REFUSED = /^Failed to load resource: the server responded with a status of (\d+)/;

/** Watches a browser's context from its beginning to [`Guards.hold`]. */
export class Guards {
  findings = [];
  #expected = [];
  #allowed = [];
  #since;
  #accessibility = new Map();

  /** Watches every page of a context that speaks to a service. */
  static async watch(context, service, secrets = new Secrets()) {
    const guards = new Guards();
    guards.secrets = secrets;
    guards.context = context;
    guards.service = service;
    guards.#since = service.wire.exchanges.length;
    const own = new URL(service.url).origin;
    await context.route(
      (url) => url.origin !== own,
      (route) => guards.#elsewhere(route),
    );
    context.on("page", (page) => guards.#watchPage(page));
    return guards;
  }

  /** Says that the service refuses a request on purpose, which Chromium writes to its console as an error. */
  expect(status, path) {
    this.#expected.push({ status, path, seen: 0 });
  }

  /** Lets one address of another origin be opened, by a link that the page shows. */
  allow(url) {
    this.#allowed.push(url);
  }

  /** Looks for secrets in a page, for findings of axe-core, and at its words. Call it on every page that a flow comes by. */
  async look(page, { axe = true } = {}) {
    if (axe) await this.runAxe(page);
    await this.searchPage(page);
    await this.#readWords(page);
  }

  /** Looks for secrets in all that a page and its storage hold. */
  async searchPage(page) {
    for (const cookie of await this.context.cookies())
      this.secrets.add(cookie.value, `the cookie ${cookie.name}`, "never");
    const held = await page.evaluate(() => {
      // By number: `Object.entries` leaves out names that a storage has itself, such as `key`.
      const stored = (storage) =>
        Array.from({ length: storage.length }, (_, index) => storage.key(index))
          .map((name) => `${name}: ${storage.getItem(name)}`)
          .join("\n");
      const values = [...document.querySelectorAll("input, textarea, select")].map((input) => input.value);
      return {
        "the document": document.documentElement.outerHTML,
        "a field": JSON.stringify(values),
        "the local storage": stored(localStorage),
        "the session storage": stored(sessionStorage),
        "the address": location.href,
        "the history": JSON.stringify(history.state),
        "a name of the window": window.name,
        "a cookie that a script can read": document.cookie,
      };
    });
    for (const [where, text] of Object.entries(held)) {
      for (const name of this.secrets.within(text)) this.findings.push(`${name} stands in ${where} of ${page.url()}`);
    }
    const databases = await page.evaluate(async () => (await indexedDB.databases()).map((database) => database.name));
    if (databases.length) this.findings.push(`the page keeps databases: ${databases.join(", ")}`);
  }

  /** Looks for pieces of a sentence without a blank between them: a template drops one at the end of its line. */
  async #readWords(page) {
    const together = await page.evaluate(() => {
      const block = (node) => {
        let element = node.parentElement;
        while (element && getComputedStyle(element).display === "inline") element = element.parentElement;
        return element;
      };
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
      const found = [];
      let before = null;
      for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        // An element has no data of its own; a break parts what stands before and after it.
        if (text.nodeName === "BR") before = null;
        if (!text.data) continue;
        const isNext = before && block(before) === block(text);
        const isGlued =
          (/[,;:.?!]$/.test(before?.data) && /^\p{L}/u.test(text.data)) ||
          (/\p{Ll}$/u.test(before?.data) && /^\p{Lu}/u.test(text.data));
        if (isNext && isGlued) found.push(before.data.slice(-30) + text.data.slice(0, 30));
        before = text;
      }
      return found;
    });
    for (const words of together)
      this.findings.push(`words run together on ${new URL(page.url()).pathname}: ${words}`);
  }

  /** Fails with all that was found so far. */
  async hold() {
    for (const page of this.context.pages()) {
      if (new URL(page.url()).origin === new URL(this.service.url).origin) await this.searchPage(page);
    }
    this.#searchWire();
    for (const { status, path, seen } of this.#expected) {
      if (!seen) this.findings.push(`${path} was to be refused with ${status}, and was not`);
    }
    if (this.findings.length) throw new Error(`the guards found:\n  ${this.findings.join("\n  ")}`);
  }

  #watchPage(page) {
    page.on("console", (message) => {
      if (message.type() === "error" && !this.#isExpected(message)) {
        this.findings.push(`an error on the console of ${page.url()}: ${message.text()} ${message.location().url}`);
      }
      for (const name of this.secrets.within(message.text())) this.findings.push(`${name} stands on the console`);
    });
    page.on("pageerror", (error) => this.findings.push(`an error on ${page.url()}: ${error.stack ?? error}`));
    page.on("crash", () => this.findings.push(`${page.url()} crashed`));
    page.on("dialog", (dialog) => {
      this.findings.push(`a box of the browser: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
  }

  #isExpected(message) {
    const status = REFUSED.exec(message.text())?.[1];
    if (!status) return false;
    const { pathname } = new URL(message.location().url);
    const found = this.#expected.find(
      (expected) => String(expected.status) === status && matches(expected.path, pathname),
    );
    if (found) found.seen += 1;
    return Boolean(found);
  }

  /** Lets nothing leave for another origin, but a popup that opens the provider's page. */
  async #elsewhere(route) {
    const request = route.request();
    const url = new URL(request.url());
    if (url.protocol === "data:" || url.protocol === "blob:") return route.continue();
    if (this.#allowed.includes(request.url())) return route.continue();
    if (url.origin === this.service.standIns.consent && request.isNavigationRequest()) {
      // A tab without an opener has no page yet when it asks for its first document.
      const page = pageOf(request);
      // Where a popup was led, or whoever is there already sends a form.
      if (page && ((await page.opener()) || page.url().startsWith(url.origin))) return route.continue();
    }
    // Chromium asks for the picture of every page that names none.
    if (url.origin === this.service.standIns.consent && url.pathname === "/favicon.ico") return route.abort();
    this.findings.push(`a request to another origin: ${request.method()} ${request.url()}`);
    return route.abort();
  }

  /** Looks for findings of axe-core alone, where a secret is still being typed. */
  async runAxe(page) {
    // By the debugging protocol, which no policy of the page keeps out.
    const session = await this.context.newCDPSession(page);
    try {
      await session.send("Runtime.evaluate", { expression: AXE });
      const options = JSON.stringify(AXE_OPTIONS);
      const expression = `axe.run(document, ${options}).then((found) => JSON.stringify(found.violations))`;
      const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
        expression,
        awaitPromise: true,
        returnByValue: true,
      });
      if (exceptionDetails) throw new Error(`axe-core: ${exceptionDetails.exception?.description}`);
      for (const violation of JSON.parse(result.value)) {
        for (const node of violation.nodes) {
          const where = new URL(page.url()).pathname;
          const finding = `axe-core on ${where}: ${violation.id}, ${violation.help}: ${node.html.slice(0, 200)}`;
          if (!this.#accessibility.has(finding))
            this.#accessibility.set(finding, this.findings.push(`${finding} (${firstLine(node)})`));
        }
      }
    } finally {
      await session.detach();
    }
  }

  /** Searches every request and answer since the context began. */
  #searchWire() {
    const exchanges = this.service.wire.exchanges.slice(this.#since);
    for (const exchange of exchanges) {
      const code = CALLBACKS.has(exchange.path) ? new URLSearchParams(exchange.url.split("?")[1]).get("code") : null;
      if (code) this.secrets.add(mark(code), "the code of an authorization", "code");
      for (const cookie of exchange.answerHeaders?.["set-cookie"] ?? []) {
        const [, value] = /^[^=]+=([^;]*)/.exec(cookie) ?? [];
        this.secrets.add(value && mark(value), "the session's cookie", "never");
      }
    }
    for (const exchange of exchanges) {
      const what = `${exchange.method} ${exchange.path}`;
      const found = (where, text, isAllowed) => {
        for (const name of this.secrets.within(text, isAllowed))
          this.findings.push(`${name} stands in ${where} of ${what}`);
      };
      const { cookie: _sent, ...headers } = exchange.headers;
      const { "set-cookie": _set, ...answerHeaders } = exchange.answerHeaders ?? {};
      // The provider's redirect brings the code in the address: that is how OAuth works.
      found("the address", exchange.url, (kind) => kind === "code" && CALLBACKS.has(exchange.path));
      found("a header", JSON.stringify(headers));
      found("a header of the answer", JSON.stringify(answerHeaders));
      found("the body", asked(exchange), (kind) => CARRIED[kind](exchange));
      found("the answer", answered(exchange));
    }
  }
}

/** The page that asks, where there is one already. */
function pageOf(request) {
  try {
    return request.frame().page();
  } catch {
    return null;
  }
}

function matches(expected, path) {
  return expected instanceof RegExp ? expected.test(path) : expected === path;
}

function firstLine(node) {
  return (node.failureSummary ?? "")
    .split("\n")
    .slice(1)
    .map((line) => line.trim())
    .join("; ")
    .slice(0, 300);
}
