// Connecting by a form, and how a connection stands afterwards: well, down, refused, and gone.
import { card, connect, fill, signedIn, TITLES, visit } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);
const SLACK = { service: { components: ["slack"] } };
const BY_FORM = ["slack", "productive", "remote", "scrapin", "google-workspace"];

flow("five services are connected by their forms", { service: {} }, async (here) => {
  const { page, guards } = here;
  await signedIn(here);
  await guards.look(page);
  for (const provider of BY_FORM) {
    await connect(here, provider);
    await guards.look(page, { axe: provider === "google-workspace" });
  }
  await visit(page, "Connections");
  for (const provider of BY_FORM) await expect(card(page, provider)).toContain("Connected");
  await expect(card(page, "slack")).toContain("Acme Instruments");
  await guards.look(page);
});

flow("a wrong token is told beside its field and nothing is stored", SLACK, async (here) => {
  const { page, guards, standIns, secrets } = here;
  const wrong = { ...standIns.fields("slack"), bot_token: "xoxb-wrong-1234567890" };
  secrets.addFields("slack", wrong);
  guards.expect(422, "/api/admin/connections/slack");
  await signedIn(here, "/connections/slack");
  await guards.look(page);
  await fill(page, wrong);
  await page.getByRole("button", { name: "Connect Slack" }).click();
  const field = page.getByLabel("Bot token", { exact: true });
  await expect(field).toBeFocused();
  const described = await field.getAttribute("aria-describedby");
  const error = page.locator(
    described
      .split(" ")
      .map((id) => `[id="${id}"]`)
      .at(-1),
  );
  await expect(error).toContain("refused");
  await guards.runAxe(page);
  // What was typed stays, so that it can be mended; it is not stored, and the page has said so.
  await expect(page.getByRole("alert")).toContain("Nothing was stored");
  await fill(page, standIns.fields("slack"));
  secrets.addFields("slack", standIns.fields("slack"));
  await page.getByRole("button", { name: "Connect Slack" }).click();
  await page.getByRole("heading", { name: "Slack is connected" }).waitFor();
  await guards.look(page);
});

flow("a field is minded while it is typed", SLACK, async (here) => {
  const { page } = here;
  await signedIn(here, "/connections/slack");
  const field = page.getByLabel("Bot token", { exact: true });
  await field.fill("no-token");
  const hint = page.locator(`[id="${await field.getAttribute("id")}-hint"]`);
  await expect(hint).toBeVisible();
  await field.fill("xoxb-looks-like-one");
  await expect(hint).toHaveCount(0);
  await page.getByRole("button", { name: "Show" }).click();
  await expect.poll(
    async () => (await field.getAttribute("type")) === "text",
    "a secret can be seen before it is saved",
  );
});

flow("an empty secret field keeps what is stored", SLACK, async (here) => {
  const { page, guards, service } = here;
  await signedIn(here);
  await connect(here, "slack");
  await page.goto("/connections/slack");
  await page.getByRole("button", { name: "Change settings" }).click();
  const field = page.getByLabel("Bot token", { exact: true });
  await expect(field).toBeEmpty();
  await guards.look(page);
  await page.getByRole("button", { name: "Test and save" }).click();
  await page.getByRole("heading", { name: "Slack is connected" }).waitFor();
  const put = service.wire.exchanges.filter(({ method, path }) => method === "PUT" && path.endsWith("/slack")).at(-1);
  await expect.poll(() => Buffer.concat(put.asked).toString() === "{}", "nothing is sent that did not change");
});

flow("a provider goes down and comes back on an open page", SLACK, async (here) => {
  const { page, guards, standIns, service } = here;
  await service.connect("slack");
  await signedIn(here);
  await expect(card(page, "slack")).toContain("Connected");
  await standIns.tell("slack", "fail", { status: 503 });
  // Somebody else's work meets it; the page hears of it by itself.
  await service.ask("GET", "/api/admin/connections/slack/health");
  await expect(card(page, "slack")).toContain("Provider down");
  await expect(card(page, "slack")).toContain("The credential is kept");
  await guards.look(page);
  await standIns.tell("slack", "mend");
  await card(page, "slack").getByRole("button", { name: "Check now: Slack" }).click();
  await expect(card(page, "slack")).not.toContain("Provider down");
  await expect(card(page, "slack")).toContain("Connected");
});

