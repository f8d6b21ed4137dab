// Runs the browser tests, three files at a time, and prints how many passed: `node run.js [FILTER…]`.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";

import { Service } from "./lib/service.js";

const folder = path.dirname(fileURLToPath(import.meta.url));
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".test.js"))
  .sort();
process.env.JACKFIELD_TEST_FILTER = JSON.stringify(process.argv.slice(2));

const warm = mkdtempSync(path.join(tmpdir(), "jackfield-warm-"));
process.on("exit", () => rmSync(warm, { recursive: true }));
const first = await Service.start();
first.saveWarmFiles(warm);
await first.stop();
process.env.JACKFIELD_TEST_WARM = warm;

let passed = 0;
let failed = 0;
const isFlow = (event) => event.name.startsWith("browser::");
const events = run({ files: files.map((name) => path.join(folder, name)), concurrency: 3 })
  .on("test:pass", (event) => (passed += isFlow(event) ? 1 : 0))
  // Including files that fail to load.
  .on("test:fail", () => (failed += 1));
events.compose(new spec()).pipe(process.stdout);
events.on("end", () => {
  process.exitCode = failed ? 1 : 0;
  process.on("exit", () => process.stdout.write(`browser: ${passed} passed, ${failed} failed\n`));
});
