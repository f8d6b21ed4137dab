// Plugins: upload, review, approval, a second version, rollback, pause and removal.
import { drop, readPlugin, signIn } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);
const APPROVE = {
  service: { components: [], people: false, fresh: true, settings: { JACKFIELD_PLUGINS_TRUST: "approve" } },
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
