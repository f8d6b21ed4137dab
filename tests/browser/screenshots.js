// Takes a screenshot of each page, light and dark, with the demo's company: `node screenshots.js FOLDER`.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { launch } from "./lib/chromium.js";
import { card, fill, readPlugin } from "./lib/console.js";
import { shrinkPng } from "./lib/png.js";
import { Service } from "./lib/service.js";

const folder = process.argv[2] ?? ".";
const VIEWPORT = { width: 1280, height: 800 };

process.env.FONTCONFIG_FILE ??= path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "fonts.conf");

/** Each screenshot: its name, its path, and the steps before it is taken. */
const SCREENSHOTS = [
  ["signin", "/signin", { signedOut: true }],
  ["connections", "/", { act: breakRemote, after: repairRemote }],
  [
    "connect",
    "/connections/slack",
    { connected: false, act: (page, { standIns }) => fill(page, standIns.fields("slack")) },
  ],
  ["consent", "/connections/xero", { act: waitForConsent }],
  [
    "disconnect",
    "/connections/slack",
    { act: (page) => page.getByRole("button", { name: "Disconnect…" }).click(), has: "dialog" },
  ],
  ["users", "/connections/slack/users", { has: "table" }],
  ["match", "/connections/productive/match", { has: "rowheader" }],
  ["people", "/people", { has: "rowheader" }],
  ["mappings", "/mappings", { act: waitForNames }],
  ["plugins", "/providers", {}],
  ["plugin", "/providers/acme-hr", {}],
  ["audit", "/audit", { has: "row" }],
  ["service", "/service", {}],
];

/** Makes one provider fail while the page is open. */
async function breakRemote(page, { service }) {
  await service.standIns.tell("remote", "fail", { status: 503 });
  await service.call("GET", "/api/admin/connections/remote/health");
  await card(page, "remote").getByText("Provider down").waitFor();
}

async function repairRemote(service) {
  await service.standIns.tell("remote", "mend");
  await service.call("GET", "/api/admin/connections/remote/health");
}

/** Waits until the users of the providers are read, which gives the accounts their names. */
async function waitForNames(page) {
  for (const account of ["U0", "1139", "f597"]) {
    await page.getByRole("gridcell", { name: new RegExp(`^Ada .*${account}`) }).first().waitFor();
  }
}

async function waitForConsent(page, { context }) {
  const opened = context.waitForEvent("page");
  await page.getByRole("button", { name: "Sign in at Xero" }).click();
  const window = await opened;
  await window.getByRole("button", { name: "Allow access" }).waitFor();
  await page.bringToFront();
}

/** Connects four providers and matches three of them. */
async function prepare(service) {
  for (const provider of ["slack", "productive", "remote", "google-workspace"]) await service.connect(provider);
  for (const provider of ["slack", "remote", "google-workspace"]) {
    await service.call("POST", `/api/admin/connections/${provider}/match`, { dry_run: false });
  }
  const second = readPlugin("guests/example", { "Acme HR0.1.0": "Acme HR0.2.0", "v1/people": "v1/staffs" });
  const answer = await fetch(`${service.url}/api/admin/providers`, {
    method: "POST",
    headers: { authorization: `Bearer ${service.helperToken}`, "content-type": "application/wasm" },
    body: second.buffer,
  });
  if (!answer.ok) throw new Error(`the second version was not accepted: ${await answer.text()}`);
}

const browser = await launch();
const service = await Service.start({
  settings: { JACKFIELD_PLUGINS_TRUST: "approve" },
  components: ["google-workspace", "productive", "remote", "scrapin", "slack", "xero", "guests/example"],
});
try {
  mkdirSync(folder, { recursive: true });
  // The name of this token is shown in the audit log and on the connections.
  const token = (service.helperToken = service.createToken("executive", "Ada Lovelace"));
  const { providers } = await service.call("GET", "/api/admin/providers");
  for (const { id, digest, state } of providers) {
    if (state === "pending") await service.call("POST", `/api/admin/providers/${id}/approve`, { digest });
  }
  const signIn = await browser.newContext({ baseURL: service.url });
  await signIn.request.post("/api/session", { data: { token } });
  const storageState = await signIn.storageState();
  let isPrepared = false;
  // The connect form comes first, while nothing is connected.
  const order = [...SCREENSHOTS].sort((a, b) => Number(a[2].connected !== false) - Number(b[2].connected !== false));
  for (const [name, address, { signedOut, connected, act, has, after }] of order) {
    if (connected !== false && !isPrepared) {
      await prepare(service);
      isPrepared = true;
    }
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({
        baseURL: service.url,
        viewport: VIEWPORT,
        colorScheme,
        locale: "en-GB",
        reducedMotion: "reduce",
        ...(signedOut ? {} : { storageState }),
      });
      const page = await context.newPage();
      await page.goto(address);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.getByRole("progressbar").waitFor({ state: "detached" });
      await act?.(page, { context, service, standIns: service.standIns });
      if (has) await page.getByRole(has).first().waitFor();
      const screenshot = await page.screenshot({ animations: "disabled", caret: "hide" });
      writeFileSync(path.join(folder, `console-${name}-${colorScheme}.png`), shrinkPng(screenshot));
      await context.close();
      await after?.(service);
    }
  }
} finally {
  await browser.close();
  await service.stop();
}
