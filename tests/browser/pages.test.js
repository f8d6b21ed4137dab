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
