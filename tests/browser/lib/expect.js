// Waits for a condition of a page: it is checked again and again until it is true or has taken too long.
import assert from "node:assert/strict";

const TIMEOUT_MS = 20_000;
const INTERVAL_MS = 25;

async function waitFor(condition, describeFailure) {
  const start = Date.now();
  while (!(await condition())) {
    if (Date.now() - start > TIMEOUT_MS) assert.fail(await describeFailure());
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}

function createExpectations(locator, isWanted) {
  const not = isWanted ? "" : "not ";
  const readText = async () => (await locator.allInnerTexts()).join(" ").replace(/\s+/g, " ");
  const readValue = () => locator.inputValue();
  const matches = (expected, text) => (expected instanceof RegExp ? expected.test(text) : text.includes(expected));
  const check = (condition, describeFailure) =>
    waitFor(async () => (await condition()) === isWanted, describeFailure);
  return {
    toContain: (expected) =>
      check(
        async () => matches(expected, await readText()),
        async () => `${locator} must ${not}contain ${expected}: ${await readText()}`,
      ),
    toHaveCount: (count) =>
      check(
        async () => (await locator.count()) === count,
        async () => `${locator} must ${not}match ${count} elements, and matches ${await locator.count()}`,
      ),
    toHaveValue: (expected) =>
      check(
        async () => (await readValue()) === expected,
        async () => `${locator} must ${not}have the value ${expected}: ${await readValue()}`,
      ),
    toBeEmpty: () =>
      check(
        async () => (await readValue()) === "",
        () => `${locator} must ${not}be empty`,
      ),
    toBeVisible: () =>
      check(
        () => locator.first().isVisible(),
        () => `${locator} must ${not}be visible`,
      ),
    toBeFocused: () =>
      check(
        () => locator.evaluate((element) => element === document.activeElement),
        () => `${locator} must ${not}have the focus`,
      ),
  };
}

/** Waits for a state of a locator: `await expect(field).toHaveValue("")`, `await expect(list).not.toContain("Ada")`. */
export function expect(locator) {
  return { ...createExpectations(locator, true), not: createExpectations(locator, false) };
}

/** Waits until a condition is true. Otherwise it fails with the message. */
expect.poll = (condition, message) => waitFor(condition, () => message);
