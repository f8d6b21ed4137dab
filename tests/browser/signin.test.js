// Getting in and out: the first link, a token, who may not come in, and the two ways of signing out.
import { signedIn } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";
import { IdentityProvider } from "./lib/identity.js";

const flow = flows(import.meta);
const EMPTY = { components: ["slack"], people: false };
const COMPANY = { ...EMPTY, identity: IdentityProvider };

const heading = (page, name) => page.getByRole("heading", { level: 1, name });
const signIn = (page) => page.getByRole("button", { name: "Sign in", exact: true });

flow(
  "the link of the first start signs in once",
  { service: { ...EMPTY, fresh: true } },
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
    await expect(other.page.getByRole("alert")).toContain("This link no longer works");
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
  await expect(page.getByRole("alert")).toContain("Jackfield does not know that token");
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
  await here.page.getByRole("button", { name: "Sign out", exact: true }).click();
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

/** Goes to the identity provider's page by the button, and takes one of its links. */
async function atIdentityProvider({ page, context, service, guards }, link) {
  await service.identity.meet(context);
  await heading(page, "Sign in").waitFor();
  await guards.look(page);
  await page.getByRole("link", { name: "Sign in with your company account" }).click();
  await heading(page, "Acme accounts").waitFor();
  await page.getByRole("link", { name: link }).click();
}

flow("a company account signs in and leads back to the page", { service: COMPANY }, async (here) => {
  const { page, guards } = here;
  await page.goto("/audit");
  await atIdentityProvider(here, "Continue as Ada");
  await heading(page, "Audit").waitFor();
  await expect(page.getByRole("button", { name: /^Account/ })).toContain("ada@acme.example");
  await guards.look(page);
  await page.reload();
  await heading(page, "Audit").waitFor();
});

flow("a company account without a level is told so", { service: COMPANY }, async (here) => {
  const { page, guards, service } = here;
  delete service.identity.person.jackfield_level;
  await page.goto("/");
  await atIdentityProvider(here, "Continue as Ada");
  await expect(page.getByRole("alert")).toContain("Your account has no access level here");
  await guards.look(page);
});

flow("a company account that is declined is told so", { service: COMPANY }, async (here) => {
  const { page, guards } = here;
  await page.goto("/");
  await atIdentityProvider(here, "Cancel");
  await expect(page.getByRole("alert")).toContain("The sign-in was declined");
  await guards.look(page);
});
