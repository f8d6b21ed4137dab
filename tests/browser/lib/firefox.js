// Starts the system's Firefox, which is controlled with WebDriver BiDi. It can reach only loopback addresses.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import puppeteer from "puppeteer-core";

const NAMES = ["firefox-esr", "firefox"];

/** How long a step may take, for a busy machine. */
const STEP_TIMEOUT_MS = 30_000;

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Returns Firefox's path: `JACKFIELD_TEST_FIREFOX`, or the first in the PATH; null if there is none. */
export function findFirefox() {
  if (process.env.JACKFIELD_TEST_FIREFOX) return process.env.JACKFIELD_TEST_FIREFOX;
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name))).find((file) => existsSync(file)) ?? null;
}

export async function launchFirefox() {
  return puppeteer.launch({
    browser: "firefox",
    executablePath: findFirefox(),
    headless: true,
    extraPrefsFirefox: {
      // Nothing listens on this port, and a proxy is not used for loopback addresses.
      "network.proxy.type": 1,
      "network.proxy.http": "127.0.0.1",
      "network.proxy.http_port": 9,
      "network.proxy.ssl": "127.0.0.1",
      "network.proxy.ssl_port": 9,
      "network.proxy.no_proxies_on": "127.0.0.1",
      "dom.disable_open_during_load": false,
    },
  });
}

/** A page of Firefox, with steps that find elements by role and name. */
export class FirefoxPage {
  /** What the browser reported as an error. */
  errors = [];

  constructor(page) {
    this.page = page;
    page.setDefaultTimeout(STEP_TIMEOUT_MS);
    page.on("pageerror", (error) => this.errors.push(String(error.stack ?? error)));
    page.on("console", (message) => message.type() === "error" && this.errors.push(message.text()));
  }

  find(name, role) {
    return this.page.locator(`::-p-aria([name="${name}"]${role ? `[role="${role}"]` : ""})`);
  }

  async click(name, role = "button") {
    await this.find(name, role).click();
  }

  async fill(name, value) {
    await this.find(name, "textbox").fill(value);
  }

  /** Waits until the page shows a text. */
  async waitForText(text, selector = "body") {
    try {
      await this.page.waitForFunction(
        (selector, text) => document.querySelector(selector)?.innerText.includes(text),
        {},
        selector,
        text,
      );
    } catch (error) {
      const shown = await this.page.evaluate(() => document.body.innerText);
      throw new Error(`${this.page.url()} does not show "${text}":\n${shown}`, { cause: error });
    }
  }

  async waitForNoText(text) {
    await this.page.waitForFunction((text) => !document.body.innerText.includes(text), {}, text);
  }

  /** Returns the findings of axe-core. */
  async runAxe() {
    await this.page.evaluate(AXE);
    return this.page.evaluate(async () => {
      const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
      return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
    });
  }
}
