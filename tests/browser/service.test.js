// The service page: rows that were changed by hand, and a sealed service.
import { signIn } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);
const SERVICE = { service: { components: ["slack"], people: false } };

/** Changes what the API says about the service. */
async function changeService(page, change) {
  await page.route("**/api/admin/service", async (route) => {
    const service = await (await route.fetch()).json();
    await route.fulfill({ json: { ...service, ...change } });
  });
}

/** A row of each table, and what the page says about it. */
const ROWS = {
  tokens: ["019ab7f1-c7de-7a10-b6f0-a1d2c3b4a596", "jackfield token revoke 019ab7f1-c7de-7a10-b6f0-a1d2c3b4a596"],
  sessions: ["019ab7f1-c7de-7a10-b6f0-a1d2c3b4a597", "sign in again"],
  signin_links: ["Ada\u202e Lovelace", "Ada\ufffd Lovelace"],
  oauth_apps: ["xero", "Set it again"],
  oauth_flows: ["019ab7f1-c7de-7a10-b6f0-a1d2c3b4a598", "Start it again"],
  connections: ["slack", "Connect it again with all its fields"],
};

flow("rows that were changed by hand are listed with what to do", SERVICE, async (here) => {
  const { page, guards, service } = here;
  const { edited_rows } = await service.call("GET", "/api/admin/service");
  await signIn(here, "/service");
  const main = page.getByRole("main");
  await expect(main).toContain("Schema version");
  await expect(main).not.toContain("changed by hand");
  await expect.poll(() => edited_rows.length === 0, "no row is edited");

  await changeService(page, { edited_rows: Object.entries(ROWS).map(([table, [row]]) => ({ table, row })) });
  await page.reload();
  await expect(main).toContain("6 rows of the database were inserted or changed by hand");
  for (const [, text] of Object.values(ROWS)) await expect(main).toContain(text);
  await guards.checkPage(page);
  await main.getByRole("link", { name: "slack", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "Slack" }).waitFor();
  // A request can still be in progress.
  await page.unrouteAll({ behavior: "wait" });
});

flow("a sealed service says that changes are refused", SERVICE, async (here) => {
  const { page, guards } = here;
  const reason = "the master key is not the one with which this database was encrypted";
  await changeService(page, { key: { state: "sealed", reason } });
  await signIn(here, "/service");
  const main = page.getByRole("main");
  await expect(main).toContain("The master key is not the one");
  await expect(main).toContain("Every change is refused");
  await guards.checkPage(page);
  await page.unrouteAll({ behavior: "wait" });
});
