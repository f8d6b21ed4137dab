// What no flow may cause: errors, requests to other origins, findings of axe-core, exposed secrets, missing spaces in
// texts.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { requestText, responseText } from "./recording_proxy.js";
import { ALLOWED_REQUESTS, Secrets } from "./secrets.js";
import { mark } from "./service.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A rule that axe-core disables by default: WCAG 2.2 requires targets of 24 pixels. */
const AXE_OPTIONS = { rules: { "target-size": { enabled: true } }, resultTypes: ["violations"] };

/** The paths to which a provider's redirect brings a code. */
const CALLBACKS = new Set(["/oauth/callback", "/signin/oidc/callback"]);

const FAILED_REQUEST = /^Failed to load resource: the server responded with a status of (\d+)/;

/** Watches a browser context from its start to `assertClean`. */
export class Guards {
  findings = [];
  #expected = [];
  #allowed = [];
  #isOutage = false;
  #firstExchange;
  #axeFindings = new Set();

  /** Watches all pages of a context that uses a service. */
  static async watch(context, service, secrets = new Secrets()) {
    const guards = new Guards();
    guards.secrets = secrets;
    guards.context = context;
    guards.service = service;
    guards.#firstExchange = service.proxy.exchanges.length;
    const own = new URL(service.url).origin;
    await context.route(
      (url) => url.origin !== own,
      (route) => guards.#handleOtherOrigin(route),
    );
    context.on("page", (page) => guards.#watchPage(page));
    return guards;
  }

  /** Expects a request to fail with this status, which Chromium otherwise reports as an error on its console. */
  expect(status, path) {
    this.#expected.push({ status, path, count: 0 });
  }

  /** Expects requests to fail because the service is not running. */
  expectOutage() {
    this.#isOutage = true;
  }

  /** Allows a URL of another origin, for a link that the page shows. */
  allow(url) {
    this.#allowed.push(url);
  }

  /**
   * Checks a page for findings of axe-core, secrets, and missing spaces. Flows call it on every page that they open.
   */
  async checkPage(page, { axe = true } = {}) {
    if (axe) await this.runAxe(page);
    await this.searchPage(page);
    await this.#findGluedWords(page);
  }

  /** Searches a page and its storage for secrets. */
  async searchPage(page) {
    for (const cookie of await this.context.cookies())
      this.secrets.add(cookie.value, `the cookie ${cookie.name}`, "none");
    const texts = await page.evaluate(() => {
      // By index, because `Object.entries` leaves out keys that are properties of a storage, such as `key`.
      const list = (storage) =>
        Array.from({ length: storage.length }, (_, index) => storage.key(index))
          .map((name) => `${name}: ${storage.getItem(name)}`)
          .join("\n");
      const values = [...document.querySelectorAll("input, textarea, select")].map((input) => input.value);
      return {
        "the document": document.documentElement.outerHTML,
        "a field": JSON.stringify(values),
        "the local storage": list(localStorage),
        "the session storage": list(sessionStorage),
        "the address": location.href,
        "the history": JSON.stringify(history.state),
        "the window's name": window.name,
        "a cookie that scripts can read": document.cookie,
      };
    });
    for (const [where, text] of Object.entries(texts)) {
      for (const name of this.secrets.findIn(text)) this.findings.push(`${name} is in ${where} of ${page.url()}`);
    }
    const databases = await page.evaluate(async () => (await indexedDB.databases()).map((database) => database.name));
    if (databases.length) this.findings.push(`the page has databases: ${databases.join(", ")}`);
  }

  /** Looks for adjacent texts without a space between them: a template drops spaces at the end of a line. */
  async #findGluedWords(page) {
    const glued = await page.evaluate(() => {
      const findBlock = (node) => {
        let element = node.parentElement;
        while (element && getComputedStyle(element).display === "inline") element = element.parentElement;
        return element;
      };
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
      const found = [];
      let before = null;
      for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        // A line break separates the texts before and after it. Other elements have no data.
        if (text.nodeName === "BR") before = null;
        if (!text.data) continue;
        const isAdjacent = before && findBlock(before) === findBlock(text);
        const isGlued =
          (/[,;:.?!]$/.test(before?.data) && /^\p{L}/u.test(text.data)) ||
          (/\p{Ll}$/u.test(before?.data) && /^\p{Lu}/u.test(text.data));
        if (isAdjacent && isGlued) found.push(before.data.slice(-30) + text.data.slice(0, 30));
        before = text;
      }
      return found;
    });
    for (const words of glued)
      this.findings.push(`a space is missing on ${new URL(page.url()).pathname}: ${words}`);
  }

  /** Fails if anything was found. */
  async assertClean() {
    for (const page of this.context.pages()) {
      if (new URL(page.url()).origin === new URL(this.service.url).origin) await this.searchPage(page);
    }
    this.#searchExchanges();
    for (const { status, path, count } of this.#expected) {
      if (!count) this.findings.push(`${path} was expected to fail with ${status}, and did not`);
    }
    if (this.findings.length) throw new Error(`the guards found:\n  ${this.findings.join("\n  ")}`);
  }

  #watchPage(page) {
    page.on("console", (message) => {
      if (message.type() === "error" && !this.#isExpected(message)) {
        this.findings.push(`an error on the console of ${page.url()}: ${message.text()} ${message.location().url}`);
      }
      for (const name of this.secrets.findIn(message.text())) this.findings.push(`${name} is on the console`);
    });
    page.on("pageerror", (error) => this.findings.push(`an error on ${page.url()}: ${error.stack ?? error}`));
    page.on("crash", () => this.findings.push(`${page.url()} crashed`));
    page.on("dialog", (dialog) => {
      this.findings.push(`a dialog of the browser: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
  }

  #isExpected(message) {
    if (this.#isOutage && /^Failed to load resource: net::ERR_|Failed to fetch dynamically/.test(message.text())) return true;
    const status = FAILED_REQUEST.exec(message.text())?.[1];
    if (!status) return false;
    const { pathname } = new URL(message.location().url);
    const found = this.#expected.find(
      (expected) => String(expected.status) === status && matchesPath(expected.path, pathname),
    );
    if (found) found.count += 1;
    return Boolean(found);
  }

  /** Blocks requests to other origins, except popups that open the provider's page. */
  async #handleOtherOrigin(route) {
    const request = route.request();
    const url = new URL(request.url());
    if (url.protocol === "data:" || url.protocol === "blob:") return route.continue();
    if (this.#allowed.includes(request.url())) return route.continue();
    if (url.origin === this.service.standIns.consentOrigin && request.isNavigationRequest()) {
      // A tab without an opener has no page yet when it requests its first document.
      const page = findPage(request);
      // Either the console opened the popup, or a form of the provider's page was sent.
      if (page && ((await page.opener()) || page.url().startsWith(url.origin))) return route.continue();
    }
    // Chromium requests this icon for every page without one.
    if (url.origin === this.service.standIns.consentOrigin && url.pathname === "/favicon.ico") return route.abort();
    this.findings.push(`a request to another origin: ${request.method()} ${request.url()}`);
    return route.abort();
  }

  /** Runs axe-core without the other checks, for a page where a secret is still in a field. */
  async runAxe(page) {
    // Through the debugging protocol, because the page's content security policy forbids other scripts.
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
          const path = new URL(page.url()).pathname;
          const finding = `axe-core on ${path}: ${violation.id}, ${violation.help}: ${node.html.slice(0, 200)}`;
          if (this.#axeFindings.has(finding)) continue;
          this.#axeFindings.add(finding);
          this.findings.push(`${finding} (${summarize(node)})`);
        }
      }
    } finally {
      await session.detach();
    }
  }

  /** Searches all requests and responses since the context was created. */
  #searchExchanges() {
    const exchanges = this.service.proxy.exchanges.slice(this.#firstExchange);
    for (const exchange of exchanges) {
      const code = CALLBACKS.has(exchange.path) ? new URLSearchParams(exchange.url.split("?")[1]).get("code") : null;
      if (code) this.secrets.add(mark(code), "the code of an authorization", "code");
      for (const cookie of exchange.responseHeaders?.["set-cookie"] ?? []) {
        const [, value] = /^[^=]+=([^;]*)/.exec(cookie) ?? [];
        this.secrets.add(value && mark(value), "the session's cookie", "none");
      }
    }
    for (const exchange of exchanges) {
      const search = (where, text, isAllowed) => {
        for (const name of this.secrets.findIn(text, isAllowed))
          this.findings.push(`${name} is in ${where} of ${exchange.method} ${exchange.path}`);
      };
      const { cookie: _sent, ...headers } = exchange.headers;
      const { "set-cookie": _set, ...responseHeaders } = exchange.responseHeaders ?? {};
      // The provider's redirect has the code in its URL, as OAuth defines it.
      search("the URL", exchange.url, (kind) => kind === "code" && CALLBACKS.has(exchange.path));
      search("a request header", JSON.stringify(headers));
      search("a response header", JSON.stringify(responseHeaders));
      search("the request body", requestText(exchange), (kind) => ALLOWED_REQUESTS[kind](exchange));
      search("the response body", responseText(exchange));
    }
  }
}

/** Returns the page of a request, or null if it does not exist yet. */
function findPage(request) {
  try {
    return request.frame().page();
  } catch {
    return null;
  }
}

function matchesPath(expected, path) {
  return expected instanceof RegExp ? expected.test(path) : expected === path;
}

/** Returns how to fix a finding of axe-core. */
function summarize(node) {
  return (node.failureSummary ?? "")
    .split("\n")
    .slice(1)
    .map((line) => line.trim())
    .join("; ")
    .slice(0, 300);
}
