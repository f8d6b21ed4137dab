// Connecting by the provider's own page in a window: accepted, refused, closed, blocked, run out.
import assert from "node:assert/strict";

import { card, signedIn, visit } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);
const XERO = { service: { components: ["xero"] } };

const begin = (page) => page.getByRole("button", { name: "Sign in at Xero" });

/** Begins, and gives the provider's window. */
async function popup(page) {
  const opened = page.waitForEvent("popup");
  await begin(page).click();
  const window = await opened;
  await window.getByRole("button", { name: "Allow access" }).waitFor();
  return window;
}

flow("an accepted consent connects and the window closes", XERO, async (here) => {
  const { page, guards } = here;
  await signedIn(here, "/connections/xero");
  await guards.look(page);
  await page.evaluate(() => {
    window.heard = [];
    new BroadcastChannel("jackfield-oauth").onmessage = ({ data }) => window.heard.push(Object.keys(data).sort().join());
  });
  const window = await popup(page);
  await expect(page.getByRole("main")).toContain("Waiting for you at Xero");
  await guards.look(page);
  const closed = window.waitForEvent("close");
  await window.getByRole("button", { name: "Allow access" }).click();
  await page.getByRole("heading", { name: "Xero is connected" }).waitFor();
  await closed;
  // The window says which flow is over and how it went, and nothing else.
  const heard = await page.evaluate(() => window.heard);
  assert.deepEqual(heard, ["flow_id,outcome"]);
  await guards.look(page);
  await visit(page, "Connections");
  await expect(card(page, "xero")).toContain("Acme Instruments");
  await guards.look(page);
});

flow("one of two organisations is chosen", XERO, async (here) => {
  const { page, guards } = here;
  await signedIn(here, "/connections/xero");
  const window = await popup(page);
  await window.getByLabel("Acme Instruments UK").check();
  await window.getByRole("button", { name: "Allow access" }).click();
  await page.getByRole("radio", { name: "Acme Instruments UK" }).waitFor();
  await guards.look(page);
  await visit(page, "Connections");
  await expect(card(page, "xero")).toContain("Choose an organisation");
  await guards.look(page);
  await card(page, "xero").getByRole("link", { name: "Choose organisation: Xero" }).click();
  await page.getByRole("radio", { name: "Acme Instruments UK" }).check();
  await page.getByRole("button", { name: "Use this organisation" }).click();
  await expect(page.getByRole("main")).toContain("Xero is connected to Acme Instruments UK");
  await guards.look(page);
});

flow("a refused consent is told and can be begun again", XERO, async (here) => {
  const { page, guards } = here;
  await signedIn(here, "/connections/xero");
  // The landing page brings the refusal to the service, which answers that nothing was connected.
  guards.expect(422, "/api/admin/connections/xero/callback");
  const window = await popup(page);
  await window.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("alert")).toContain("Xero was not connected");
  await expect(page.getByRole("alert")).toContain("declined");
  await guards.look(page);
  if (!window.isClosed()) await window.close();
  const again = await popup(page);
  await again.getByRole("button", { name: "Allow access" }).click();
  await page.getByRole("heading", { name: "Xero is connected" }).waitFor();
});

flow("a closed window is noticed and can be opened again", XERO, async (here) => {
  const { page, guards } = here;
  await signedIn(here, "/connections/xero");
  const window = await popup(page);
  await window.close();
  await expect(page.getByRole("main")).toContain("The Xero window was closed");
  await guards.look(page);
  const opened = page.waitForEvent("popup");
  await page.getByRole("button", { name: "Open it again" }).click();
  await (await opened).getByRole("button", { name: "Allow access" }).click();
  await page.getByRole("heading", { name: "Xero is connected" }).waitFor();
});

flow("a blocked window leaves a link", XERO, async (here) => {
  const { page, guards, context } = here;
  await page.addInitScript(() => {
    window.open = () => null;
  });
  await signedIn(here, "/connections/xero");
  await begin(page).click();
  const link = page.getByRole("link", { name: "Open Xero in a new tab" });
  await link.waitFor();
  await guards.look(page);
  // A tab that is opened by a link has no opener, so the guards are told which.
  guards.allow(await link.getAttribute("href"));
  const opened = context.waitForEvent("page");
  await link.click();
  await (await opened).getByRole("button", { name: "Allow access" }).click();
  await page.getByRole("heading", { name: "Xero is connected" }).waitFor();
  await guards.look(page);
});

flow("a code that ran out is told", XERO, async (here) => {
  const { page, guards, standIns } = here;
  await standIns.tell("xero", "code_lifetime", { seconds: 0 });
  guards.expect(422, "/api/admin/connections/xero/callback");
  await signedIn(here, "/connections/xero");
  const window = await popup(page);
  await window.getByRole("button", { name: "Allow access" }).click();
  await expect(page.getByRole("alert")).toContain("Xero was not connected");
  await guards.look(page);
});

flow("a sign-in that nobody finishes runs out", XERO, async (here) => {
  const { page, guards } = here;
  await page.clock.install();
  await signedIn(here, "/connections/xero");
  const window = await popup(page);
  await page.clock.fastForward("10:30");
  await expect(page.getByRole("main")).toContain("The sign-in expired");
  await expect.poll(() => window.isClosed(), "its window is closed");
  await guards.look(page);
});

flow("a second tab takes over what the first one began", XERO, async (here) => {
  const { page, guards, context } = here;
  await signedIn(here, "/connections/xero");
  const window = await popup(page);
  const second = await context.newPage();
  await second.goto("/connections/xero");
  await expect(second.getByRole("main")).toContain("A sign-in at Xero is already in progress");
  await guards.look(second);
  await window.getByRole("button", { name: "Allow access" }).click();
  await second.getByRole("heading", { name: "Xero is connected" }).waitFor();
  await page.getByRole("heading", { name: "Xero is connected" }).waitFor();
});
