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
