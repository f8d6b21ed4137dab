// Builds provider.js into a component: `npm run build [FILE]`. The default file is acme-crew.wasm.

import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize(await readFile("provider.js", "utf8"), {
  sourceName: "provider.js",
  // The contract in Jackfield's repository, relative to this folder.
  witPath: "../../../wit",
  worldName: "component",
  // A plugin does not serve HTTP or write to a console.
  disableFeatures: ["fetch-event", "stdio"],
});
await writeFile(process.argv[2] ?? "acme-crew.wasm", component);
