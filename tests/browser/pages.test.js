// Properties of every page: accessible in light and dark mode, fits 320 pixels, never empty while it loads.
import assert from "node:assert/strict";

import { signIn } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";
import { PAGES } from "./lib/pages.js";

const flow = flows(import.meta);

const service = { components: ["slack", "remote"] };

async function checkEveryPage(here, check) {
  await here.service.connect("slack");
  await signIn(here);
  for (const [path, heading] of Object.entries(PAGES)) {
    await here.page.goto(path);
    await here.page.getByRole("heading", { level: 1, name: heading }).waitFor();
    // Wait for the data too.
    await expect(here.page.getByRole("progressbar")).toHaveCount(0);
    await check(path);
  }
}

flow("every page is accessible in light mode", { service, context: { colorScheme: "light" } }, async (here) => {
  await checkEveryPage(here, () => here.guards.checkPage(here.page));
});

flow(
  "every page is accessible in dark mode",
  { service, context: { colorScheme: "dark", reducedMotion: "reduce" } },
  async (here) => {
    await checkEveryPage(here, () => here.guards.checkPage(here.page));
  },
);

flow(
  "every page fits a screen of 320 pixels",
  { service, context: { viewport: { width: 320, height: 640 } } },
  async (here) => {
    await checkEveryPage(here, async (path) => {
      const tooWide = await here.page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.scrollingElement;
        if (scrollWidth <= clientWidth) return null;
        const outside = [...document.querySelectorAll("body *")].filter(
          (element) => element.getBoundingClientRect().right > clientWidth + 1,
        );
        return `${scrollWidth} pixels: ${outside
          .slice(-3)
          .map((element) => element.outerHTML.slice(0, 120))
          .join(" | ")}`;
      });
      assert.equal(tooWide, null, `${path} is wider than the screen`);
      await here.guards.checkPage(here.page);
    });
  },
);

flow("a slow service leaves no page empty", { service }, async (here) => {
  const { page, guards } = here;
  let release;
  const isReleased = new Promise((resolve) => (release = resolve));
  await page.route("**/api/session", async (route) => {
    await isReleased;
    await route.continue();
  });
  await page.goto("/");
  await expect(page.getByRole("status")).toContain("Loading");
  await guards.checkPage(page);
  release();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});

flow("times and numbers and lists are formatted", { service, context: { timezoneId: "Asia/Kolkata" } }, async (here) => {
  const { page } = here;
  await signIn(here);
  const formatted = await page.evaluate(async () => {
    const { $format_js: format } = await import(document.querySelector("script[type=module]").src);
    const now = Date.parse("2026-03-01T00:00:00Z");
    const ago = (seconds) => format.formatAgo(new Date(now + 1_000 * seconds).toISOString(), now);
    return {
      ago: [0, -59, -60, -7_199, -86_400, -700_000, -40_000_000, 21, 7_300, 90_000].map(ago),
      invalid: [format.formatAgo(null), format.formatDate("soon")],
      date: format.formatDate("2026-11-04T04:03:59Z"),
      number: [0, 999, 1_000, 1_234_567].map(format.formatNumber),
      plural: [format.formatCount(1, "person", "people"), format.formatCount(1_500, "person", "people")],
      list: [[], ["a"], ["a", "b"], ["a", "b", "c"]].map(format.formatList),
      compare: ["éa", "Zeta", "eb", "alpha"].toSorted(format.compareNames),
    };
  });
  assert.deepEqual(formatted, {
    ago: [
      "just now",
      "just now",
      "1 minute ago",
      "1 hour ago",
      "1 day ago",
      "1 week ago",
      "1 year ago",
      "in a moment",
      "in 2 hours",
      "in 1 day",
    ],
    invalid: ["", ""],
    date: "4 Nov 2026, 09:33",
    number: ["0", "999", "1,000", "1,234,567"],
    plural: ["1 person", "1,500 people"],
    list: ["", "a", "a and b", "a, b and c"],
    compare: ["alpha", "éa", "eb", "Zeta"],
  });
});

flow(
  "an unknown provider is reported",
  { service: { components: [], people: false } },
  async (here) => {
    const { page, guards } = here;
    await signIn(here);
    await page.goto("/connections/nobody");
    await page.getByRole("heading", { level: 1, name: "Provider not found" }).waitFor();
    await guards.checkPage(page);
  },
);

