// Connecting through the provider's page in a window: accepted, declined, closed, blocked, expired.
import assert from "node:assert/strict";

import { card, signIn, visit } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);
const XERO = { service: { components: ["xero"] } };

const startButton = (page) => page.getByRole("button", { name: "Sign in at Xero" });

/** Starts a sign-in and returns the provider's window. */
async function openPopup(page) {
  const opened = page.waitForEvent("popup");
  await startButton(page).click();
  const window = await opened;
  await window.getByRole("button", { name: "Allow access" }).waitFor();
  return window;
}

flow("an accepted consent connects and the window closes", XERO, async (here) => {
  const { page, guards } = here;
  await signIn(here, "/connections/xero");
  await guards.checkPage(page);
  await page.evaluate(() => {
    window.received = [];
    new BroadcastChannel("jackfield-oauth").onmessage = ({ data }) => window.received.push(Object.keys(data).sort().join());
  });
  const window = await openPopup(page);
  await expect(page.getByRole("main")).toContain("Waiting for you at Xero");
  await guards.checkPage(page);
  const closed = window.waitForEvent("close");
  await window.getByRole("button", { name: "Allow access" }).click();
  await page.getByRole("heading", { name: "Xero is connected" }).waitFor();
  await closed;
  // The message contains the flow's id and outcome, and nothing else.
  const received = await page.evaluate(() => window.received);
  assert.deepEqual(received, ["flow_id,outcome"]);
  await guards.checkPage(page);
  await visit(page, "Connections");
  await expect(card(page, "xero")).toContain("Acme Instruments");
  await guards.checkPage(page);
});

flow("one of two organisations can be chosen", XERO, async (here) => {
  const { page, guards } = here;
  await signIn(here, "/connections/xero");
  const window = await openPopup(page);
  await window.getByLabel("Acme Instruments UK").check();
  await window.getByRole("button", { name: "Allow access" }).click();
  await page.getByRole("radio", { name: "Acme Instruments UK" }).waitFor();
  await guards.checkPage(page);
  await visit(page, "Connections");
  await expect(card(page, "xero")).toContain("Choose an organisation");
  await guards.checkPage(page);
  await card(page, "xero").getByRole("link", { name: "Choose organisation: Xero" }).click();
  await page.getByRole("radio", { name: "Acme Instruments UK" }).check();
  await page.getByRole("button", { name: "Use this organisation" }).click();
  await expect(page.getByRole("main")).toContain("Xero is connected to Acme Instruments UK");
  await guards.checkPage(page);
});

flow("a declined consent is explained and can be repeated", XERO, async (here) => {
  const { page, guards } = here;
  await signIn(here, "/connections/xero");
  // The callback page sends the refusal to the service, which answers that nothing was connected.
  guards.expect(422, "/api/admin/connections/xero/callback");
  const window = await openPopup(page);
  await window.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("alert")).toContain("Xero was not connected");
  await expect(page.getByRole("alert")).toContain("declined");
  await guards.checkPage(page);
  if (!window.isClosed()) await window.close();
  const again = await openPopup(page);
  await again.getByRole("button", { name: "Allow access" }).click();
  await page.getByRole("heading", { name: "Xero is connected" }).waitFor();
});

flow("a closed window is noticed and can be opened again", XERO, async (here) => {
  const { page, guards } = here;
  await signIn(here, "/connections/xero");
  const window = await openPopup(page);
  await window.close();
  await expect(page.getByRole("main")).toContain("The Xero window was closed");
  await guards.checkPage(page);
  const opened = page.waitForEvent("popup");
  await page.getByRole("button", { name: "Open it again" }).click();
  await (await opened).getByRole("button", { name: "Allow access" }).click();
  await page.getByRole("heading", { name: "Xero is connected" }).waitFor();
});

flow("a blocked window is replaced by a link", XERO, async (here) => {
  const { page, guards, context } = here;
  await page.addInitScript(() => {
    window.open = () => null;
  });
  await signIn(here, "/connections/xero");
  await startButton(page).click();
  const link = page.getByRole("link", { name: "Open Xero in a new tab" });
  await link.waitFor();
  await guards.checkPage(page);
  // The guards recognise popups by their opener, which a tab opened by a link does not have.
  guards.allow(await link.getAttribute("href"));
  const opened = context.waitForEvent("page");
  await link.click();
  await (await opened).getByRole("button", { name: "Allow access" }).click();
  await page.getByRole("heading", { name: "Xero is connected" }).waitFor();
  await guards.checkPage(page);
});

flow("an expired code is explained", XERO, async (here) => {
  const { page, guards, standIns } = here;
  await standIns.tell("xero", "code_lifetime", { seconds: 0 });
  guards.expect(422, "/api/admin/connections/xero/callback");
  await signIn(here, "/connections/xero");
  const window = await openPopup(page);
  await window.getByRole("button", { name: "Allow access" }).click();
  await expect(page.getByRole("alert")).toContain("Xero was not connected");
  await guards.checkPage(page);
});

flow("an unfinished sign-in expires", XERO, async (here) => {
  const { page, guards } = here;
  await page.clock.install();
  await signIn(here, "/connections/xero");
  const window = await openPopup(page);
  await page.clock.fastForward("10:30");
  await expect(page.getByRole("main")).toContain("The sign-in expired");
  await expect.poll(() => window.isClosed(), "the window is closed");
  await guards.checkPage(page);
});

flow("a second tab continues the sign-in of the first", XERO, async (here) => {
  const { page, guards, context } = here;
  await signIn(here, "/connections/xero");
  const window = await openPopup(page);
  const second = await context.newPage();
  await second.goto("/connections/xero");
  await expect(second.getByRole("main")).toContain("A sign-in at Xero is already in progress");
  await guards.checkPage(second);
  await window.getByRole("button", { name: "Allow access" }).click();
  await second.getByRole("heading", { name: "Xero is connected" }).waitFor();
  await page.getByRole("heading", { name: "Xero is connected" }).waitFor();
});
