// The steps that flows have in common. They find elements by role and name, as a person does.
import { readFileSync } from "node:fs";
import path from "node:path";

import { expect } from "./expect.js";
import { COMPONENTS } from "./service.js";

/** The titles of the shipped providers. */
export const TITLES = {
  "google-workspace": "Google Workspace",
  productive: "Productive",
  remote: "Remote",
  scrapin: "Scrapin",
  slack: "Slack",
  xero: "Xero",
};

/** The labels of the shipped plugins' fields. */
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

/** Signs in through the API, for flows that do not test the sign-in page, and opens a path. Returns the token. */
export async function signIn({ page, context, service, secrets }, path = "/", token = service.createToken()) {
  secrets.add(token, "the API token", "token");
  const answer = await context.request.post("/api/session", { data: { token } });
  if (!answer.ok()) throw new Error(`sign-in: ${answer.status()} ${await answer.text()}`);
  await page.goto(path);
  await page.getByRole("heading", { level: 1 }).waitFor();
  return token;
}

/** Returns the card of a provider on the connections page. */
export function card(page, provider) {
  return page.getByRole("article", { name: TITLES[provider] ?? provider, exact: true });
}

/** Opens a page of the console with its link in the menu. */
export async function visit(page, name) {
  await page.getByRole("navigation").getByRole("link", { name, exact: true }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
}

/** Fills the fields of a provider. A key file is chosen as a file. */
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

/** Connects a provider with its form. */
export async function connect({ page, standIns, secrets }, provider, fields = standIns.fields(provider)) {
  secrets.addFields(provider, fields);
  await page.goto(`/connections/${provider}`);
  await page.getByRole("heading", { level: 1, name: TITLES[provider] }).waitFor();
  await fill(page, fields);
  await page.getByRole("button", { name: `Connect ${TITLES[provider]}` }).click();
  await page.getByRole("heading", { name: `${TITLES[provider]} is connected` }).waitFor();
}

/** Returns the file of a built plugin, with some texts replaced by others of the same length. */
export function readPlugin(id, replacements = {}) {
  let bytes = readFileSync(path.join(COMPONENTS, `${id}.wasm`));
  for (const [from, to] of Object.entries(replacements)) {
    if (from.length !== to.length) throw new Error(`"${to}" does not have the length of "${from}"`);
    const text = bytes.toString("latin1");
    if (!text.includes(from)) throw new Error(`"${from}" is not in the plugin ${id}`);
    bytes = Buffer.from(text.replaceAll(from, to), "latin1");
  }
  return { name: `${path.basename(id)}.wasm`, mimeType: "application/wasm", buffer: bytes };
}

/** Drops a file on the page. */
export async function drop(page, file) {
  const transfer = await page.evaluateHandle(
    ({ name, mimeType, base64 }) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name, { type: mimeType }));
      return data;
    },
    { name: file.name, mimeType: file.mimeType, base64: file.buffer.toString("base64") },
  );
  const main = page.getByRole("main");
  for (const event of ["dragenter", "dragover", "drop"]) await main.dispatchEvent(event, { dataTransfer: transfer });
}
