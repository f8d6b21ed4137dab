// Connecting with a form, and the connection afterwards: healthy, failing, rejected, disconnected; and its users.
import { card, connect, fill, signIn, TITLES, visit } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);
const SLACK = { service: { components: ["slack"] } };
const BY_FORM = ["slack", "productive", "remote", "scrapin", "google-workspace"];

flow("five services are connected with their forms", { service: {} }, async (here) => {
  const { page, guards } = here;
  await signIn(here);
  await guards.checkPage(page);
  for (const provider of BY_FORM) {
    await connect(here, provider);
    await guards.checkPage(page, { axe: provider === "google-workspace" });
  }
  await visit(page, "Connections");
  for (const provider of BY_FORM) await expect(card(page, provider)).toContain("Connected");
  await expect(card(page, "slack")).toContain("Acme Instruments");
  await guards.checkPage(page);
});

flow("a wrong token is reported at its field and nothing is stored", SLACK, async (here) => {
  const { page, guards, standIns, secrets } = here;
  const wrong = { ...standIns.fields("slack"), bot_token: "xoxb-wrong-1234567890" };
  secrets.addFields("slack", wrong);
  guards.expect(422, "/api/admin/connections/slack");
  await signIn(here, "/connections/slack");
  await guards.checkPage(page);
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
  await expect(error).toContain("rejected");
  await guards.runAxe(page);
  // The entered values stay in the form, so that they can be corrected. The page says that they are not stored.
  await expect(page.getByRole("alert")).toContain("Nothing was stored");
  await fill(page, standIns.fields("slack"));
  secrets.addFields("slack", standIns.fields("slack"));
  await page.getByRole("button", { name: "Connect Slack" }).click();
  await page.getByRole("heading", { name: "Slack is connected" }).waitFor();
  await guards.checkPage(page);
});

flow("a first connect that fails says that nothing is stored", SLACK, async (here) => {
  const { page, guards, standIns, secrets } = here;
  const fields = standIns.fields("slack");
  secrets.addFields("slack", fields);
  await standIns.tell("slack", "fail", { status: 503 });
  guards.expect(502, "/api/admin/connections/slack");
  await signIn(here, "/connections/slack");
  await fill(page, fields);
  await page.getByRole("button", { name: "Connect Slack" }).click();
  await expect(page.getByRole("alert")).toContain("Nothing was stored.");
  await expect(page.getByRole("alert")).not.toContain(/kept|retried|still|previous/);
  await guards.runAxe(page);
  await standIns.tell("slack", "mend");
  await page.getByRole("button", { name: "Connect Slack" }).click();
  await page.getByRole("heading", { name: "Slack is connected" }).waitFor();
});

flow("what the plugin reported is still shown after a reload", SLACK, async (here) => {
  const { page, guards } = here;
  await signIn(here);
  await connect(here, "slack");
  await expect(page.getByRole("main")).toContain("general");
  await page.reload();
  const overview = page.getByRole("region", { name: "Overview" });
  await expect(overview).toContain("Details from Slack");
  await expect(overview).toContain("general");
  await guards.checkPage(page);
});

flow("a field shows a hint while somebody types", SLACK, async (here) => {
  const { page } = here;
  await signIn(here, "/connections/slack");
  const field = page.getByLabel("Bot token", { exact: true });
  await field.fill("no-token");
  const hint = page.locator(`[id="${await field.getAttribute("id")}-hint"]`);
  await expect(hint).toBeVisible();
  await field.fill("xoxb-looks-like-one");
  await expect(hint).toHaveCount(0);
  await page.getByRole("button", { name: "Show" }).click();
  await expect.poll(
    async () => (await field.getAttribute("type")) === "text",
    "a secret can be shown before it is saved",
  );
});

flow("an empty secret field keeps what is stored", SLACK, async (here) => {
  const { page, guards, service } = here;
  await signIn(here);
  await connect(here, "slack");
  await page.goto("/connections/slack");
  await page.getByRole("button", { name: "Change settings" }).click();
  const field = page.getByLabel("Bot token", { exact: true });
  await expect(field).toBeEmpty();
  await guards.checkPage(page);
  await page.getByRole("button", { name: "Test and save" }).click();
  await page.getByRole("heading", { name: "Slack is connected" }).waitFor();
  const put = service.proxy.exchanges.filter(({ method, path }) => method === "PUT" && path.endsWith("/slack")).at(-1);
  await expect.poll(() => Buffer.concat(put.requestChunks).toString() === "{}", "unchanged fields are not sent");
});

