// People and mappings: matching with a plan, undo, imports of files, and mapping by keyboard.
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
  await dialog.getByLabel(/^Skip 2 lines/).check();
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
  await dialog.getByLabel(/^Also set 1 account/).check();
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
