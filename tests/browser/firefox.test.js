// The main flows in Firefox: sign in, connect, map, import, review a plugin, live updates in two tabs.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";

import { findFirefox, FirefoxPage, launchFirefox } from "./lib/firefox.js";
import { isSelected } from "./lib/flow.js";
import { readPlugin } from "./lib/console.js";
import { Service } from "./lib/service.js";

const FLOW_TIMEOUT_MS = 180_000;

let browser;
after(() => browser?.close());

/** Declares a flow with its own service, and with a page on which an Executive has signed in with a token. */
function flow(sentence, settings, body) {
  const name = `browser::firefox::${sentence.replaceAll(" ", "_")}`;
  if (!findFirefox() || !isSelected(name)) return;
  test(name, { timeout: FLOW_TIMEOUT_MS }, async () => {
    const service = await Service.start(settings);
    let context;
    try {
      browser ??= await launchFirefox();
      context = await browser.createBrowserContext();
      const pages = [];
      const open = async (address) => {
        const here = new FirefoxPage(await context.newPage());
        pages.push(here);
        await here.page.goto(`${service.url}${address}`);
        return here;
      };
      const here = await open("/signin");
      await here.fill("Access token", service.createToken());
      await here.click("Sign in");
      await here.waitForText("Connections", "h1");
      await body({ ...here, here, open, context, service, standIns: service.standIns });
      for (const { page, errors } of pages) assert.deepEqual(errors, [], page.url());
    } finally {
      await context?.close();
      await service.stop();
    }
  });
}

/** Returns how many people are mapped at Slack. */
const countMapped = async (service) =>
  (await service.call("GET", "/api/admin/connections/user-mappings?provider=slack&state=mapped&limit=1")).total;

async function waitUntil(condition, message) {
  for (const start = Date.now(); !(await condition()); await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (Date.now() - start > 30_000) assert.fail(message);
  }
}

flow("a service is connected with its form and disconnected", { components: ["slack"] }, async ({ here, page, standIns, service }) => {
  await page.goto(`${service.url}/connections/slack`);
  const { bot_token: token, channel_id: channel } = standIns.fields("slack");
  await here.fill("Bot token", token);
  // A secret is masked, and no password manager offers to store it.
  const masked = await page.$eval("[name=bot_token]", (field) => [field.type, getComputedStyle(field).webkitTextSecurity, field.spellcheck]);
  assert.deepEqual(masked, ["text", "disc", false]);
  await here.fill("Channel ID", channel);
  await here.click("Connect Slack");
  await here.waitForText("Slack is connected to Acme Instruments");
  assert.deepEqual(await here.runAxe(), []);
  await here.click("Connections", "link");
  await here.waitForText("No problem is known");
  await page.goto(`${service.url}/connections/slack`);
  await here.click("Disconnect…");
  await here.waitForText("Disconnect Slack?", "dialog");
  await page.waitForFunction(() => document.activeElement.innerText === "Keep it");
  await here.click("Disconnect Slack");
  await here.waitForText("Slack is disconnected", "dialog");
});

flow("a sign-in in the provider's window connects", { components: ["xero"] }, async ({ here, page, context, service }) => {
  await page.goto(`${service.url}/connections/xero`);
  const opened = new Promise((resolve) => page.once("popup", resolve));
  await here.click("Sign in at Xero");
  const consent = await opened;
  consent.setDefaultTimeout(30_000);
  await consent.waitForFunction(() => document.querySelector("input[type=checkbox]"));
  await consent.$eval("input[type=checkbox]", (box) => box.checked || box.click());
  await consent.locator("::-p-aria([name=\"Allow access\"][role=\"button\"])").click();
  await here.waitForText("Xero is connected");
  assert.ok(context);
});

