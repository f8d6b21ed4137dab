// Getting in and out: the first link, a token, who may not come in, and the two ways of signing out.
import { signedIn } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);
const EMPTY = { components: ["slack"], people: false };

const heading = (page, name) => page.getByRole("heading", { level: 1, name });
const signIn = (page) => page.getByRole("button", { name: "Sign in", exact: true });

flow(
  "the link of the first start signs in once",
  { service: EMPTY },
  async ({ page, service, guards, secrets, another }) => {
    const link = new URL(service.link);
    secrets.add(link.hash.slice(1), "the link's secret", "token");
    await page.goto(link.href);
    await heading(page, "Sign in").waitFor();
    await expect.poll(() => !page.url().includes("#"), "the secret leaves the address before anything else happens");
    await guards.look(page);
    await signIn(page).click();
    await heading(page, "Connections").waitFor();
    await guards.look(page);

    const other = await another();
    other.guards.expect(401, "/api/session");
    await other.page.goto(link.href);
    await signIn(other.page).click();
    await expect(other.page.getByRole("alert")).toContain("This link is not good any more");
    await other.guards.look(other.page);
  },
);

flow("a new link is made by a command", { service: EMPTY }, async ({ page, service, secrets, guards }) => {
  service.token();
  const link = new URL(service.run(["signin-link"]));
  secrets.add(link.hash.slice(1), "the link's secret", "token");
  await page.goto(link.href);
  await signIn(page).click();
  await heading(page, "Connections").waitFor();
  await guards.look(page);
});

flow("a token signs in and is kept nowhere", { service: EMPTY }, async ({ page, service, guards, secrets }) => {
  const token = secrets.add(service.token(), "the API token", "token");
  await page.goto("/audit");
  await heading(page, "Sign in").waitFor();
  await page.getByLabel("Access token").fill(token);
  await signIn(page).click();
  // One comes to where one wanted to go.
  await heading(page, "Audit").waitFor();
  await guards.look(page);
  await page.reload();
  await heading(page, "Audit").waitFor();
});

flow("a wrong token is refused in words", { service: EMPTY }, async ({ page, guards }) => {
  guards.expect(401, "/api/session");
  await page.goto("/signin");
  await page.getByLabel("Access token").fill(`jf_${"A".repeat(43)}`);
  await signIn(page).click();
  await expect(page.getByRole("alert")).toContain("That token is not known here");
  await guards.look(page);
});

flow(
  "a manager is told that the console is not theirs",
  { service: EMPTY },
  async ({ page, service, guards, secrets }) => {
    const token = secrets.add(service.token("manager", "mia"), "the API token", "token");
    await page.goto("/signin");
    await page.getByLabel("Access token").fill(token);
    await signIn(page).click();
    await heading(page, "This console is for Executives").waitFor();
    await expect(page.getByRole("main")).toContain("mia");
    await guards.look(page);
    await page.getByRole("button", { name: "Sign out" }).click();
    await heading(page, "Sign in").waitFor();
  },
);

flow("signing out here leaves the other session alone", { service: EMPTY }, async ({ another, ...here }) => {
  const there = await another();
  const token = await signedIn(here);
  await signedIn(there, "/", token);
  await here.page.getByRole("button", { name: /^Account/ }).click();
  await here.page.getByRole("button", { name: "Sign out here" }).click();
  await heading(here.page, "Sign in").waitFor();
  await here.guards.look(here.page);
  await there.page.reload();
  await heading(there.page, "Connections").waitFor();
});

flow("signing out everywhere ends every session at once", { service: EMPTY }, async ({ another, ...here }) => {
  const there = await another();
  const token = await signedIn(here);
  await signedIn(there, "/", token);
  await here.page.getByRole("button", { name: /^Account/ }).click();
  await here.page.getByRole("button", { name: "Sign out everywhere" }).click();
  await heading(here.page, "Sign in").waitFor();
  // By itself, without a click: the service tells the other page.
  await heading(there.page, "Sign in").waitFor();
  await expect(there.page.getByRole("status").first()).toContain("Your session ended");
});
