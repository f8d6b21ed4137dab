// The measurements of the benchmarks in a browser: `node bench.js URL TOKEN paint|transfer|scroll` prints them as JSON.
import path from "node:path";

import { findBrowser, HEADLESS_SHELL, launch } from "./lib/chromium.js";
import { PAGES } from "./lib/pages.js";

const [url, token, measurement] = process.argv.slice(2);

/** Measured loads of the page, and unmeasured ones before them. */
const LOADS = 21;
const WARM_UP = 3;

/** How long a new window is busy with itself. */
const WINDOW_READY_MS = 1_000;

/** The message that the page writes to its console when the cards are painted. */
const PAINTED = "painted";

/** How long the grid is scrolled, and by how many pixels at a time. */
const SCROLL_MS = 6_000;
const WHEEL = 900;

async function signIn(browser) {
  const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 800 } });
  const answer = await context.request.post("/api/session", { data: { token } });
  if (!answer.ok()) throw new Error(`sign-in: ${answer.status()}`);
  return context;
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const percentile = (numbers, part) => [...numbers].sort((a, b) => a - b)[Math.ceil(numbers.length * part) - 1];

/** Measures the time from the start of the navigation until the cards are painted, with empty caches. */
async function measurePaint(browser) {
  const times = [];
  for (let load = 0; load < WARM_UP + LOADS; load += 1) {
    const context = await signIn(browser);
    const page = await context.newPage();
    // So that the window's own work is not measured.
    await page.waitForTimeout(WINDOW_READY_MS);
    await page.addInitScript((painted) => {
      const check = () => {
        if (!document.querySelector("article h2, article h3")) return requestAnimationFrame(check);
        // The cards are on the screen one frame after they are in the document.
        return requestAnimationFrame(() => setTimeout(() => console.info(`${painted} ${performance.now()}`)));
      };
      requestAnimationFrame(check);
    }, PAINTED);
    // The page reports the time itself, because polling, as in `waitForFunction`, would slow it down.
    const report = page.waitForEvent("console", (message) => message.text().startsWith(PAINTED));
    await page.goto("/", { waitUntil: "commit" });
    const time = Number((await report).text().slice(PAINTED.length));
    if (load >= WARM_UP) times.push(time);
    await context.close();
  }
  return { median: median(times), p99: percentile(times, 0.99), browser: path.basename(executable) };
}

/** Measures the compressed size of all files of the console, by opening each page once. */
async function measureTransfer(browser) {
  const context = await signIn(browser);
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  const paths = new Map();
  const headSizes = new Map();
  let [bodyBytes, headBytes] = [0, 0];
  const files = new Set();
  session.on("Network.requestWillBeSent", ({ requestId, request }) =>
    paths.set(requestId, new URL(request.url).pathname),
  );
  session.on("Network.responseReceived", ({ requestId, response }) => headSizes.set(requestId, response.encodedDataLength));
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const path = paths.get(requestId);
    if (path === undefined || path.startsWith("/api/") || !encodedDataLength) return;
    const headSize = Math.min(headSizes.get(requestId) ?? 0, encodedDataLength);
    bodyBytes += encodedDataLength - headSize;
    headBytes += headSize;
    files.add(path);
  });
  await page.goto("/");
  await page.getByRole("heading", { level: 1 }).waitFor();
  const first = bodyBytes;
  for (const [address, heading] of Object.entries(PAGES)) {
    // The benchmark's service has only one plugin.
    if (address.includes("remote")) continue;
    // Within the page, as its links do, so that the bundle is not loaded again.
    await page.evaluate((to) => {
      history.pushState(null, "", to);
      dispatchEvent(new PopStateEvent("popstate"));
    }, address);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
  }
  await context.close();
  return { all: bodyBytes / 1024, first: first / 1024, heads: headBytes / 1024, files: files.size };
}

/** Measures the time between frames while the wheel scrolls the grid without a pause. */
async function measureScroll(browser) {
  const context = await signIn(browser);
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
  const start = Date.now();
  while (Date.now() - start < SCROLL_MS) await page.mouse.wheel(0, WHEEL);
  const frames = await page.evaluate(() => window.frames_);
  await context.close();
  return { median: median(frames), p95: percentile(frames, 0.95), frames: frames.length, rows };
}

// The paint is measured in the headless shell if it is installed.
const executable = measurement === "paint" ? findBrowser(HEADLESS_SHELL) : findBrowser();
const browser = await launch([], executable);
try {
  const measure = { paint: measurePaint, transfer: measureTransfer, scroll: measureScroll }[measurement];
  console.log(JSON.stringify(await measure(browser)));
} finally {
  await browser.close();
}
