// A flow: one test in its own browser context, on its own service with fresh data, with all guards.
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { launch } from "./chromium.js";
import { Guards } from "./guards.js";
import { Secrets } from "./secrets.js";
import { Service } from "./service.js";

/** Timeout of one step, for a busy machine. */
const STEP_TIMEOUT_MS = 20_000;

/** Timeout of a flow. */
const FLOW_TIMEOUT_MS = 120_000;

/** How many lines of a page's outline a failure shows. */
const OUTLINE_LINES = 60;

const filters = JSON.parse(process.env.JACKFIELD_TEST_FILTER ?? "[]");

/** Whether a test's name contains one of the filters, or there is no filter. */
export function isSelected(name) {
  return !filters.length || filters.some((filter) => name.includes(filter));
}

/** Returns the function with which a file declares its flows: `flow("a sentence", settings, body)`. */
export function flows(meta) {
  const file = path.basename(fileURLToPath(meta.url)).replace(/\.test\.js$/, "");
  let browser;
  after(() => browser?.close());

  return (sentence, settings, body) => {
    const name = `browser::${file}::${sentence.replaceAll(" ", "_")}`;
    if (!isSelected(name)) return;
    test(name, { timeout: FLOW_TIMEOUT_MS }, async () => {
      const service = await Service.start(settings.service);
      try {
        browser ??= await launch();
        await runFlow(browser, service, settings, body);
      } finally {
        await service.stop();
      }
    });
  };
}

/** A person with their own browser context, with guards. */
async function createPerson(browser, service, options, secrets) {
  const context = await browser.newContext({ baseURL: service.url, locale: "en-GB", ...options });
  context.setDefaultTimeout(STEP_TIMEOUT_MS);
  const guards = await Guards.watch(context, service, secrets);
  const page = await context.newPage();
  return { page, context, service, guards, standIns: service.standIns, secrets };
}

async function runFlow(browser, service, settings, body) {
  const people = [];
  // Shared, because a secret of one person must not appear on a page of another one either.
  const secrets = new Secrets();
  const another = async () => {
    const person = await createPerson(browser, service, settings.context, secrets);
    people.push(person);
    return person;
  };
  try {
    const first = await another();
    try {
      await body({ ...first, another });
    } catch (error) {
      // The findings of the guards often explain why a step failed.
      const findings = people.flatMap(({ guards }) => guards.findings);
      const listed = findings.length ? `\nthe guards found:\n  ${findings.join("\n  ")}` : "";
      const outlines = await Promise.all(people.map(({ page }) => outline(page)));
      throw new Error(`${error.message}${listed}\n${outlines.join("\n")}`, { cause: error });
    }
    for (const { guards } of people) await guards.assertClean();
  } finally {
    await Promise.all(people.map(({ context }) => context.close()));
  }
}

/** Returns what a page shows, to explain a failure. */
async function outline(page) {
  const snapshot = await page
    .locator("body")
    .ariaSnapshot({ timeout: 2_000 })
    .catch(() => "");
  return `at ${page.url()}:\n${snapshot.split("\n").slice(0, OUTLINE_LINES).join("\n")}`;
}
