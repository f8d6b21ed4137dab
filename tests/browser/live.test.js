// Live updates in several tabs, while the service is away, and after a session ended in another tab.
import assert from "node:assert/strict";

import { card, signIn } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);
const SLACK = { service: { components: ["slack"] } };
const EVENTS = "/api/admin/events";

/** The event streams that are open now. */
const listOpenStreams = ({ service }) =>
  service.proxy.exchanges.filter(({ path, responseHeaders, hasEnded }) => path === EVENTS && responseHeaders && !hasEnded);

flow("eight tabs share one event stream and all of them work", SLACK, async (here) => {
  const { page, context, standIns, service } = here;
  await service.connect("slack");
  await signIn(here);
  await expect(card(page, "slack")).toContain("Connected");
  const tabs = [page];
  while (tabs.length < 8) {
    const tab = await context.newPage();
    await tab.goto("/");
    await expect(card(tab, "slack")).toContain("Connected");
    tabs.push(tab);
  }
  await expect.poll(() => listOpenStreams(here).length === 1, "one stream is open");
  await standIns.tell("slack", "fail", { status: 503 });
  await page.bringToFront();
  await card(page, "slack").getByRole("button", { name: "Check now: Slack" }).click();
  for (const tab of tabs) await expect(card(tab, "slack")).toContain("Provider down");
  // The tab with the stream is closed, and another one opens it.
  await standIns.tell("slack", "mend");
  await page.close();
  const [next, ...rest] = tabs.slice(1);
  await next.bringToFront();
  await expect.poll(() => listOpenStreams(here).length === 1, "another tab opens the stream");
  await card(next, "slack").getByRole("button", { name: "Check now: Slack" }).click();
  for (const tab of [next, ...rest]) await expect(card(tab, "slack")).toContain("Connected");
  assert.equal(listOpenStreams(here).length, 1);
});

flow("every page says that the service is away and recovers without a click", SLACK, async (here) => {
  const { page, context, guards, service } = here;
  await service.connect("slack");
  await signIn(here);
  guards.expectOutage();
  const pages = [page];
  for (const [path, text] of [
    ["/mappings", "Slack"],
    ["/people", "Ada Kowalski"],
    ["/audit", "Signed in"],
  ]) {
    const tab = await context.newPage();
    await tab.goto(path);
    await expect(tab.getByRole("main")).toContain(text);
    pages.push(tab);
  }
  await service.stopProgram();
  for (const tab of pages) {
    await tab.bringToFront();
    await expect(tab.getByRole("status").filter({ hasText: "Reconnecting" })).toContain("What you see is from");
    await expect(tab.getByRole("alert")).toHaveCount(0);
  }
  await guards.runAxe(page);
  await service.serve();
  for (const tab of pages) await expect(tab.getByRole("status").filter({ hasText: "Reconnecting" })).toHaveCount(0);
});

flow("a page that could not be loaded is loaded when the service is back", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  await signIn(here);
  guards.expectOutage();
  await page.route("**/audit.js", (route) => route.abort());
  await page.getByRole("link", { name: "Audit" }).click();
  await page.getByRole("heading", { level: 1, name: "Page not loaded" }).waitFor();
  await service.stopProgram();
  await expect(page.getByRole("status").filter({ hasText: "Reconnecting" })).toBeVisible();
  await page.unroute("**/audit.js");
  await service.serve();
  await page.getByRole("heading", { level: 1, name: "Audit" }).waitFor();
});

flow("signing in again in another tab signs this one in too", SLACK, async (here) => {
  const { page, context, secrets } = here;
  const token = await signIn(here, "/audit");
  const other = await context.newPage();
  await other.goto("/");
  await other.getByRole("button", { name: /^Account/ }).click();
  await other.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Sign in" })).toBeVisible();
  secrets.add(token, "the API token", "token");
  await other.getByLabel("Access token").fill(token);
  await other.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "Audit" }).waitFor();
});

flow("health is said as it was last checked and nothing promises to try again", SLACK, async (here) => {
  const { page, guards, standIns, service } = here;
  await service.connect("slack");
  const old = new Date(Date.now() - 38 * 60_000).toISOString();
  let change = { last_check: { at: old, healthy: true, code: null, reason: null, latency_ms: 3 } };
  await page.route("**/api/admin/connections", async (route) => {
    const list = await (await route.fetch()).json();
    for (const connection of list.connections) Object.assign(connection, change);
    await route.fulfill({ json: list });
  });
  await signIn(here);
  await expect(card(page, "slack")).toContain("Last checked 38 minutes ago");
  const colour = (locator) => locator.evaluate((element) => getComputedStyle(element).color);
  const status = card(page, "slack").getByText("Connected", { exact: true });
  const muted = await colour(card(page, "slack").getByText("Last checked"));
  await expect.poll(async () => (await colour(status)) === muted, "an old result is grey");
  await expect(page.getByRole("main")).toContain("No problem is known");
  await guards.checkPage(page);
  change = {};
  await standIns.tell("slack", "fail", { status: 503 });
  await service.call("GET", "/api/admin/connections/slack/health");
  await expect(card(page, "slack")).toContain("Check now to see whether it works again");
  await expect(page.locator("body")).not.toContain(/automatically|in a moment|retried|Nothing needs/);
  await page.unrouteAll({ behavior: "wait" });
});

flow("a paused plugin counts as a service that does no work", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  await service.call("POST", "/api/admin/providers/slack/disable");
  await signIn(here);
  await expect(page.getByRole("main")).toContain("1 service is connected. 1 does no work.");
  await guards.checkPage(page);
});
