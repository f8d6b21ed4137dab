// The console's reader of CSV files, with the same table of cells and files as the service's reader. Needs no browser.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { isSelected } from "./lib/flow.js";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const toUrl = (source) => `data:text/javascript;base64,${Buffer.from(source).toString("base64")}`;
const WEB = "../../host/crates/console/web";
// The console's folder has no package.json that makes its files modules.
const spreadsheetUrl = toUrl(read(`${WEB}/spreadsheet.js`));
const spreadsheet = await import(spreadsheetUrl);
const csv = await import(toUrl(read(`${WEB}/csv.js`).replace("./spreadsheet.js", spreadsheetUrl)));
const cases = JSON.parse(read("../data/spreadsheet-cells.json"));

function check(sentence, body) {
  const name = `browser::spreadsheets::${sentence.replaceAll(" ", "_")}`;
  if (isSelected(name)) test(name, body);
}

check("a boolean is read in the languages of spreadsheets", () => {
  for (const [list, expected] of [["true", true], ["false", false], ["not_boolean", null]]) {
    for (const text of cases[list]) assert.equal(spreadsheet.parseBoolean(text), expected, text);
  }
});

check("an id that a spreadsheet damaged is found and a sound one is not", () => {
  for (const text of cases.damaged_ids) assert.notEqual(spreadsheet.findIdDamage(text), null, text);
  for (const text of cases.sound_ids) assert.equal(spreadsheet.findIdDamage(text), null, text);
});

check("a name in the wrong encoding is found and a sound one is not", () => {
  for (const text of cases.garbled_names) assert.notEqual(spreadsheet.findGarbling(text), null, text);
  for (const text of cases.sound_names) assert.equal(spreadsheet.findGarbling(text), null, text);
});

check("addresses names and ids are cleaned or rejected", () => {
  const { cleanEmail, trim, findEmailError, findNameError, findIdError } = spreadsheet;
  for (const [list, clean, findError] of [
    ["addresses", cleanEmail, findEmailError],
    ["names", trim, findNameError],
    ["ids", trim, findIdError],
  ]) {
    for (const [text, expected] of cases[list]) {
      const cleaned = clean(text);
      assert.equal(findError(cleaned) === null ? cleaned : null, expected, JSON.stringify(text));
    }
  }
});

check("the rows of a file are read and none is lost in a quotation", async () => {
  for (const { file, rows, open_quote: line } of cases.files) {
    if (line) {
      await assert.rejects(csv.parseCsv(file), new RegExp(`quotation mark on line ${line} `, "u"), file);
    } else {
      const sheet = await csv.parseCsv(file);
      const found = [[sheet.line, sheet.titles], ...sheet.rows.map((row) => [row.line, row.cells])];
      assert.deepEqual(found, rows, file);
    }
  }
});
