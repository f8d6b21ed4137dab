// The audit page: every action in words, and every filter finds what was written.
import assert from "node:assert/strict";

import { readPlugin, signIn } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);

/** Actions that need more than a request: an older database, a hostile plugin, a provider's window. */
const NOT_DONE_HERE = [
  "connection.account",
  "provider.oauth_app",
  "provider.rollback",
  "provider.secret_guess",
  "token.adopt",
];

/** Does something of each kind, through the API and with the program. */
async function actOnce(here) {
  const { service, standIns, secrets } = here;
  const { fields } = { fields: standIns.fields("slack") };
  await service.connect("slack", fields);
  await service.connect("slack", fields);
  const wrong = { ...fields, bot_token: "xoxb-wrong-1234567890" };
  secrets.addFields("slack", wrong);
  await service.call("PUT", "/api/admin/connections/slack", wrong).catch(() => {});
  await service.connect("scrapin");
  await service.call("POST", "/api/admin/connections/scrapin/alerts-config", { webhook_url: "https://hooks.acme.example/x" });
  const mappings = "/api/admin/connections/user-mappings";
  const { plan_id: plan } = await service.call("POST", "/api/admin/connections/slack/match", { dry_run: false });
  await service.call("POST", `/api/admin/connections/slack/match/${plan}/undo`);
  const person = await service.call("POST", "/api/admin/people", { name: "Ada Test", email: "ada.test@acme.example" });
  await service.call("PUT", `${mappings}/${person.id}`, { provider: "slack", external_id: "U0TEST" });
  const mapping = [{ email: "ada.test@acme.example", external_id: "U0OTHER" }];
  await service.call("POST", `${mappings}/sync`, { provider: "slack", mappings: mapping });
  await service.call("DELETE", `${mappings}/${person.id}/slack`);
  await service.call("PATCH", `/api/admin/people/${person.id}`, { active: false });
  await service.call("DELETE", `/api/admin/people/${person.id}`);
  const { buffer } = readPlugin("guests/example");
  const added = await fetch(`${service.url}/api/admin/providers`, {
    method: "POST",
    headers: { authorization: `Bearer ${service.helperToken}`, "content-type": "application/wasm" },
    body: buffer,
  });
  const { provider } = await added.json();
  await service.call("POST", `/api/admin/providers/${provider.id}/approve`, { digest: provider.digest });
  await service.call("POST", `/api/admin/providers/${provider.id}/disable`);
  await service.call("DELETE", `/api/admin/providers/${provider.id}`);
  await service.call("DELETE", "/api/admin/connections/scrapin");
  const link = new URL(service.run(["signin-link", "--name", "Ada"]));
  secrets.add(link.hash.slice(1), "the link's secret", "token");
  const token = service.createToken("member", "leaver");
  const id = /\b[0-9a-f]{8}-[0-9a-f-]{27}\b/.exec(service.run(["token", "list"]).split("\n").find((line) => line.includes("leaver")))[0];
  secrets.add(token, "the member's token", "token");
  service.run(["token", "revoke", id]);
}

/** Signs in with a token and out again, in a context of its own. */
async function signOut(here, path) {
  const { service, context } = here;
  const secret = service.createToken("executive", `for ${path}`);
  here.secrets.add(secret, "the API token", "token");
  const browser = context.browser();
  const other = await browser.newContext({ baseURL: service.url });
  try {
    const { csrf } = await (await other.request.post("/api/session", { data: { token: secret } })).json();
    const ended = await other.request.delete(path, { headers: { "x-csrf-token": csrf } });
    assert.ok(ended.ok(), `${path}: ${ended.status()}`);
  } finally {
    await other.close();
  }
}

flow("every action has words and its filter finds it", { service: { components: ["slack", "scrapin"] } }, async (here) => {
  const { page, guards, service } = here;
  await actOnce(here);
  await signOut(here, "/api/session");
  await signOut(here, "/api/sessions");
  await signIn(here, "/audit");
  const { entries } = await service.call("GET", "/api/admin/audit?limit=1000");
  const written = new Set(entries.map(({ action }) => action));
  const filter = page.getByLabel("Action", { exact: true });
  const options = await filter.locator("option").evaluateAll((all) => all.map(({ value, label }) => [value, label]));
  const labels = Object.fromEntries(options.filter(([value]) => value !== "all"));
  assert.deepEqual(
    Object.keys(labels).filter((action) => !written.has(action)).sort(),
    [...NOT_DONE_HERE].sort(),
    "every other action is written in this test",
  );
  const rows = page.getByRole("table", { name: "Audit, newest first" }).locator("tbody tr");
  for (const action of written) {
    assert.match(labels[action] ?? "nothing", /^[A-Z][^._]+$/, `${action} has words`);
    await filter.selectOption(action);
    const count = entries.filter((entry) => entry.action === action).length;
    await expect(rows).toHaveCount(count);
    for (const text of await rows.allInnerTexts()) {
      assert.ok(!text.includes(action), `${action}: ${text}`);
      assert.doesNotMatch(text, /credential_rejected|provider_error/, action);
    }
  }
  await filter.selectOption("all");
  await page.getByLabel("Outcome", { exact: true }).selectOption("refused");
  await expect(rows.filter({ hasText: /Tried to (connect|change the connection)/ })).toHaveCount(1);
  await expect(rows.filter({ hasText: "The provider rejected the credential" })).toHaveCount(1);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await guards.checkPage(page);
});

flow("no filter offers an entry that cannot be chosen", { service: { components: ["slack"] } }, async (here) => {
  const { page } = here;
  await signIn(here, "/audit");
  await expect(page.getByLabel("Action", { exact: true })).toBeVisible();
  await expect(page.locator("option[disabled]")).toHaveCount(0);
  await page.goto("/connections/slack/users");
  await expect(page.locator("option[disabled]")).toHaveCount(0);
});
