// Every page as it is for everybody: light and dark, 320 pixels wide, without movement, and by the keyboard.
import assert from "node:assert/strict";

import { signedIn } from "./lib/console.js";
import { expect } from "./lib/expect.js";
import { flows } from "./lib/flow.js";
import { PAGES } from "./lib/pages.js";

const flow = flows(import.meta);

const service = { components: ["slack", "remote"] };

async function everyPage(here, check) {
  await here.service.connect("slack");
  await signedIn(here);
  for (const [path, heading] of Object.entries(PAGES)) {
    await here.page.goto(path);
    await here.page.getByRole("heading", { level: 1, name: heading }).waitFor();
    // What is loaded after the page itself is part of it.
    await expect(here.page.getByRole("progressbar")).toHaveCount(0);
    await check(path);
  }
}

flow("every page is accessible in the light", { service, context: { colorScheme: "light" } }, async (here) => {
  await everyPage(here, () => here.guards.look(here.page));
});

flow(
  "every page is accessible in the dark",
  { service, context: { colorScheme: "dark", reducedMotion: "reduce" } },
  async (here) => {
    await everyPage(here, () => here.guards.look(here.page));
  },
);

flow(
  "every page fits a screen of 320 pixels",
  { service, context: { viewport: { width: 320, height: 640 } } },
  async (here) => {
    await everyPage(here, async (path) => {
      const wide = await here.page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.scrollingElement;
        if (scrollWidth <= clientWidth) return null;
        const out = [...document.querySelectorAll("body *")].filter(
          (element) => element.getBoundingClientRect().right > clientWidth + 1,
        );
        return `${scrollWidth} pixels: ${out
          .slice(-3)
          .map((element) => element.outerHTML.slice(0, 120))
          .join(" | ")}`;
      });
      assert.equal(wide, null, `${path} is wider than the screen`);
      await here.guards.look(here.page);
    });
  },
);

flow("a service that answers slowly leaves no page empty", { service }, async (here) => {
  const { page, guards } = here;
  let release;
  const isReleased = new Promise((resolve) => (release = resolve));
  await page.route("**/api/session", async (route) => {
    await isReleased;
    await route.continue();
  });
  await page.goto("/");
  await expect(page.getByRole("status")).toContain("Loading");
  await guards.look(page);
  release();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});

flow("times, numbers and lists are said in words", { service, context: { timezoneId: "Asia/Kolkata" } }, async (here) => {
  const { page } = here;
  await signedIn(here);
  const said = await page.evaluate(async () => {
    const { $format_js: format } = await import(document.querySelector("script[type=module]").src);
    const now = Date.parse("2026-03-01T00:00:00Z");
    const ago = (seconds) => format.ago(new Date(now + 1_000 * seconds).toISOString(), now);
    return {
      ago: [0, -59, -60, -7_199, -86_400, -700_000, -40_000_000, 21, 7_300, 90_000].map(ago),
      nothing: [format.ago(null), format.date("soon")],
      date: format.date("2026-11-04T04:03:59Z"),
      number: [0, 999, 1_000, 1_234_567].map(format.number),
      plural: [format.plural(1, "person", "people"), format.plural(1_500, "person", "people")],
      list: [[], ["a"], ["a", "b"], ["a", "b", "c"]].map(format.list),
      compare: ["éa", "Zeta", "eb", "alpha"].toSorted(format.compare),
    };
  });
  assert.deepEqual(said, {
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
    nothing: ["", ""],
    date: "4 Nov 2026, 09:33",
    number: ["0", "999", "1,000", "1,234,567"],
    plural: ["1 person", "1,500 people"],
    list: ["", "a", "a and b", "a, b and c"],
    compare: ["alpha", "éa", "eb", "Zeta"],
  });
});

flow(
  "a page that is not there says so and leads back",
  { service: { components: [], people: false } },
  async (here) => {
    const { page, guards } = here;
    await signedIn(here);
    await page.goto("/connections/nobody");
    await page.getByRole("heading", { level: 1, name: "Provider not found" }).waitFor();
    await guards.look(page);
  },
);
