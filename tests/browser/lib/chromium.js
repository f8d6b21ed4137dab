// The system's Chromium, started once for a file of tests. It reaches nothing but loopback.
import { accessSync, constants } from "node:fs";
import path from "node:path";

import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The engine alone: a whole browser's window has pages of its own, which are at work while ours loads. */
export const WINDOWLESS = "chromium-headless-shell";

/** The browser's program: `JACKFIELD_TEST_BROWSER`, or the first of its names in the PATH, those asked for before others. */
export function program(...first) {
  if (process.env.JACKFIELD_TEST_BROWSER) return process.env.JACKFIELD_TEST_BROWSER;
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  for (const file of [...first, ...NAMES].flatMap((name) => folders.map((folder) => path.join(folder, name)))) {
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(`no browser in the PATH (${NAMES.join(", ")}): install Chromium with this system's packages`);
}

/** Starts it. */
export function launch(more = [], executablePath = program()) {
  const args = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ...more,
  ];
  return chromium.launch({ executablePath, args, chromiumSandbox: process.getuid?.() !== 0 });
}
