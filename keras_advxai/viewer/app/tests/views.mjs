/**
 * Opens pages of HTML from the disk without a network, goes through every view of each, prints them, and prints what
 * it has found as JSON, which `test_views_in_a_browser.py` compares:
 * `node views.mjs '{"chromium": ..., "pages": {...}, "prints": {...}}'`.
 */

import { drawn, launch, look, violations, watch } from "./parts.mjs";

const { chromium, pages, prints } = JSON.parse(process.argv[2]);
const found = { problems: [], violations: [], pages: {} };
const browser = await launch(chromium);
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, offline: true });

/** The pictures that are in sight and were not kept. @param {import("playwright-core").Page} page */
const missing = (page, selector) => page.$$eval(`${selector} canvas`, (all) => all.filter((canvas) => canvas.dataset.state === "missing").length);

for (const [name, path] of Object.entries(pages)) {
  const page = await context.newPage();
  page.setDefaultTimeout(120_000); // machines are busy
  watch(page, found.problems, /^(file|data|blob):/);
  await page.goto(`file://${path}`);
  await drawn(page);
  const seen = (found.pages[name] = { first: await look(page), missing: await missing(page, ".row"), shown: {}, compared: {}, explainers: {} });
  if (prints[name]) await page.pdf({ format: "A4", path: prints[name] });
  found.violations.push(...(await violations(page, name)));
  for (const show of ["flipped", "kept", "moved", "all"]) {
    await page.selectOption("select[aria-label=Show]", show);
    seen.shown[show] = (await look(page)).rows;
  }
  for (const view of ["wipe", "blink", "side"]) {
    await page.selectOption("select[aria-label=Compare]", view);
    await drawn(page);
    seen.compared[view] = await page.$$eval(".row:first-child .tile", (all) => all.length);
  }
  // Every explainer, run and attack, by all the lists that there are to choose from.
  for (const list of ["Run", "Explainer", "Layer", "Score"]) {
    const options = await page.$$eval(`select[aria-label='${list}'] option`, (all) => all.map((option) => option.value));
    seen.explainers[list] = options.length;
    for (const option of options) {
      if (!(await page.isVisible(`select[aria-label='${list}']`))) break;
      await page.selectOption(`select[aria-label='${list}']`, option);
      await drawn(page);
    }
  }
  await page.click(".row .open");
  await page.waitForSelector("dialog[open] h2");
  await page.waitForFunction(() => [...document.querySelectorAll("dialog .strip canvas:not([aria-hidden])")].every((canvas) => canvas.dataset.state));
  seen.strips = await page.$$eval("dialog h3", (all) => all.map((one) => one.textContent));
  seen.missingInDetail = await missing(page, "dialog .strip");
  found.violations.push(...(await violations(page, `${name}, a sample`)));
  await page.keyboard.press("Escape");
  await page.close();
}
console.log(JSON.stringify(found));
await browser.close();
