// People and mappings: matching with a plan, undo, imports of files, and mapping by keyboard.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { drop, signIn, visit } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);
const SLACK = { service: { components: ["slack"] } };
const MAPPINGS = "/api/admin/connections/user-mappings?provider=slack&state=mapped&limit=1";

const countMapped = async (service) => (await service.call("GET", MAPPINGS)).total;

/** A CSV file with this many new people. */
function createCsv(rows) {
  const lines = Array.from({ length: rows }, (_, at) => `Person ${at},person.${at}@acme.example`);
  return { name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(`name,email\n${lines.join("\n")}\n`) };
}

flow("a match is reviewed and applied and undone as a whole", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  await signIn(here, "/connections/slack/match");
  await page.getByRole("grid", { name: "People and their accounts at Slack" }).waitFor();
  await expect.poll(async () => (await countMapped(service)) === 0, "reviewing the plan changes nothing");
  await guards.checkPage(page);
  // A person who needs a decision has an explanation.
  await page.getByRole("button", { name: /^Needs a decision/ }).click();
  await page.getByRole("grid").getByRole("rowheader").first().click();
  await expect(page.getByRole("dialog")).toContain("at Slack");
  await guards.checkPage(page);
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("button", { name: /^Link \d+ people/ }).click();
  await expect(page.getByRole("status").filter({ hasText: "linked to their accounts at Slack" })).toBeVisible();
  const linked = await countMapped(service);
  await expect.poll(() => linked > 200, `only ${linked} people are linked`);
  await guards.checkPage(page);
  await page.getByRole("button", { name: "Undo all" }).click();
  await expect(page.getByRole("status").filter({ hasText: "undone" })).toBeVisible();
  await expect.poll(async () => (await countMapped(service)) === 0, "all links are undone");
  await guards.checkPage(page);
});

flow(
  "five thousand people are imported from a dropped file",
  { service: { components: ["slack"], people: false } },
  async (here) => {
    const { page, guards, service } = here;
    await signIn(here, "/people");
    await guards.checkPage(page);
    await drop(page, createCsv(5_000));
    const dialog = page.getByRole("dialog", { name: "Import people" });
    await expect(dialog).toContain("5,000 lines");
    await guards.checkPage(page);
    await dialog.getByRole("button", { name: "Import 5,000 people" }).click();
    await expect(dialog).toContain("5,000 new");
    await dialog.getByRole("button", { name: "Close" }).last().click();
    await expect(page.getByRole("main")).toContain("5,000 people");
    await expect(page.getByRole("grid", { name: "People" })).toContain("Person 0");
    await expect.poll(
      async () => (await service.call("GET", "/api/admin/people?offset=0&limit=1")).total === 5_000,
      "all people are imported",
    );
    await page.getByLabel("Search people").fill("person.4999");
    await expect(page.getByRole("grid", { name: "People" })).toContain("Person 4999");
    await guards.checkPage(page);
  },
);

flow(
  "errors in a file are shown by line and nothing changes",
  { service: { components: [], people: false } },
  async (here) => {
    const { page, guards, service } = here;
    await signIn(here, "/people");
    const file = createCsv(3);
    file.buffer = Buffer.from(`${file.buffer}Nobody,no-address\n`);
    await page.getByLabel("Choose a CSV file").setInputFiles(file);
    const dialog = page.getByRole("dialog", { name: "Import people" });
    await expect(dialog).toContain("no-address");
    await guards.checkPage(page);
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await expect.poll(
      async () => (await service.call("GET", "/api/admin/people?offset=0&limit=1")).total === 0,
      "nothing was changed",
    );
    // The lines without errors can be imported on their own, and the others saved for correction.
    await page.getByLabel("Choose a CSV file").setInputFiles(file);
    await dialog.getByLabel("Skip 1 line with errors").check();
    await dialog.getByRole("button", { name: "Import 3 people" }).click();
    await expect(dialog).toContain("3 new, 0 changed, 0 unchanged. 1 line with errors skipped.");
    const saved = page.waitForEvent("download");
    await dialog.getByRole("button", { name: "Save the skipped lines" }).click();
    const text = await readFile(await (await saved).path(), "utf8");
    assert.equal(text, '\ufeff"name","email","error"\r\n"Nobody","no-address","email is not an email address"');
    await guards.checkPage(page);
  },
);

