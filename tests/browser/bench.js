// What the benchmarks ask a browser for: `node bench.js URL TOKEN paint|transfer|scroll` prints one number in JSON.
import path from "node:path";

import { launch, program, WINDOWLESS } from "./lib/chromium.js";
import { PAGES } from "./lib/pages.js";

const [url, token, what] = process.argv.slice(2);

/** Loads of the page whose time counts, and those before. */
const LOADS = 21;
const WARM_UP = 3;

/** After so long a window that was just opened is at rest. */
const WINDOW_RESTS_MS = 1_000;

/** What the page writes to its console when the cards are there. */
const PAINTED = "painted";

/** How long the table is scrolled, and by how much each time. */
const SCROLL_MS = 6_000;
const WHEEL = 900;

async function signedIn(browser) {
  const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 800 } });
  const answer = await context.request.post("/api/session", { data: { token } });
  if (!answer.ok()) throw new Error(`sign-in: ${answer.status()}`);
  return context;
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const at = (numbers, part) => [...numbers].sort((a, b) => a - b)[Math.ceil(numbers.length * part) - 1];

/** From the beginning of the navigation to the frame in which the cards are painted, with nothing in any cache. */
async function paint(browser) {
  const times = [];
  for (let load = 0; load < WARM_UP + LOADS; load += 1) {
    const context = await signedIn(browser);
    const page = await context.newPage();
    // What a new window itself does for a while is not the page's.
    await page.waitForTimeout(WINDOW_RESTS_MS);
    await page.addInitScript((painted) => {
      const look = () => {
        if (!document.querySelector("article h2, article h3")) return requestAnimationFrame(look);
        // The frame after the one in which they came into the document has them on the screen.
        return requestAnimationFrame(() => setTimeout(() => console.info(`${painted} ${performance.now()}`)));
      };
      requestAnimationFrame(look);
    }, PAINTED);
    // The page says it by itself: whoever asks it meanwhile, as `waitForFunction` does, takes of its time.
    const said = page.waitForEvent("console", (message) => message.text().startsWith(PAINTED));
    await page.goto("/", { waitUntil: "commit" });
    const took = Number((await said).text().slice(PAINTED.length));
    if (load >= WARM_UP) times.push(took);
    await context.close();
  }
  return { median: median(times), p99: at(times, 0.99), browser: path.basename(executable) };
}

/** What every file of the console takes on the wire, compressed as it comes, by coming to each page once. */
async function transfer(browser) {
  const context = await signedIn(browser);
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  const paths = new Map();
  const heads = new Map();
  let [bytes, head] = [0, 0];
  const files = new Set();
  session.on("Network.requestWillBeSent", ({ requestId, request }) =>
    paths.set(requestId, new URL(request.url).pathname),
  );
  session.on("Network.responseReceived", ({ requestId, response }) => heads.set(requestId, response.encodedDataLength));
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const path = paths.get(requestId);
    if (path === undefined || path.startsWith("/api/") || !encodedDataLength) return;
    const own = Math.min(heads.get(requestId) ?? 0, encodedDataLength);
    bytes += encodedDataLength - own;
    head += own;
    files.add(path);
  });
  await page.goto("/");
  await page.getByRole("heading", { level: 1 }).waitFor();
  const first = bytes;
  for (const [address, heading] of Object.entries(PAGES)) {
    // The benchmark's service has one component.
    if (address.includes("remote")) continue;
    // Within the page, as its links do, so that the frame is not fetched again.
    await page.evaluate((to) => {
      history.pushState(null, "", to);
      dispatchEvent(new PopStateEvent("popstate"));
    }, address);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
  }
  await context.close();
  return { all: bytes / 1024, first: first / 1024, heads: head / 1024, files: files.size };
}

/** The time between two frames while the table is scrolled by the wheel, without a pause. */
async function scroll(browser) {
  const context = await signedIn(browser);
  const page = await context.newPage();
  await page.goto("/mappings");
  const grid = page.getByRole("grid");
  await grid.getByRole("gridcell").first().waitFor();
  const box = await grid.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + Math.min(box.height / 2, 200));
  await page.evaluate(() => {
    window.frames_ = [];
    let before = 0;
    const frame = (now) => {
      if (before) window.frames_.push(now - before);
      before = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const rows = Number(await grid.getAttribute("aria-rowcount"));
  const begun = Date.now();
  while (Date.now() - begun < SCROLL_MS) await page.mouse.wheel(0, WHEEL);
  const frames = await page.evaluate(() => window.frames_);
  await context.close();
  return { median: median(frames), p95: at(frames, 0.95), frames: frames.length, rows };
}

// What is timed to the frame is timed in the engine alone, where that is there.
const executable = what === "paint" ? program(WINDOWLESS) : program();
const browser = await launch([], executable);
try {
  const measured = await { paint, transfer, scroll }[what](browser);
  console.log(JSON.stringify(measured));
} finally {
  await browser.close();
}