flow("accounts are mapped by keyboard and undone", { components: ["slack"] }, async ({ here, page, service }) => {
  await service.connect("slack");
  await page.goto(`${service.url}/mappings`);
  await here.waitForText("@acme.example", "[role=grid]");
  await page.focus("[role=row][aria-rowindex='2'] [role=gridcell]");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=listbox] [role=option]");
  assert.deepEqual(await here.runAxe(), []);
  await page.keyboard.type("bjørn");
  await here.waitForText("Bjørn", "[role=listbox]");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await waitUntil(async () => (await countMapped(service)) === 1, "one person is mapped");
  await page.waitForFunction(() => document.activeElement.getAttribute("role") === "gridcell");
  await page.keyboard.down("Control");
  await page.keyboard.press("z");
  await page.keyboard.up("Control");
  await waitUntil(async () => (await countMapped(service)) === 0, "the mapping is undone");
  await page.locator("input[type=search]").fill("bjørm");
  await here.waitForText("No matches");
  await page.locator("input[type=search]").fill("bjørn");
  await here.waitForText("Bjørn", "[role=grid]");
});

flow("a match is reviewed and applied", { components: ["slack"] }, async ({ here, page, service }) => {
  await service.connect("slack");
  await page.goto(`${service.url}/connections/slack/match`);
  await page.waitForSelector("[role=grid] [role=rowheader]");
  assert.deepEqual(await here.runAxe(), []);
  await page.locator("::-p-text(Link)").filter((element) => element.tagName === "BUTTON" || element.closest("button")).click();
  await here.waitForText("linked to their accounts at Slack");
});

flow("people are imported from a file", { components: [], people: false }, async ({ here, page, service }) => {
  await page.goto(`${service.url}/people`);
  await here.waitForText("No people yet");
  const file = path.join(service.folder, "new-people.csv");
  writeFileSync(file, "name,email\nAda Okafor,ada@acme.example\nBjørn Ødegård,bjorn@acme.example\n");
  await (await page.waitForSelector("input[type=file]")).uploadFile(file);
  await here.waitForText("2 lines", "dialog");
  await here.click("Import 2 people");
  await here.waitForText("2 new", "dialog");
  await page.keyboard.press("Escape");
  await here.waitForText("Bjørn Ødegård", "[role=grid]");
});

flow("a plugin is uploaded and approved", { components: [], settings: { JACKFIELD_PLUGINS_TRUST: "approve" } }, async ({ here, page, service }) => {
  await page.goto(`${service.url}/providers`);
  const file = path.join(service.folder, "example.wasm");
  writeFileSync(file, readPlugin("guests/example").buffer);
  await (await page.waitForSelector("input[type=file]")).uploadFile(file);
  await here.waitForText("Acme HR", "h1");
  assert.deepEqual(await here.runAxe(), []);
  await here.click("Approve 0.1.0");
  await here.waitForText("Approve Acme HR 0.1.0?", "dialog");
  await page.$eval("dialog .button.primary", (button) => button.click());
  await here.waitForText("Running, with exactly the access that was approved");
});

flow("seven tabs show the same and no progress bar looks complete", { components: ["slack"] }, async ({ here, page, open, service, standIns }) => {
  await service.connect("slack");
  await page.reload();
  await here.waitForText("No problem is known");
  const tabs = [here];
  while (tabs.length < 7) {
    const tab = await open("/");
    await tab.waitForText("Last checked");
    tabs.push(tab);
  }
  await standIns.tell("slack", "fail", { status: 503 });
  const last = tabs.at(-1);
  await last.click("Check now: Slack");
  for (const tab of tabs) await tab.waitForText("Provider down");
  const bar = await page.evaluate(() => {
    const progress = document.body.appendChild(document.createElement("progress"));
    const { backgroundColor, backgroundImage } = getComputedStyle(progress, "::-moz-progress-bar");
    progress.remove();
    return `${backgroundColor} ${backgroundImage}`;
  });
  assert.equal(bar, "rgba(0, 0, 0, 0) none", "an unknown progress is not drawn as complete");
});