flow("what a spreadsheet damaged is told in the review of a file", { service: { components: [], people: false } }, async (here) => {
  const { page, guards, service } = here;
  await signIn(here, "/people");
  const rows = ["\ufeffname;email;user_id;active", "Ada;mailto:ada@acme.example;7;WAHR", ";;;", "Bob;bob@acme.example;1,08457E+20;FALSCH", "BjÃ¸rn;bjorn@acme.example;9;WAHR"];
  const file = { name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(rows.join("\r\n")) };
  await page.getByLabel("Choose a CSV file").setInputFiles(file);
  const dialog = page.getByRole("dialog", { name: "Import people" });
  await expect(dialog).toContain("a spreadsheet rounded");
  await expect(dialog).toContain("wrong encoding");
  await guards.checkPage(page);
  await dialog.getByLabel("Skip 2 lines with errors").check();
  await dialog.getByRole("button", { name: "Import 1 person" }).click();
  await expect(dialog).toContain("2 lines with errors skipped");
  await dialog.getByRole("button", { name: "Close" }).last().click();
  const { people } = await service.call("GET", "/api/admin/people?offset=0&limit=5");
  await expect.poll(() => people.map(({ email }) => email).join() === "ada@acme.example", "the address is cleaned");

  const open = { ...file, buffer: Buffer.from('name,email\nEve,"eve@acme.example\nKim,kim@acme.example\n') };
  await page.getByLabel("Choose a CSV file").setInputFiles(open);
  await expect(dialog).toContain("A quotation mark on line 2 is not closed");
  await guards.checkPage(page);
});

flow("an account that the service does not list is set only if somebody wants it", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  const { people } = await service.call("GET", "/api/admin/people?offset=0&limit=2");
  const { users } = await service.call("GET", "/api/admin/connections/slack/users?limit=10");
  const rows = ["email,slack", `${people[0].email},${users[0].external_id}`, `${people[1].email},U0NOBODY`];
  await signIn(here, "/mappings");
  const file = { name: "mappings.csv", mimeType: "text/csv", buffer: Buffer.from(rows.join("\n")) };
  await page.getByLabel("Choose a CSV file").setInputFiles(file);
  const dialog = page.getByRole("dialog", { name: "Import mappings" });
  await expect(dialog).toContain("Slack does not list this account");
  await guards.checkPage(page);
  await dialog.getByRole("button", { name: "Set 1 account" }).waitFor();
  await dialog.getByLabel("Also set 1 account").check();
  await dialog.getByRole("button", { name: "Set 2 accounts" }).click();
  await expect(dialog).toContain("Slack: 2 set, 0 unchanged.");
  await expect.poll(async () => (await countMapped(service)) === 2, "both accounts are set");
});

flow("an account is mapped by keyboard and the change is undone", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  await signIn(here, "/mappings");
  const grid = page.getByRole("grid", { name: "People and their accounts" });
  await expect(grid).toContain("@acme.example");
  await guards.checkPage(page);
  await grid.getByRole("gridcell").nth(1).focus();
  await page.keyboard.type("ada");
  await page.getByRole("listbox").getByRole("option").first().waitFor();
  await guards.checkPage(page);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("status").filter({ hasText: "at Slack" })).toBeVisible();
  await expect.poll(async () => (await countMapped(service)) === 1, "one person is mapped");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(async () => (await countMapped(service)) === 0, "the mapping is undone");
  await visit(page, "Audit");
  await expect(page.getByRole("main")).toContain("admin");
  await guards.checkPage(page);
});

