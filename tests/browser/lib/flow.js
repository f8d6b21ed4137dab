// A flow: one test in a context of its own, on a service with fresh data, with every guard around it.
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { launch } from "./chromium.js";
import { Guards } from "./guards.js";
import { Service } from "./program.js";
import { Secrets } from "./secrets.js";

/** How long a step may take on a machine that is busy with other things. */
const STEP = 20_000;

/** Lines of a page's outline that are told with a failure. */
const SHOWN = 60;

/** A flow that takes longer hangs. */
const LONGEST = 120_000;

const filter = JSON.parse(process.env.JACKFIELD_TEST_FILTER ?? "[]");

/** Whether a test's name holds a word of the filter, or there is none. */
export function isChosen(name) {
  return !filter.length || filter.some((word) => name.includes(word));
}

/** The flows of one file: call what it gives with a sentence, settings, and what happens. */
export function flows(meta) {
  const file = path.basename(fileURLToPath(meta.url)).replace(/\.test\.js$/, "");
  let browser;
  after(() => browser?.close());

  return (sentence, settings, body) => {
    const name = `browser::${file}::${sentence.replaceAll(" ", "_")}`;
    if (!isChosen(name)) return;
    test(name, { timeout: LONGEST }, async () => {
      const service = await Service.start(settings.service);
      try {
        browser ??= await launch();
        await guarded(browser, service, settings, body);
      } finally {
        await service.stop();
      }
    });
  };
}

/** Somebody at a browser of their own, with guards around it. */
async function somebody(browser, service, options, secrets) {
  const context = await browser.newContext({ baseURL: service.url, locale: "en-GB", ...options });
  context.setDefaultTimeout(STEP);
  const guards = await Guards.watch(context, service, secrets);
  const page = await context.newPage();
  return { page, context, service, guards, standIns: service.standIns, secrets };
}

async function guarded(browser, service, settings, body) {
  const all = [];
  // What one of them gives away, no page of the others may show either.
  const secrets = new Secrets();
  const another = async () => {
    const one = await somebody(browser, service, settings.context, secrets);
    all.push(one);
    return one;
  };
  try {
    const first = await another();
    try {
      await body({ ...first, another });
    } catch (error) {
      // What the guards saw often tells why a step failed.
      const findings = all.flatMap(({ guards }) => guards.findings);
      const seen = findings.length ? `\nthe guards found:\n  ${findings.join("\n  ")}` : "";
      const shown = await Promise.all(all.map(({ page }) => outline(page)));
      throw new Error(`${error.message}${seen}\n${shown.join("\n")}`, { cause: error });
    }
    for (const { guards } of all) await guards.hold();
  } finally {
    await Promise.all(all.map(({ context }) => context.close()));
  }
}

/** What a page shows, for whoever reads why a flow failed. */
async function outline(page) {
  const shown = await page
    .locator("body")
    .ariaSnapshot({ timeout: 2_000 })
    .catch(() => "");
  return `at ${page.url()}:\n${shown.split("\n").slice(0, SHOWN).join("\n")}`;
}
