// A plugin whose every text is a script or markup: nothing of it runs, and all of it is shown as the text that it is.
import { component, drop, signedIn, visit } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);
const MARKUP = { service: { components: ["guests/markup"] } };

const IMAGE = "<img src=x onerror=window.ran=1>";
const SCRIPT = "<script>window.ran=1</script>";
const LINK = "<a href='javascript:window.ran=1'>click</a>";

/** Fails where anything ran, or where a text became an element. */
async function holds({ page, guards }) {
  await guards.look(page, { axe: false });
  const made = await page.evaluate(() => ({
    ran: window.ran ?? null,
    images: document.querySelectorAll('img[src="x"]').length,
    scripts: [...document.querySelectorAll("script")].filter((script) => script.textContent.includes("ran")).length,
    links: [...document.querySelectorAll("a[href]")].filter((link) => !/^https?:$/.test(link.protocol)).length,
    handlers: document.querySelectorAll("[onerror], [onload], [onclick]").length,
  }));
  await expect.poll(
    () => Object.values(made).every((value) => !value),
    `something became of it: ${JSON.stringify(made)}`,
  );
}

/** Opens a page and sees that it shows these texts, as texts. */
async function shows(here, where, ...texts) {
  await here.page.goto(where);
  await here.page.getByRole("heading", { level: 1 }).waitFor();
  for (const text of texts) await expect(here.page.locator("body")).toContain(text);
  await holds(here);
}

flow("nothing of a hostile plugin runs on any page", MARKUP, async (here) => {
  const { page, guards, service, secrets } = here;
  const fields = { api_key: secrets.add("hostile-key-0123456789", "the key"), mood: "well" };
  await signedIn(here);
  await shows(here, "/", IMAGE);
  await shows(here, "/providers", IMAGE);
  await shows(here, "/providers/markup", IMAGE, SCRIPT);
  await shows(here, "/connections/markup", IMAGE, SCRIPT, LINK);
  const help = page.getByRole("link", { name: /Where to find it/ });
  await expect.poll(
    async () => (await help.getAttribute("rel")).includes("noopener"),
    "a link of a plugin has no opener",
  );

  guards.expect(422, "/api/admin/connections/markup");
  await page.getByLabel(SCRIPT).fill(fields.api_key);
  await page.getByLabel(IMAGE, { exact: true }).selectOption("wrong");
  await page.getByRole("button", { name: /^Connect/ }).click();
  await expect(page.locator("[aria-invalid=true]")).toHaveCount(1);
  await expect(page.locator("body")).toContain(`${IMAGE}${SCRIPT}`);
  const ran = await page.evaluate(() => window.ran ?? null);
  await expect.poll(() => ran === null, "a refusal of a field is text");

  await service.connect("markup", fields);
  await shows(here, "/connections/markup", `${SCRIPT}${IMAGE}`);
  await shows(here, "/", `${SCRIPT}${IMAGE}`);
  await shows(here, "/connections/markup/users", `${SCRIPT} Ada`, IMAGE, LINK);
  await shows(here, "/connections/markup/match", IMAGE);
  await shows(here, "/mappings", IMAGE);
  await service.connect("markup", { mood: "ill" });
  await page.goto("/");
  await service.ask("GET", "/api/admin/connections/markup/health");
  await expect(page.getByRole("article")).toContain(`Reason: `);
  await shows(here, "/", `${IMAGE}${SCRIPT}${LINK}`);
  await shows(here, "/connections/markup", `${IMAGE}${SCRIPT}${LINK}`);
  await page.getByRole("button", { name: "Disconnect…" }).click();
  await page.getByRole("dialog").waitFor();
  await holds(here);
  await page.keyboard.press("Escape");
  await shows(here, "/audit");
  await shows(here, "/service");
});

flow("people with markup for names are shown as text", { service: { components: [], people: false } }, async (here) => {
  const { page, service } = here;
  await service.ask("POST", "/api/admin/people", { name: `${IMAGE}${SCRIPT}`, email: "ada@markup.example" });
  await signedIn(here);
  await shows(here, "/people", `${IMAGE}${SCRIPT}`);
  await page.getByRole("rowheader", { name: IMAGE }).click();
  await page.getByRole("dialog").waitFor();
  await holds(here);
});

flow(
  "a plugin whose help is a script is never taken in",
  { service: { components: [], people: false } },
  async (here) => {
    const { page, guards } = here;
    await signedIn(here, "/providers");
    const script = "javascript:window.ran=1;'0123456789012'";
    const file = component("guests/markup", { "https://javascript.example/window.ran=1//": script.padEnd(41, "/") });
    const answer = page.waitForResponse(
      (response) => response.request().method() === "POST" && response.url().endsWith("/providers"),
    );
    await drop(page, file);
    if ((await answer).status() === 422) guards.expect(422, "/api/admin/providers");
    await expect(page.getByRole("main")).toContain("help page");
    await holds(here);
    await visit(page, "Connections");
    await holds(here);
  },
);