flow("an account in the table is shown with the name of its user", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  const { people } = await service.call("GET", "/api/admin/people?offset=0&limit=1");
  const { users } = await service.call("GET", "/api/admin/connections/slack/users?limit=200");
  // Another person's account, so that the name can only come from the provider.
  const account = users.find((user) => user.name && user.email !== people[0].email);
  await service.call("PUT", `/api/admin/connections/user-mappings/${people[0].id}`, {
    provider: "slack",
    external_id: account.external_id,
  });
  await signIn(here, "/mappings");
  const row = page.getByRole("row").filter({ hasText: people[0].email });
  await expect(row.getByRole("gridcell").first()).toContain(`${account.name} ${account.external_id}`);
  await guards.checkPage(page);
});

flow("a search without a match can be corrected and cleared", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  await signIn(here);
  for (const [path, label, all] of [
    ["/people", "People", /^300 people$/],
    ["/mappings", "People and their accounts", /^\d+ active people$/],
  ]) {
    await page.goto(path);
    const grid = page.getByRole("grid", { name: label, exact: true });
    const count = page.locator(".count");
    await expect(grid).toContain("@acme.example");
    const search = page.getByLabel("Search people");
    await search.fill("bjørm");
    await expect(page.getByRole("heading", { name: "No matches" })).toBeVisible();
    await guards.checkPage(page);
    await search.fill("bjørn");
    await expect(grid).toContain("Bjørn");
    await expect(page.getByRole("heading", { name: "No matches" })).toHaveCount(0);
    await search.fill("bjørm");
    await expect(grid).toHaveCount(0);
    await search.fill("");
    await expect(grid).toContain("Ada");
    await expect(count).toContain(all);
    await expect(page.getByRole("heading", { name: /^No / })).toHaveCount(0);
  }
});

flow("Enter chooses nobody whose address differs", SLACK, async (here) => {
  const { page, service } = here;
  await service.connect("slack");
  const stranger = { name: "Chloé Berg 00442", email: "chloe.442@acme.example" };
  await service.call("POST", "/api/admin/people", stranger);
  await signIn(here, `/mappings?q=${encodeURIComponent(stranger.email)}`);
  const grid = page.getByRole("grid", { name: "People and their accounts" });
  const cell = grid.getByRole("row").filter({ hasText: stranger.email }).getByRole("gridcell").first();
  await cell.focus();
  await page.keyboard.press("Enter");
  const list = page.getByRole("listbox");
  await list.getByRole("option").first().waitFor();
  await expect(list.getByRole("option", { selected: true })).toHaveCount(0);
  await expect(page.locator(".picker-status")).toContain("Choose one with the arrow keys");
  await page.keyboard.press("Enter");
  await page.keyboard.type("bjørn");
  await expect(list).toContain("Bjørn");
  await page.keyboard.press("Enter");
  await expect(list.getByRole("option", { selected: true })).toHaveCount(0);
  await page.keyboard.press("Escape");
  await expect.poll(async () => (await countMapped(service)) === 0, "nobody is mapped");
  // The address of an account, typed in full, means that account.
  const { users } = await service.call("GET", "/api/admin/connections/slack/users?limit=5");
  const account = users.find(({ email }) => email);
  await cell.focus();
  await page.keyboard.type(account.email);
  await expect(list.getByRole("option", { selected: true })).toContain(account.email);
  await page.keyboard.press("Enter");
  await expect(cell).toContain(account.external_id);
});

flow("the person's own address is chosen by Enter", SLACK, async (here) => {
  const { page, service } = here;
  await service.connect("slack");
  const { users } = await service.call("GET", "/api/admin/connections/slack/users?limit=50&with=person");
  const { users: people } = await service.call("GET", "/api/admin/connections/user-mappings?offset=0&limit=300");
  const person = people.find((one) => users.filter(({ email }) => email === one.email).length === 1);
  const account = users.find(({ email }) => email === person.email);
  await signIn(here, `/mappings?q=${encodeURIComponent(person.email)}`);
  const grid = page.getByRole("grid", { name: "People and their accounts" });
  const cell = grid.getByRole("row").filter({ hasText: person.email }).getByRole("gridcell").first();
  await cell.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("option", { selected: true })).toContain(account.email);
  await page.keyboard.press("Enter");
  await expect(cell).toContain(account.external_id);
});