flow("an open page shows that a provider fails and recovers", SLACK, async (here) => {
  const { page, guards, standIns, service } = here;
  await service.connect("slack");
  await signIn(here);
  await expect(card(page, "slack")).toContain("Connected");
  await standIns.tell("slack", "fail", { status: 503 });
  // A request of somebody else notices it, and the open page is updated.
  await service.call("GET", "/api/admin/connections/slack/health");
  await expect(card(page, "slack")).toContain("Provider down");
  await expect(card(page, "slack")).toContain("The credential is kept");
  await guards.checkPage(page);
  await standIns.tell("slack", "mend");
  await card(page, "slack").getByRole("button", { name: "Check now: Slack" }).click();
  await expect(card(page, "slack")).not.toContain("Provider down");
  await expect(card(page, "slack")).toContain("Connected");
});

flow("a list that was read before a change is requested again", SLACK, async (here) => {
  const { page, context, service } = here;
  let release;
  const isReleased = new Promise((resolve) => (release = resolve));
  let requests = 0;
  await page.route("**/api/admin/connections", async (route) => {
    requests += 1;
    const response = await route.fetch();
    await isReleased;
    await route.fulfill({ response });
  });
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  const isNotified = new Promise((resolve) => {
    devtools.on("Network.eventSourceMessageReceived", ({ eventName }) => eventName === "connection" && resolve());
  });
  const stream = page.waitForResponse("**/api/admin/events");
  await signIn(here);
  await stream;
  await service.connect("slack");
  await isNotified;
  // Now the response arrives, which is older than the event.
  release();
  await expect(card(page, "slack")).toContain("Acme Instruments");
  await expect.poll(() => requests === 2, "the list is requested twice");
});

flow("a list that was read before the stream opened is requested again", SLACK, async (here) => {
  const { page, service } = here;
  const gate = () => {
    let open;
    const isOpen = new Promise((resolve) => (open = resolve));
    return { open, isOpen };
  };
  const [read, connected, released] = [gate(), gate(), gate()];
  await page.route("**/api/admin/connections", async (route) => {
    const response = await route.fetch();
    read.open();
    await released.isOpen;
    await route.fulfill({ response });
  });
  await page.route("**/api/admin/events", async (route) => {
    await connected.isOpen;
    await route.continue();
  });
  const stream = page.waitForResponse("**/api/admin/events");
  await signIn(here);
  await read.isOpen;
  // No event reports this connection, because the stream opens later.
  await service.connect("slack");
  connected.open();
  await stream;
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
  released.open();
  await expect(card(page, "slack")).toContain("Acme Instruments");
});

flow("a revoked credential needs a new sign-in", SLACK, async (here) => {
  const { page, guards, standIns, service } = here;
  await service.connect("slack");
  await signIn(here);
  await standIns.tell("slack", "revoke");
  await service.call("GET", "/api/admin/connections/slack/health");
  await expect(card(page, "slack")).toContain("Needs a new sign-in");
  await guards.checkPage(page);
  await standIns.tell("slack", "know");
  await card(page, "slack").getByRole("link", { name: "Reconnect: Slack" }).click();
  await expect(page.getByRole("main")).toContain("Enter a new one: the provider no longer accepts the stored credential.");
  const { bot_token } = standIns.fields("slack");
  here.secrets.addFields("slack", { bot_token });
  await fill(page, { bot_token });
  await page.getByRole("button", { name: "Test and save" }).click();
  await page.getByRole("heading", { name: "Slack is connected" }).waitFor();
  await guards.checkPage(page);
});

