// A hostile plugin with markup and scripts in all its texts: the console shows them as text, and nothing runs.
import { drop, readPlugin, signIn, visit } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);
const MARKUP = { service: { components: ["guests/markup"] } };

const IMAGE = "<img src=x onerror=window.ran=1>";
const SCRIPT = "<script>window.ran=1</script>";
const LINK = "<a href='javascript:window.ran=1'>click</a>";

/** Fails if a script ran or a text became an element. */
async function assertHarmless({ page, guards }) {
  await guards.checkPage(page, { axe: false });
  const effects = await page.evaluate(() => ({
    ran: window.ran ?? null,
    images: document.querySelectorAll('img[src="x"]').length,
    scripts: [...document.querySelectorAll("script")].filter((script) => script.textContent.includes("ran")).length,
    links: [...document.querySelectorAll("a[href]")].filter((link) => !/^https?:$/.test(link.protocol)).length,
    handlers: document.querySelectorAll("[onerror], [onload], [onclick]").length,
  }));
  await expect.poll(
    () => Object.values(effects).every((value) => !value),
    `a text had an effect: ${JSON.stringify(effects)}`,
  );
}

/** Opens a page and checks that it shows these texts as text. */
async function assertShown(here, path, ...texts) {
  await here.page.goto(path);
  await here.page.getByRole("heading", { level: 1 }).waitFor();
  for (const text of texts) await expect(here.page.locator("body")).toContain(text);
  await assertHarmless(here);
}

flow("nothing of a hostile plugin runs on any page", MARKUP, async (here) => {
  const { page, guards, service, secrets } = here;
  const fields = { api_key: secrets.add("hostile-key-0123456789", "the key"), mood: "well" };
  await signIn(here);
  await assertShown(here, "/", IMAGE);
  await assertShown(here, "/providers", IMAGE);
  await assertShown(here, "/providers/markup", IMAGE, SCRIPT);
  await assertShown(here, "/connections/markup", IMAGE, SCRIPT, LINK);
  const help = page.getByRole("link", { name: /Where to find it/ });
  await expect.poll(
    async () => (await help.getAttribute("rel")).includes("noopener"),
    "links of a plugin have rel=noopener",
  );

  guards.expect(422, "/api/admin/connections/markup");
  await page.getByLabel(SCRIPT).fill(fields.api_key);
  await page.getByLabel(IMAGE, { exact: true }).selectOption("wrong");
  await page.getByRole("button", { name: /^Connect/ }).click();
  await expect(page.locator("[aria-invalid=true]")).toHaveCount(1);
  await expect(page.locator("body")).toContain(`${IMAGE}${SCRIPT}`);
  const ran = await page.evaluate(() => window.ran ?? null);
  await expect.poll(() => ran === null, "the error of a field is text");

  await service.connect("markup", fields);
  await assertShown(here, "/connections/markup", `${SCRIPT}${IMAGE}`);
  await assertShown(here, "/", `${SCRIPT}${IMAGE}`);
  await assertShown(here, "/connections/markup/users", `${SCRIPT} Ada`, IMAGE, LINK);
  await assertShown(here, "/connections/markup/match", IMAGE);
  await assertShown(here, "/mappings", IMAGE);
  await service.connect("markup", { mood: "ill" });
  await page.goto("/");
  await service.call("GET", "/api/admin/connections/markup/health");
  await expect(page.getByRole("article")).toContain(`Reason: `);
  await assertShown(here, "/", `${IMAGE}${SCRIPT}${LINK}`);
  await assertShown(here, "/connections/markup", `${IMAGE}${SCRIPT}${LINK}`);
  await page.getByRole("button", { name: "Disconnect…" }).click();
  await page.getByRole("dialog").waitFor();
  await assertHarmless(here);
  await page.keyboard.press("Escape");
  await assertShown(here, "/audit");
  await assertShown(here, "/service");
});

flow("people with markup for names are shown as text", { service: { components: [], people: false } }, async (here) => {
  const { page, service } = here;
  await service.call("POST", "/api/admin/people", { name: `${IMAGE}${SCRIPT}`, email: "ada@markup.example" });
  await signIn(here);
  await assertShown(here, "/people", `${IMAGE}${SCRIPT}`);
  await page.getByRole("rowheader", { name: IMAGE }).click();
  await page.getByRole("dialog").waitFor();
  await assertHarmless(here);
});

flow(
  "a plugin with a script as help page is rejected",
  { service: { components: [], people: false } },
  async (here) => {
    const { page, guards } = here;
    await signIn(here, "/providers");
    const script = "javascript:window.ran=1;'0123456789012'";
    const file = readPlugin("guests/markup", { "https://javascript.example/window.ran=1//": script.padEnd(41, "/") });
    const answer = page.waitForResponse(
      (response) => response.request().method() === "POST" && response.url().endsWith("/providers"),
    );
    await drop(page, file);
    if ((await answer).status() === 422) guards.expect(422, "/api/admin/providers");
    await expect(page.getByRole("main")).toContain("help URL");
    await assertHarmless(here);
    await visit(page, "Connections");
    await assertHarmless(here);
  },
);
