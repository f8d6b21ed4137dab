// Waiting for what a page comes to show: a condition is asked again until it holds or a step has taken too long.
import assert from "node:assert/strict";

const STEP = 20_000;

async function until(holds, failure) {
  const begun = Date.now();
  while (!(await holds())) {
    if (Date.now() - begun > STEP) assert.fail(await failure());
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function expectations(locator, wanted) {
  const word = wanted ? "" : "not ";
  const text = async () => (await locator.allInnerTexts()).join(" ").replace(/\s+/g, " ");
  const value = () => locator.inputValue();
  const fits = (expected, found) => (expected instanceof RegExp ? expected.test(found) : found.includes(expected));
  const check = (is, what) => until(async () => (await is()) === wanted, what);
  return {
    toContain: (expected) =>
      check(
        async () => fits(expected, await text()),
        async () => `${locator} is ${word}to hold ${expected}: ${await text()}`,
      ),
    toHaveCount: (count) =>
      check(
        async () => (await locator.count()) === count,
        async () => `${locator} is ${word}to be there ${count} times, and is ${await locator.count()} times`,
      ),
    toHaveValue: (expected) =>
      check(
        async () => (await value()) === expected,
        async () => `${locator} is ${word}to be ${expected}: ${await value()}`,
      ),
    toBeEmpty: () =>
      check(
        async () => (await value()) === "",
        () => `${locator} is ${word}to be empty`,
      ),
    toBeVisible: () =>
      check(
        () => locator.first().isVisible(),
        () => `${locator} is ${word}to be seen`,
      ),
    toBeFocused: () =>
      check(
        () => locator.evaluate((element) => element === document.activeElement),
        () => `${locator} is ${word}to have the focus`,
      ),
  };
}

/** What a locator comes to be: `await expect(field).toHaveValue("")`, `await expect(list).not.toContain("Ada")`. */
export function expect(locator) {
  return { ...expectations(locator, true), not: expectations(locator, false) };
}

/** Waits until a condition holds. */
expect.poll = (holds, what) => until(holds, () => what);
