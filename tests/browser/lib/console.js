// The console as a person uses it: what flows have in common, by role and by name.
import { readFileSync } from "node:fs";
import path from "node:path";

import { expect } from "./expect.js";
import { COMPONENTS } from "./program.js";

/** The titles of the providers that are shipped. */
export const TITLES = {
  "google-workspace": "Google Workspace",
  productive: "Productive",
  remote: "Remote",
  scrapin: "Scrapin",
  slack: "Slack",
  xero: "Xero",
};

/** What the fields of the shipped providers are called. */
const LABELS = {
  admin_email: "Administrator's email",
  api_key: "API key",
  api_token: "API token",
  bot_token: "Bot token",
  calendar_id: "Calendar ID",
  channel_id: "Channel ID",
  org_name: "Name",
  service_account_key: "Service account key",
};

/** Signs in without the page, for flows that are about something else, and opens a path. */
export async function signedIn({ page, context, service, secrets }, where = "/", token = service.token()) {
  secrets.add(token, "the API token", "token");
  const answer = await context.request.post("/api/session", { data: { token } });
  if (!answer.ok()) throw new Error(`sign-in: ${answer.status()} ${await answer.text()}`);
  await page.goto(where);
  await page.getByRole("heading", { level: 1 }).waitFor();
  return token;
}

/** The card of a provider on the page of connections. */
export function card(page, provider) {
  return page.getByRole("article", { name: TITLES[provider] ?? provider, exact: true });
}

/** Goes to another page of the console by its link in the frame. */
export async function visit(page, place) {
  await page.getByRole("navigation").getByRole("link", { name: place, exact: true }).click();
  await page.getByRole("heading", { level: 1, name: place }).waitFor();
}

/** Types in what connects a provider; a key file comes as a file. */
export async function fill(page, fields) {
  for (const [name, value] of Object.entries(fields)) {
    const field = page.getByLabel(LABELS[name], { exact: true });
    if (name === "service_account_key") {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      const file = { name: "key.json", mimeType: "application/json", buffer: Buffer.from(text) };
      await page.getByLabel("Choose a file").setInputFiles(file);
      await expect(field).not.toBeEmpty();
    } else {
      await field.fill(value);
    }
  }
}

/** Connects a provider by its form, from wherever the page is. */
export async function connect({ page, standIns, secrets }, provider, fields = standIns.fields(provider)) {
  secrets.addFields(provider, fields);
  await page.goto(`/connections/${provider}`);
  await page.getByRole("heading", { level: 1, name: TITLES[provider] }).waitFor();
  await fill(page, fields);
  await page.getByRole("button", { name: `Connect ${TITLES[provider]}` }).click();
  await page.getByRole("heading", { name: `${TITLES[provider]} is connected` }).waitFor();
}

/** A built component, with texts of the same length put in place of others. */
export function component(id, replacements = {}) {
  let bytes = readFileSync(path.join(COMPONENTS, `${id}.wasm`));
  for (const [from, to] of Object.entries(replacements)) {
    if (from.length !== to.length) throw new Error(`"${to}" is not as long as "${from}"`);
    const text = bytes.toString("latin1");
    if (!text.includes(from)) throw new Error(`"${from}" is not in the component ${id}`);
    bytes = Buffer.from(text.replaceAll(from, to), "latin1");
  }
  return { name: `${path.basename(id)}.wasm`, mimeType: "application/wasm", buffer: bytes };
}

/** Drops a file on the page, as a hand does that drags it there. */
export async function drop(page, file) {
  const transfer = await page.evaluateHandle(
    ({ name, mimeType, base64 }) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name, { type: mimeType }));
      return data;
    },
    { name: file.name, mimeType: file.mimeType, base64: file.buffer.toString("base64") },
  );
  const main = page.getByRole("main");
  for (const event of ["dragenter", "dragover", "drop"]) await main.dispatchEvent(event, { dataTransfer: transfer });
}
