// Starts the system's Chromium. It can reach only loopback addresses.
import { accessSync, constants } from "node:fs";
import path from "node:path";

import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The engine without windows: a whole browser's own pages compete with ours while it loads. */
export const HEADLESS_SHELL = "chromium-headless-shell";

/**
 * Returns the browser's path: `JACKFIELD_TEST_BROWSER`, or the first in the PATH of `preferred` and the usual names.
 */
export function findBrowser(...preferred) {
  if (process.env.JACKFIELD_TEST_BROWSER) return process.env.JACKFIELD_TEST_BROWSER;
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  for (const file of [...preferred, ...NAMES].flatMap((name) => folders.map((folder) => path.join(folder, name)))) {
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // It is not in this folder.
    }
  }
  throw new Error(`no browser in the PATH (${NAMES.join(", ")}): install Chromium with this system's packages`);
}

export function launch(moreArguments = [], executablePath = findBrowser()) {
  const args = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ...moreArguments,
  ];
  return chromium.launch({ executablePath, args, chromiumSandbox: process.getuid?.() !== 0 });
}
