// Signing in with a link, a token or a company account; people without access; and signing out.
import { signIn } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";
import { IdentityProvider } from "./lib/identity_provider.js";

const flow = flows(import.meta);
const EMPTY = { components: ["slack"], people: false };
const COMPANY = { ...EMPTY, identityProvider: IdentityProvider };

const heading = (page, name) => page.getByRole("heading", { level: 1, name });
const signInButton = (page) => page.getByRole("button", { name: "Sign in", exact: true });

flow(
  "the link of the first start signs in once",
  { service: { ...EMPTY, fresh: true } },
  async ({ page, service, guards, secrets, another }) => {
    const link = new URL(service.link);
    secrets.add(link.hash.slice(1), "the link's secret", "token");
    await page.goto(link.href);
    await heading(page, "Sign in").waitFor();
    await expect.poll(() => !page.url().includes("#"), "the secret is removed from the address first");
    await guards.checkPage(page);
    await signInButton(page).click();
    await heading(page, "Connections").waitFor();
    await guards.checkPage(page);

    const other = await another();
    other.guards.expect(401, "/api/session");
    await other.page.goto(link.href);
    await signInButton(other.page).click();
    await expect(other.page.getByRole("alert")).toContain("This link no longer works");
    await other.guards.checkPage(other.page);
  },
);

flow("a person who uses a link is named and a reload says that the link still works", { service: EMPTY }, async (here) => {
  const { page, service, secrets, guards } = here;
  service.createToken();
  const link = new URL(service.run(["signin-link"]));
  secrets.add(link.hash.slice(1), "the link's secret", "token");
  await page.goto(link.href);
  await page.getByLabel("Your name").waitFor();
  await page.reload();
  await expect(page.getByRole("status").filter({ hasText: "Open your sign-in link again" })).toContain("it still works");
  await guards.checkPage(page);
  await page.goto(link.href);
  await page.getByLabel("Your name").fill("jwt:ada");
  guards.expect(422, "/api/session");
  await signInButton(page).click();
  await expect(page.getByRole("main")).toContain("must not start with");
  await page.getByLabel("Your name").fill("Ada Lovelace");
  await signInButton(page).click();
  await heading(page, "Connections").waitFor();
  await expect(page.getByRole("button", { name: /^Account/ })).toContain("Ada Lovelace (sign-in link)");
  await guards.checkPage(page);
});

flow("a command creates a new link", { service: EMPTY }, async ({ page, service, secrets, guards }) => {
  service.createToken();
  const link = new URL(service.run(["signin-link"]));
  secrets.add(link.hash.slice(1), "the link's secret", "token");
  await page.goto(link.href);
  await signInButton(page).click();
  await heading(page, "Connections").waitFor();
  await guards.checkPage(page);
});

flow("a token signs in and is not stored", { service: EMPTY }, async ({ page, service, guards, secrets }) => {
  const token = secrets.add(service.createToken(), "the API token", "token");
  await page.goto("/audit");
  await heading(page, "Sign in").waitFor();
  await page.getByLabel("Access token").fill(token);
  await signInButton(page).click();
  // The page that was requested first.
  await heading(page, "Audit").waitFor();
  await guards.checkPage(page);
  await page.reload();
  await heading(page, "Audit").waitFor();
});

flow("a wrong token is rejected with an explanation", { service: EMPTY }, async ({ page, guards }) => {
  guards.expect(401, "/api/session");
  await page.goto("/signin");
  await page.getByLabel("Access token").fill(`jf_${"A".repeat(43)}`);
  await signInButton(page).click();
  await expect(page.getByRole("alert")).toContain("Jackfield does not know that token");
  await guards.checkPage(page);
});

flow(
  "a manager sees that the console is for executives",
  { service: EMPTY },
  async ({ page, service, guards, secrets }) => {
    const token = secrets.add(service.createToken("manager", "mia"), "the API token", "token");
    await page.goto("/signin");
    await page.getByLabel("Access token").fill(token);
    await signInButton(page).click();
    await heading(page, "This console is for Executives").waitFor();
    await expect(page.getByRole("main")).toContain("mia");
    await guards.checkPage(page);
    await page.getByRole("button", { name: "Sign out" }).click();
    await heading(page, "Sign in").waitFor();
  },
);

flow("signing out does not end another session", { service: EMPTY }, async ({ another, ...here }) => {
  const there = await another();
  const token = await signIn(here);
  await signIn(there, "/", token);
  await here.page.getByRole("button", { name: /^Account/ }).click();
  await here.page.getByRole("button", { name: "Sign out", exact: true }).click();
  await heading(here.page, "Sign in").waitFor();
  await here.guards.checkPage(here.page);
  await there.page.reload();
  await heading(there.page, "Connections").waitFor();
});

flow("signing out everywhere ends all sessions at once", { service: EMPTY }, async ({ another, ...here }) => {
  const there = await another();
  const token = await signIn(here);
  await signIn(there, "/", token);
  await here.page.getByRole("button", { name: /^Account/ }).click();
  await here.page.getByRole("button", { name: "Sign out everywhere" }).click();
  await heading(here.page, "Sign in").waitFor();
  // Without a click, because the service notifies the other page.
  await heading(there.page, "Sign in").waitFor();
  await expect(there.page.getByRole("status").first()).toContain("Your session ended");
});

/** Opens the identity provider's page with the button, and clicks one of its links. */
async function signInAtProvider({ page, context, service, guards }, link) {
  await service.identityProvider.routeBrowser(context);
  await heading(page, "Sign in").waitFor();
  await guards.checkPage(page);
  await page.getByRole("link", { name: "Sign in with your company account" }).click();
  await heading(page, "Acme accounts").waitFor();
  await page.getByRole("link", { name: link }).click();
}

flow("a company account signs in and returns to the page", { service: COMPANY }, async (here) => {
  const { page, guards } = here;
  await page.goto("/audit");
  await signInAtProvider(here, "Continue as Ada");
  await heading(page, "Audit").waitFor();
  await expect(page.getByRole("button", { name: /^Account/ })).toContain("ada@acme.example");
  await guards.checkPage(page);
  await page.reload();
  await heading(page, "Audit").waitFor();
});

flow("a company account without a level is rejected", { service: COMPANY }, async (here) => {
  const { page, guards, service } = here;
  delete service.identityProvider.claims.jackfield_level;
  await page.goto("/");
  await signInAtProvider(here, "Continue as Ada");
  await expect(page.getByRole("alert")).toContain("Your account has no access level here");
  await guards.checkPage(page);
});

flow("a declined company sign-in is explained", { service: COMPANY }, async (here) => {
  const { page, guards } = here;
  await page.goto("/");
  await signInAtProvider(here, "Cancel");
  await expect(page.getByRole("alert")).toContain("The sign-in was declined");
  await guards.checkPage(page);
});

flow("the account menu is reached with Tab and with the arrow keys", { service: EMPTY }, async (here) => {
  const { page, guards } = here;
  await signIn(here);
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Sign out", exact: true })).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("button", { name: "Sign out everywhere" })).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("button", { name: /^Account/ })).toBeFocused();
  await guards.checkPage(page);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Sign out", exact: true })).toHaveCount(0);
});
