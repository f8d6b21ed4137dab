// Makes a component of provider.js: `npm run build [FILE]`, into acme-crew.wasm where no file is named.

import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize(await readFile("provider.js", "utf8"), {
  sourceName: "provider.js",
  // Relative to this folder: the contract, as it lies in Jackfield's repository.
  witPath: "../../../wit",
  worldName: "component",
  // What serves HTTP and writes to a console has no use in a provider.
  disableFeatures: ["fetch-event", "stdio"],
});
await writeFile(process.argv[2] ?? "acme-crew.wasm", component);
