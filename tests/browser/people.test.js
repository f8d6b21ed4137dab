// People and whose their accounts are: matched with a plan and undone, taken from files, mapped by the keyboard.
import { drop, signedIn, visit } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);
const SLACK = { service: { components: ["slack"] } };
const MAPPINGS = "/api/admin/connections/user-mappings?provider=slack&state=mapped&limit=1";

const mapped = async (service) => (await service.ask("GET", MAPPINGS)).total;

/** A CSV file with this many people who are not there yet. */
function sheet(rows, column = () => "") {
  const lines = Array.from({ length: rows }, (_, at) => `Person ${at},person.${at}@acme.example${column(at)}`);
  return { name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(`name,email\n${lines.join("\n")}\n`) };
}

flow("a match is looked at before it is applied and undone as a whole", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  await signedIn(here, "/connections/slack/match");
  await page.getByRole("grid", { name: "People and their accounts at Slack" }).waitFor();
  await expect.poll(async () => (await mapped(service)) === 0, "nothing is changed by looking");
  await guards.look(page);
  // What is open says why.
  await page.getByRole("button", { name: /^Needs a decision/ }).click();
  await page.getByRole("grid").getByRole("rowheader").first().click();
  await expect(page.getByRole("dialog")).toContain("at Slack");
  await guards.look(page);
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("button", { name: /^Link \d+ people/ }).click();
  await expect(page.getByRole("status").filter({ hasText: "linked to their accounts at Slack" })).toBeVisible();
  const linked = await mapped(service);
  await expect.poll(() => linked > 200, `only ${linked} people are linked`);
  await guards.look(page);
  await page.getByRole("button", { name: "Undo all" }).click();
  await expect(page.getByRole("status").filter({ hasText: "undone" })).toBeVisible();
  await expect.poll(async () => (await mapped(service)) === 0, "everything is taken back");
  await guards.look(page);
});

flow(
  "five thousand people come by a file that is dropped",
  { service: { components: ["slack"], people: false } },
  async (here) => {
    const { page, guards, service } = here;
    await signedIn(here, "/people");
    await guards.look(page);
    await drop(page, sheet(5_000));
    const dialog = page.getByRole("dialog", { name: "Import people" });
    await expect(dialog).toContain("5,000 lines");
    await guards.look(page);
    await dialog.getByRole("button", { name: "Import 5,000 people" }).click();
    await expect(dialog).toContain("5,000 new");
    await dialog.getByRole("button", { name: "Close" }).last().click();
    await expect(page.getByRole("main")).toContain("5,000 people");
    await expect(page.getByRole("grid", { name: "People" })).toContain("Person 0");
    await expect.poll(
      async () => (await service.ask("GET", "/api/admin/people?offset=0&limit=1")).total === 5_000,
      "all are there",
    );
    await page.getByLabel("Search people").fill("person.4999");
    await expect(page.getByRole("grid", { name: "People" })).toContain("Person 4999");
    await guards.look(page);
  },
);

flow(
  "a file with mistakes says on which line and changes nothing",
  { service: { components: [], people: false } },
  async (here) => {
    const { page, guards, service } = here;
    await signedIn(here, "/people");
    const file = sheet(3);
    file.buffer = Buffer.from(`${file.buffer}Nobody,no-address\n`);
    await page.getByLabel("Choose a CSV file").setInputFiles(file);
    const dialog = page.getByRole("dialog", { name: "Import people" });
    await expect(dialog).toContain("no-address");
    await guards.look(page);
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await expect.poll(
      async () => (await service.ask("GET", "/api/admin/people?offset=0&limit=1")).total === 0,
      "nothing was changed",
    );
  },
);

flow("an account is chosen by the keyboard alone and taken back", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  await signedIn(here, "/mappings");
  const grid = page.getByRole("grid", { name: "People and their accounts" });
  await expect(grid).toContain("@acme.example");
  await guards.look(page);
  await grid.getByRole("gridcell").nth(1).focus();
  await page.keyboard.type("ada");
  await page.getByRole("listbox").getByRole("option").first().waitFor();
  await guards.look(page);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("status").filter({ hasText: "at Slack" })).toBeVisible();
  await expect.poll(async () => (await mapped(service)) === 1, "one person is mapped");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(async () => (await mapped(service)) === 0, "the mapping is taken back");
  await visit(page, "Audit");
  await expect(page.getByRole("main")).toContain("admin");
  await guards.look(page);
});

flow("an account in the table goes by its user's name", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  const { people } = await service.ask("GET", "/api/admin/people?offset=0&limit=1");
  const { users } = await service.ask("GET", "/api/admin/connections/slack/users?limit=200");
  // Somebody else's account, so that the name can only come from the provider.
  const account = users.find((user) => user.name && user.email !== people[0].email);
  await service.ask("PUT", `/api/admin/connections/user-mappings/${people[0].id}`, {
    provider: "slack",
    external_id: account.external_id,
  });
  await signedIn(here, "/mappings");
  const row = page.getByRole("row").filter({ hasText: people[0].email });
  await expect(row.getByRole("gridcell").first()).toContain(`${account.name} ${account.external_id}`);
  await guards.look(page);
});
