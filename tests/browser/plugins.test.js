// Plugins: upload, review, approval, a second version, rollback, pause and removal.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";

import { drop, readPlugin, signIn } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";
import { createSigningKey } from "./lib/minisign.js";

const flow = flows(import.meta);
const APPROVE = {
  service: { components: [], people: false, fresh: true, settings: { JACKFIELD_PLUGINS_TRUST: "approve" } },
};

const keys = mkdtempSync(path.join(tmpdir(), "jackfield-keys-"));
after(() => rmSync(keys, { recursive: true }));
const key = createSigningKey();
const trusted = path.join(keys, "keys.toml");
writeFileSync(
  trusted,
  `[[key]]\nname = "acme's build"\npublic_key = "${key.publicKey}"\nproviders = ["acme-hr"]\nhosts = ["api.acme-hr.example"]\n`,
);
const SIGNED = {
  service: {
    components: [],
    people: false,
    fresh: true,
    settings: { JACKFIELD_PLUGINS_TRUST: "signed", JACKFIELD_PLUGINS_TRUSTED_KEYS: trusted },
  },
};

/** Makes a second version of the plugin, with one different endpoint. */
const SECOND = { "Acme HR0.1.0": "Acme HR0.2.0", "v1/people": "v1/staffs" };

flow("a plugin is uploaded and approved and a second version is rolled back", APPROVE, async (here) => {
  const { page, guards, service } = here;
  await signIn(here, "/providers");
  await guards.checkPage(page);
  await drop(page, readPlugin("guests/example"));
  await page.getByRole("heading", { level: 1, name: "Acme HR" }).waitFor();
  await expect(page.getByRole("main")).toContain("It does not run until an Executive approves it");
  await expect(page.getByRole("main")).toContain("api.acme-hr.example");
  await guards.checkPage(page);
  await page.getByRole("button", { name: /^Approve/ }).click();
  const approve = page.getByRole("dialog");
  await expect(approve).toContain("Digest (SHA-256)");
  await guards.checkPage(page);
  await approve.getByRole("button", { name: "Approve 0.1.0" }).click();
  await expect(page.getByRole("main")).toContain("Running, with exactly the access that was approved");

  await page.getByRole("link", { name: "Plugins", exact: true }).first().click();
  await page.getByLabel("Choose a plugin").setInputFiles(readPlugin("guests/example", SECOND));
  const waiting = page.getByRole("region", { name: "Version 0.2.0 is awaiting approval" });
  await expect(waiting).toContain("v1/staffs");
  await expect(waiting).toContain("v1/people");
  await guards.checkPage(page);
  await waiting.getByRole("button", { name: /approve/ }).click();
  await expect(page.getByRole("dialog")).toContain("takes over from 0.1.0");
  await page.getByRole("dialog").getByRole("button", { name: "Approve 0.2.0" }).click();
  await page.getByRole("button", { name: "Go back to 0.1.0" }).click();
  await expect(page.getByRole("dialog")).toContain("0.1.0 was approved before");
  await page.getByRole("dialog").getByRole("button", { name: "Go back to 0.1.0" }).click();
  await expect.poll(async () => {
    const { providers } = await service.call("GET", "/api/admin/providers");
    return providers.find(({ id }) => id === "acme-hr").version === "0.1.0";
  }, "the first version runs again");
  await expect(waiting).toBeVisible();
  await guards.checkPage(page);
});

