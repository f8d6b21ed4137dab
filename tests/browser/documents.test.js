// The pages that were there before the console: the API's description, and where a provider sends the browser back to.
import { flows } from "./lib/flow.js";

const flow = flows(import.meta);

flow(
  "the description of the API is shown to anybody",
  { service: { components: [], people: false } },
  async ({ page, guards }) => {
    await page.goto("/docs");
    await page.getByRole("main").getByRole("heading", { name: "Connections" }).waitFor();
    await guards.look(page);
  },
);