flow("a list that was read before a change is asked for again", SLACK, async (here) => {
  const { page, context, service } = here;
  let release;
  const isReleased = new Promise((resolve) => (release = resolve));
  let asked = 0;
  await page.route("**/api/admin/connections", async (route) => {
    asked += 1;
    const response = await route.fetch();
    await isReleased;
    await route.fulfill({ response });
  });
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  const isTold = new Promise((resolve) => {
    devtools.on("Network.eventSourceMessageReceived", ({ eventName }) => eventName === "connection" && resolve());
  });
  const listens = page.waitForResponse("**/api/admin/events");
  await signedIn(here);
  await listens;
  await service.connect("slack");
  await isTold;
  // Only now comes the answer that was read before.
  release();
  await expect(card(page, "slack")).toContain("Acme Instruments");
  await expect.poll(() => asked === 2, "the list is asked for twice");
});

flow("a credential that was taken back asks for a new sign-in", SLACK, async (here) => {
  const { page, guards, standIns, service } = here;
  await service.connect("slack");
  await signedIn(here);
  await standIns.tell("slack", "revoke");
  await service.ask("GET", "/api/admin/connections/slack/health");
  await expect(card(page, "slack")).toContain("Needs a new sign-in");
  await guards.look(page);
  await standIns.tell("slack", "know");
  await card(page, "slack").getByRole("link", { name: "Reconnect: Slack" }).click();
  const { bot_token } = standIns.fields("slack");
  here.secrets.addFields("slack", { bot_token });
  await fill(page, { bot_token });
  await page.getByRole("button", { name: "Test and save" }).click();
  await page.getByRole("heading", { name: "Slack is connected" }).waitFor();
  await guards.look(page);
});

flow("a disconnect says beforehand what will go", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  service.token("service", "payroll");
  await service.ask("POST", "/api/admin/connections/slack/match", { dry_run: false });
  await signedIn(here, "/connections/slack");
  await page.getByRole("button", { name: "Disconnect…" }).click();
  const dialog = page.getByRole("dialog", { name: "Disconnect Slack?" });
  await expect(dialog).toContain("revoked at Slack");
  await expect(dialog).toContain("payroll");
  await guards.look(page);
  await dialog.getByRole("button", { name: "Keep it" }).click();
  await expect(dialog).toHaveCount(0);
  await page.getByRole("button", { name: "Disconnect…" }).click();
  await dialog.getByRole("button", { name: "Disconnect Slack" }).click();
  const gone = page.getByRole("dialog", { name: "Slack is disconnected" });
  await expect(gone).toContain("revoked at the provider");
  await gone.getByRole("button", { name: "Done" }).click();
  await visit(page, "Connections");
  await expect(card(page, "slack")).toContain("Not connected");
});

flow("the users of a provider are paged and searched", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  await signedIn(here, "/connections/slack/users");
  const rows = page.getByRole("table", { name: "Users of Slack" }).getByRole("row");
  await expect.poll(async () => (await rows.count()) > 50, "a page of users is shown");
  await guards.look(page);
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByRole("navigation", { name: "Pages of users" })).toContain("Page 2");
  await page.getByLabel("Search").fill("zoe");
  await expect(page.getByRole("table", { name: "Users of Slack" })).toContain("Zoë");
  await expect(page.getByRole("table", { name: "Users of Slack" })).not.toContain("Bjørn");
  await guards.look(page);
});

flow("a provider without users says so", { service: { components: ["scrapin"] } }, async (here) => {
  const { page, guards, service } = here;
  await service.connect("scrapin");
  await signedIn(here, "/connections/scrapin/users");
  await expect(page.getByRole("main")).toContain(`${TITLES.scrapin} has no users to list`);
  await guards.look(page);
});

flow("an answer that is cut off is told in words", { service: { components: ["scrapin"] } }, async (here) => {
  const { page, guards, standIns } = here;
  await signedIn(here, "/connections/scrapin");
  await page.route("**/api/admin/connections/scrapin/alerts-config", (route) =>
    route.fulfill({ status: 200, contentType: "application/json", body: '{"configured":' }),
  );
  await page.getByLabel("API key", { exact: true }).fill(standIns.fields("scrapin").api_key);
  await page.getByRole("button", { name: "Connect Scrapin" }).click();
  await expect(page.getByRole("main")).toContain("The service's answer could not be read.");
  await guards.look(page);
});