/** What HTML defines for these attributes, where a wrong value means something else. */
const ATTRIBUTES = {
  spellcheck: /^(true|false)$/,
  autocomplete: /^off$/,
  autocapitalize: /^(off|none)$/,
  tabindex: /^(0|-1)$/,
  role: /^[a-z]+$/,
  popover: /^(auto|manual)$/,
  type: /^(button|submit|text|email|url|search|date|password|checkbox|radio|file|module|text\/css|image\/svg\+xml)$/,
  rel: /^(icon|stylesheet|preload|modulepreload|noopener|noopener noreferrer)$/,
  target: /^_blank$/,
};
/** Attributes that are on whatever their value is, so that `false` would be a mistake. */
const BOOLEAN = new Set(["disabled", "required", "checked", "selected", "open", "novalidate", "hidden", "multiple", "readonly", "autofocus", "inert"]);

const listAttributes = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("*")].flatMap((element) =>
      [...element.attributes].map(({ name, value }) => ({ name, value, html: element.outerHTML.slice(0, 160) })),
    ),
  );

async function checkAttributes(page) {
  for (const { name, value, html } of await listAttributes(page)) {
    if (ATTRIBUTES[name]) assert.match(value, ATTRIBUTES[name], `${name} of ${html}`);
    if (BOOLEAN.has(name)) assert.doesNotMatch(value, /false|null|undefined/, `${name} of ${html}`);
    if (/^aria-(expanded|pressed|selected|busy|invalid|hidden|disabled|readonly|modal)$/.test(name)) {
      assert.match(value, /^(true|false)$/, `${name} of ${html}`);
    }
    assert.doesNotMatch(value, /\[object|undefined|\bNaN\b|=>/, `${name} of ${html}`);
    assert.doesNotMatch(name, /^on|^classname$|^htmlfor$/, `${name} of ${html}`);
  }
  const fields = await page.evaluate(() =>
    [...document.querySelectorAll("input, textarea, [contenteditable]")]
      .filter(({ type }) => !["checkbox", "radio", "file"].includes(type))
      .map((field) => ({
        isChecked: field.spellcheck,
        autocomplete: field.getAttribute("autocomplete"),
        type: field.type,
        html: field.outerHTML.slice(0, 160),
      })),
  );
  for (const { isChecked, autocomplete, type, html } of fields) {
    // A spelling checker of the browser's vendor may send the text to it.
    assert.equal(isChecked, false, `the spelling of ${html} is not checked`);
    assert.equal(autocomplete, "off", html);
    // Password managers would store a provider's secret.
    assert.notEqual(type, "password", html);
  }
  return fields.length;
}

flow("every attribute of every field means what HTML defines", { service: { components: ["slack", "remote", "google-workspace", "xero", "scrapin"] } }, async (here) => {
  const { page, service } = here;
  await page.goto("/signin");
  await page.getByLabel("Access token").waitFor();
  let count = await checkAttributes(page);
  await checkEveryPage(here, async () => {
    count += await checkAttributes(page);
  });
  for (const provider of ["google-workspace", "scrapin", "xero"]) {
    await page.goto(`/connections/${provider}`);
    await page.getByRole("heading", { level: 2, name: "Connect" }).waitFor();
    count += await checkAttributes(page);
  }
  await service.connect("scrapin");
  await page.goto("/connections/scrapin");
  await page.getByRole("button", { name: "Change settings" }).click();
  await expect(page.getByLabel("Webhook URL")).toBeVisible();
  count += await checkAttributes(page);
  await page.goto("/connections/xero");
  await page.getByRole("button", { name: "Set up the OAuth app" }).click();
  count += await checkAttributes(page);
  await page.goto("/people");
  await page.getByRole("button", { name: "Add a person" }).click();
  count += await checkAttributes(page);
  await page.goto("/mappings");
  await expect(page.getByRole("grid")).toContain("Ada");
  await page.getByRole("row").nth(1).getByRole("gridcell").last().click();
  await page.getByRole("listbox").waitFor();
  count += await checkAttributes(page);
  assert.ok(count > 20, `${count} fields`);
});
