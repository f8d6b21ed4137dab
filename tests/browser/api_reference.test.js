// The API reference, a page outside the console.
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);

flow(
  "the API reference is public",
  { service: { components: [], people: false } },
  async ({ page, guards }) => {
    await page.goto("/docs");
    await page.getByRole("main").getByRole("heading", { name: "Connections" }).waitFor();
    await guards.checkPage(page);
  },
);