flow("a disconnect shows beforehand what will be lost", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  service.createToken("service", "payroll");
  await service.call("POST", "/api/admin/connections/slack/match", { dry_run: false });
  await signIn(here, "/connections/slack");
  await page.getByRole("button", { name: "Disconnect…" }).click();
  const dialog = page.getByRole("dialog", { name: "Disconnect Slack?" });
  await expect(dialog).toContain("revoked at Slack");
  await expect(dialog).toContain("payroll");
  await guards.checkPage(page);
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

flow("the users of a provider can be paged and searched", SLACK, async (here) => {
  const { page, guards, service } = here;
  await service.connect("slack");
  await signIn(here, "/connections/slack/users");
  const rows = page.getByRole("table", { name: "Users of Slack" }).getByRole("row");
  await expect.poll(async () => (await rows.count()) > 50, "a page of users is shown");
  await guards.checkPage(page);
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByRole("navigation", { name: "Pages of users" })).toContain("Page 2");
  await page.getByLabel("Search").fill("zoe");
  await expect(page.getByRole("table", { name: "Users of Slack" })).toContain("Zoë");
  await expect(page.getByRole("table", { name: "Users of Slack" })).not.toContain("Bjørn");
  await guards.checkPage(page);
});

flow("a page of users is in the address and filters do not lose each other", SLACK, async (here) => {
  const { page, service } = here;
  await service.connect("slack");
  await signIn(here, "/connections/slack/users");
  const table = page.getByRole("table", { name: "Users of Slack" });
  await expect(table).toBeVisible();
  await page.getByRole("button", { name: "Next" }).click();
  const pages = page.getByRole("navigation", { name: "Pages of users" });
  await expect(pages).toContain("Page 2");
  const second = await table.innerText();
  await page.reload();
  await expect(pages).toContain("Page 2");
  await expect.poll(async () => (await table.innerText()) === second, "the same users are shown again");
  await page.goBack();
  await expect(pages).toContain("Page 1");
  await page.getByLabel("Search").fill("zoe");
  await expect(table).toContain("Zoë");
  // Both before the pause after which a search starts.
  await page.evaluate(() => {
    const [field, choice] = document.querySelectorAll("input[type=search], select");
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    choice.value = "unmapped";
    choice.dispatchEvent(new Event("input", { bubbles: true }));
  });
  await expect.poll(() => new URL(page.url()).search === "?state=unmapped", "the search is cleared and the filter kept");
  await expect(page.getByRole("main")).toContain("found among");
});

flow("a provider without users says so", { service: { components: ["scrapin"] } }, async (here) => {
  const { page, guards, service } = here;
  await service.connect("scrapin");
  await signIn(here, "/connections/scrapin/users");
  await expect(page.getByRole("main")).toContain(`${TITLES.scrapin} has no users to list`);
  await guards.checkPage(page);
});

flow("a cut off response is explained", { service: { components: ["scrapin"] } }, async (here) => {
  const { page, guards, standIns } = here;
  await signIn(here, "/connections/scrapin");
  await page.route("**/api/admin/connections/scrapin/alerts-config", (route) =>
    route.fulfill({ status: 200, contentType: "application/json", body: '{"configured":' }),
  );
  await page.getByLabel("API key", { exact: true }).fill(standIns.fields("scrapin").api_key);
  await page.getByRole("button", { name: "Connect Scrapin" }).click();
  await expect(page.getByRole("main")).toContain("The service's answer could not be read.");
  await guards.checkPage(page);
});

flow("a disconnect that was started says how it ends", SLACK, async (here) => {
  const { page, guards, service, secrets } = here;
  secrets.addFields("slack", service.standIns.fields("slack"));
  await service.connect("slack");
  const disconnect = { by: "Ada Lovelace", at: new Date(Date.now() - 90_000).toISOString() };
  await page.route("**/api/admin/connections", async (route) => {
    const list = await (await route.fetch()).json();
    const [connection] = list.connections;
    if (connection) Object.assign(connection, { status: "degraded", reason: "a disconnect was started", disconnect });
    await route.fulfill({ json: list });
  });
  await signIn(here);
  await expect(card(page, "slack")).toContain("Ada Lovelace started to disconnect it 1 minute ago");
  await guards.checkPage(page);
  await card(page, "slack").getByRole("link", { name: "View connection: Slack" }).click();
  const main = page.getByRole("main");
  await expect(main).toContain("To keep the connection, connect it again");
  await expect(page.getByRole("heading", { name: "Reconnect" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Check now" })).toHaveCount(0);
  await guards.checkPage(page);
  await page.getByRole("button", { name: "Disconnect…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Disconnect Slack" }).click();
  await expect(page.getByRole("dialog")).toContain("Slack is disconnected");
  // A request for the list can still be in progress.
  await page.unrouteAll({ behavior: "wait" });
});