flow("Ctrl and Z undo the changes of the table one by one", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  await service.call("POST", "/api/admin/connections/slack/match", { dry_run: false });
  await signIn(here, "/mappings");
  await page.getByLabel("Search people").fill("bjørn");
  const grid = page.getByRole("grid", { name: "People and their accounts" });
  await expect(page.locator(".count")).toContain(/^\d\d? active people$/);
  await expect(grid).not.toContain("Ada");
  await expect(grid).toContain(/U0\w+/);
  const cells = grid.getByRole("gridcell").filter({ hasText: /U0/ });
  const linked = await countMapped(service);
  const listIds = async () => (await cells.allInnerTexts()).map((text) => /U0\w+/.exec(text)[0]).join();
  const before = await listIds();
  const columns = await grid.getByRole("gridcell").all();
  const filled = [];
  for (const cell of columns) if (/U0/.test(await cell.innerText())) filled.push(cell);
  for (const cell of filled.slice(0, 2)) {
    await cell.focus();
    await page.keyboard.press("Delete");
    await expect(cell).not.toContain("U0");
  }
  await expect.poll(async () => (await countMapped(service)) === linked - 2, "two mappings are removed");
  // Only the last change can be undone from its message.
  await expect(page.getByRole("button", { name: "Undo", exact: true })).toHaveCount(1);
  for (const count of [linked - 1, linked]) {
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await countMapped(service)) === count, `${count} people are mapped`);
  }
  await expect.poll(async () => (await listIds()) === before, "the same accounts as before");
  await expect(page.getByLabel("Search people")).toHaveValue("bjørn");
  await expect.poll(() => new URL(page.url()).searchParams.get("q") === "bjørn", "the search is unchanged");
  await expect.poll(() => page.evaluate(() => document.activeElement.getAttribute("role") === "gridcell"), "the focus stays in the table");
  await guards.checkPage(page);
});

flow("a dialog starts in its first field and a refusal returns there", { service: { components: [] } }, async (here) => {
  const { page, guards } = here;
  await signIn(here, "/people");
  await page.getByRole("button", { name: "Add a person" }).click();
  const name = page.getByRole("dialog").getByLabel("Name", { exact: true });
  await expect(name).toBeFocused();
  await page.keyboard.type("Ada Test");
  guards.expect(422, "/api/admin/people");
  await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
  await expect(page.getByRole("dialog").getByLabel("Email", { exact: true })).toBeFocused();
  await page.keyboard.press("Escape");
  await page.getByRole("rowheader").first().click();
  await page.getByRole("button", { name: "Remove…" }).click();
  await expect(page.getByRole("dialog").getByRole("button", { name: "Cancel" })).toBeFocused();
});

flow("the Back button returns to where a page and its table were", SLACK, async (here) => {
  const { page, service } = here;
  await service.connect("slack");
  await signIn(here, "/mappings");
  const grid = page.getByRole("grid", { name: "People and their accounts" });
  await expect(grid).toContain("@acme.example");
  await grid.evaluate((element) => element.scrollTo(0, 5_200));
  await expect(grid).not.toContain("Ada Kowalski");
  const position = await grid.evaluate((element) => element.scrollTop);
  await visit(page, "People");
  await page.goBack();
  await expect.poll(async () => (await grid.evaluate((element) => element.scrollTop)) === position, "the table is where it was");
  await page.goto("/connections/slack/users");
  await expect(page.getByRole("table")).toContain("@acme.example");
  await page.evaluate(() => scrollTo(0, 1_500));
  await page.getByRole("link", { name: "Match to people" }).evaluate((link) => link.click());
  await page.getByRole("heading", { level: 1, name: "Match Slack" }).waitFor();
  await page.goBack();
  await expect.poll(() => page.evaluate(() => scrollY === 1_500), "the page is where it was");
});