flow("a signed version that requests more than the approved one says what exceeds it", SIGNED, async (here) => {
  const { page, guards, service } = here;
  const upload = async ({ buffer }) => {
    const answer = await fetch(`${service.url}/api/admin/providers`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${(service.helperToken ??= service.createToken("executive", "helper"))}`,
        "content-type": "application/wasm",
        "component-signature": Buffer.from(key.signFile(buffer)).toString("base64"),
      },
      body: buffer,
    });
    return (await answer.json()).provider;
  };
  const first = await upload(readPlugin("guests/example"));
  await expect.poll(() => first.state === "approved", `its signature approves the first version: ${JSON.stringify(first)}`);
  await upload(readPlugin("guests/example", SECOND));
  await signIn(here, "/providers/acme-hr");
  const waiting = page.getByRole("region", { name: "Version 0.2.0 is awaiting approval" });
  const notice = waiting.getByRole("status").filter({ hasText: "requests more than the approved one" });
  await expect(notice).toContain("A trusted key signed this version");
  await expect(notice).toContain("GET api.acme-hr.example/v1/staffs");
  await expect(waiting).toContain("acme's build");
  await guards.checkPage(page);
  await waiting.getByRole("button", { name: /approve/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Approve 0.2.0" }).click();
  await expect(page.getByRole("main")).toContain("Go back to 0.1.0");
  await expect(notice).toHaveCount(0);
});

flow("a paused plugin is resumed under its own name", { service: { components: ["slack"], people: false } }, async (here) => {
  const { page, guards, service } = here;
  await service.call("POST", "/api/admin/providers/slack/disable");
  await signIn(here, "/providers/slack");
  await page.getByRole("heading", { level: 1, name: "Slack plugin" }).waitFor();
  await page.getByRole("button", { name: /^Resume / }).click();
  await expect(page.getByRole("dialog", { name: /^Resume Slack/ })).toContain("It runs from the next call on");
  await guards.checkPage(page);
  await page.getByRole("dialog").getByRole("button", { name: /^Resume / }).click();
  await expect(page.getByRole("main")).toContain("Running, with exactly the access that was approved");
});

flow("a plugin is paused and removed", { service: { components: ["slack"], people: false } }, async (here) => {
  const { page, guards } = here;
  await signIn(here, "/providers/slack");
  await guards.checkPage(page);
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("dialog", { name: "Pause Slack?" }).getByRole("button", { name: "Pause", exact: true }).click();
  await expect(page.getByRole("main")).toContain("Paused: it does not run");
  await guards.checkPage(page);
  await page.getByRole("button", { name: "Remove" }).click();
  await expect(page.getByRole("dialog")).toContain("permanently deleted");
  await guards.checkPage(page);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

flow("a file that is not a plugin is rejected with an explanation", APPROVE, async (here) => {
  const { page, guards } = here;
  await signIn(here, "/providers");
  await drop(page, { name: "holiday.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no component") });
  await expect(page.getByRole("alert")).toContain("It is not a WebAssembly file");
  guards.expect(422, "/api/admin/providers");
  await drop(page, {
    name: "cut.wasm",
    mimeType: "application/wasm",
    buffer: Buffer.from("\0asm\r\0\x01\0rest", "latin1"),
  });
  await expect(page.getByRole("alert")).toContain("cut.wasm cannot be used");
  await guards.checkPage(page);
});

flow("a version that needs a secret again says so before and after its approval", APPROVE, async (here) => {
  const { page, guards, service, secrets } = here;
  service.addPlugin("slack");
  await expect.poll(async () => {
    const { providers } = await service.call("GET", "/api/admin/providers");
    return providers.some(({ id }) => id === "slack");
  }, "the plugin is listed");
  const [{ digest }] = (await service.call("GET", "/api/admin/providers")).providers;
  await service.call("POST", "/api/admin/providers/slack/approve", { digest });
  secrets.addFields("slack", service.standIns.fields("slack"));
  await service.connect("slack");
  await signIn(here, "/providers");
  await page.getByLabel("Choose a plugin").setInputFiles(readPlugin("slack", { "slack.com": "slacc.com" }));
  const sentence = "The secret bot_token was not entered for slacc.com";
  await page.getByRole("button", { name: "Review and approve…" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContain(sentence);
  await expect(dialog).toContain("before you approve it and connect again");
  await guards.checkPage(page);
  await dialog.getByRole("button", { name: /^Approve/ }).click();
  const main = page.getByRole("main");
  await expect(main).toContain("If the provider owns these hosts, connect again");

  await page.goto("/");
  const card = page.getByRole("article", { name: "Slack", exact: true });
  await expect(card).toContain("Needs its secret again");
  await expect(card).toContain(sentence);
  await guards.checkPage(page);
  await card.getByRole("link", { name: "Reconnect: Slack" }).click();
  await expect(main).toContain(sentence);
  await expect(main).not.toContain("no longer accepts the credential");
  await expect(page.getByRole("heading", { name: "Reconnect" })).toBeVisible();
  await expect(main).toContain("Enter it again, to allow its new destinations. It can be the same one.");
  await guards.checkPage(page);
  await main.getByRole("link", { name: "View plugin" }).first().click();
  await expect(page.getByRole("button", { name: /^Go back to/ })).toBeVisible();
});

/** Signatures as the API sends them, and what the page says. */
const SIGNATURES = [
  [{ state: "granted", key: "acme", beyond: [] }, ["Signed by a trusted key: acme", "permits everything"]],
  [
    { state: "asks_more", key: "acme", beyond: ["the host `api.other.example`"] },
    ["Signed by a trusted key: acme", "requests more than the key permits", "The host api.other.example"],
  ],
  [{ state: "unknown_key", key: null, beyond: [] }, ["Signed by an unknown key"]],
  [{ state: "broken", key: null, beyond: ["the file was changed"] }, ["Signature not valid", "The file was changed"]],
  [{ state: "unsigned", key: null, beyond: [] }, ["Not signed"]],
];

flow("a plugin shows who signed it and the names of files cannot change the page", APPROVE, async (here) => {
  const { page, guards, service } = here;
  service.addPlugin("guests/example");
  await expect.poll(async () => {
    const { providers } = await service.call("GET", "/api/admin/providers");
    return providers.some(({ id }) => id === "acme-hr");
  }, "the plugin is listed");
  let change = {};
  await page.route("**/api/admin/providers", async (route) => {
    const list = await (await route.fetch()).json();
    list.folder_problem = "everybody can write to the \u202efolder";
    Object.assign(list.providers[0], change);
    await route.fulfill({ json: list });
  });
  const main = page.getByRole("main");
  await signIn(here, "/providers");
  await expect(main).toContain("Everybody can write to the \ufffdfolder.");
  await guards.checkPage(page);
  for (const [signature, texts] of SIGNATURES) {
    change = { signature, file: "acme\u202emsaw.exe" };
    await page.goto("/providers/acme-hr");
    for (const text of texts) await expect(main).toContain(text);
    await expect(main).toContain("acme\ufffdmsaw.exe");
    await guards.checkPage(page);
  }
  // A request for the list can still be in progress.
  await page.unrouteAll({ behavior: "wait" });
});

/** Words for the values of a manifest that are not texts of their own. */
const WORDS = {
  GET: "GET",
  HEAD: "HEAD",
  base64_url: "base64url",
  body: "the body",
  body_sha256: "the body's SHA-256",
  choice: "one of a list",
  clear: "removes the mappings",
  email: "an email address",
  host: "the host",
  json: "a JSON file",
  keep: "keeps the mappings",
  method: "the method",
  oauth_token: "the OAuth access token",
  path: "the path",
  query: "the query",
  random: "a random",
  rfc3339: "RFC 3339",
  text: "",
  time: "the time",
  url: "an https address",
  "acme-prefix\n": "acme-prefix",
};

/** Lists the texts and numbers of a manifest, as a page has to show them. */
function listLeaves(part, key = "") {
  if (part === null || typeof part === "boolean") return [];
  if (typeof part === "object") {
    return Object.entries(part).flatMap(([name, value]) => listLeaves(value, Array.isArray(part) ? key : name));
  }
  return [WORDS[part] ?? String(part)];
}

/** Shows the approval page of a manifest in `tests/data/manifests`, and looks for every part of it. */
async function reviewManifest(here, kind) {
  const { page, guards } = here;
  const read = (name) => JSON.parse(readFileSync(new URL(`../data/manifests/${name}.json`, import.meta.url), "utf8"));
  const [manifest, view] = [read(kind), read(`${kind}.view`)];
  const state = { id: manifest.id, file: null, digest: "ab".repeat(32), state: "pending", signature: null };
  const provider = { ...state, ...view, paused_until: null, waiting: [], previous: null };
  const list = { providers: [provider], folder_problem: null };
  await page.route("**/api/admin/providers", (route) => route.fulfill({ json: list }));
  const activity = { provider: manifest.id, operations: [] };
  await page.route("**/api/admin/providers/*/activity", (route) => route.fulfill({ json: activity }));
  await signIn(here, `/providers/${manifest.id}`);
  await page.getByRole("heading", { name: "Permissions" }).waitFor();
  const main = page.getByRole("main");
  const shown = (await main.innerText()).replaceAll(/\s+/gu, " ").toLowerCase();
  const missing = listLeaves(manifest).filter((leaf) => !shown.includes(leaf.toLowerCase()));
  await expect.poll(() => missing.length === 0, `missing on the page: ${missing.join(", ")}`);
  const dangers = view.risks.filter(({ danger }) => danger);
  await expect(main.locator(".notice.bad")).toHaveCount(dangers.length ? 1 : 0);
  for (const { what } of dangers) await expect(main).toContain(what.slice(1).replaceAll("`", ""));
  await guards.checkPage(page);
  await page.getByRole("button", { name: /^Approve/ }).click();
  await expect(page.getByRole("dialog").locator(".notice.bad")).toHaveCount(dangers.length ? 1 : 0);
  await guards.checkPage(page);
}

flow("the approval page shows every part of a manifest with oauth", APPROVE, (here) => reviewManifest(here, "oauth2"));

flow("the approval page shows every part of a manifest with signatures", APPROVE, (here) =>
  reviewManifest(here, "service_account"),
);
