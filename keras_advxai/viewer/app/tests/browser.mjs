/**
 * Looks at pages in a browser without a window, and prints what it has found as JSON, which `test_in_a_browser.py`
 * compares: `node browser.mjs CHROMIUM FILE`.
 */

import { readFile } from "node:fs/promises";
import { drawn, launch, violations, watch } from "./parts.mjs";

const [executablePath, file] = process.argv.slice(2);
const browser = await launch(executablePath);
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, offline: true, bypassCSP: false });
const page = await context.newPage();
const problems = [];
watch(page, problems, /^(file|data|blob):/);
page.on("console", (message) => message.type() === "warning" && problems.push(message.text()));

const url = `file://${file}`;
// At the larger epsilon, where there is something to see; where it opens by itself is computed in pure.test.js.
const open = async (hash = "#epsilon=0.0313726") => {
  await page.goto("about:blank");
  await page.goto(url + hash);
  await drawn(page);
};
const headline = () => page.textContent(".verdict .first");
const hash = () => page.evaluate(() => decodeURIComponent(location.hash));
const rows = () => page.$$eval(".row .open", (all) => all.map((one) => one.title));
const found = {};

await open();
found.headline = await headline();
found.cards = await page.$$eval(".card h3", (all) => all.map((one) => one.textContent));
found.rowInSight = await page.$eval(".row canvas", (canvas) => canvas.getBoundingClientRect().top < 900);
found.rows = await rows();
found.scripts = await page.evaluate(() => window.injected ?? null);
found.original = await page.$eval(".row canvas", (canvas) => ({
  row: canvas.closest(".row").querySelector(".open").title,
  size: [canvas.height, canvas.width],
  pixels: [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data].filter((_, place) => place % 4 === 0),
}));

// Every control changes what it should.
await page.keyboard.press("[");
found.smaller = await headline();
await page.keyboard.press("a");
found.otherAttack = await headline();
await page.keyboard.press("x");
found.otherExplainer = await page.$eval("select[aria-label=Explainer]", (list) => list.value);
await page.selectOption("select[aria-label=Show]", "kept");
found.kept = await rows();
await page.selectOption("select[aria-label='Sort by']", "index");
found.inOrder = await rows();
await page.selectOption("select[aria-label=Compare]", "blink");
found.tilesOfBlink = await page.$$eval(".row:first-child .tile", (all) => all.length);
found.hash = await hash();
// Not the whole text: of tiles that blink, the words change with the time.
const state = async () => JSON.stringify([
  await headline(),
  await rows(),
  await page.$$eval("select", (all) => all.map((list) => list.value)),
]);
const before = await state();
await open(`#${found.hash.replace(/^#/, "")}`);
found.isRestored = before === (await state());

// A mark of a chart chooses what it stands for.
await open();
const mark = await page.$eval(".charts svg.clickable [data-mark=dot] circle", (circle) => {
  const box = circle.getBoundingClientRect();
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
});
const last = await page.$$eval(".charts svg.clickable", (all) => {
  const dots = [...all[0].querySelectorAll("[data-mark=dot] circle")].map((circle) => circle.getBoundingClientRect());
  const [dot] = dots.filter((box) => box.x > Math.min(...dots.map((each) => each.x)) + 5).sort((a, b) => a.x - b.x);
  return { x: dot.x + dot.width / 2, y: dot.y + dot.height / 2 };
});
await page.mouse.move(mark.x, mark.y);
await page.mouse.move(last.x, last.y);
await page.mouse.click(last.x, last.y);
found.afterClick = await hash();

// A range of the histogram filters the samples.
await open();
const histogram = await (await page.$("svg.brushable")).boundingBox();
await page.mouse.move(histogram.x + 60, histogram.y + 60);
await page.mouse.down();
await page.mouse.move(histogram.x + 190, histogram.y + 60, { steps: 4 });
await page.mouse.up();
found.brushed = { hash: await hash(), count: await page.textContent(".count") };

// With the keyboard alone: into the samples, open one, close it.
await open();
await page.keyboard.press("j");
await page.keyboard.press("ArrowDown");
found.focused = await page.evaluate(() => document.activeElement.title);
await page.keyboard.press("Enter");
await page.waitForSelector("dialog[open] .strip canvas[data-state=shown]");
found.opened = await page.textContent("dialog h2");
found.strips = await page.$$eval("dialog h3", (all) => all.map((one) => one.textContent));
const download = page.waitForEvent("download");
await page.click("text=Download rows as CSV");
found.csv = await readFile(await (await download).path(), "utf8");
await page.keyboard.press("Escape");
found.isClosed = (await page.$("dialog[open]")) === null;

// Dark, accessible, printed.
await page.emulateMedia({ colorScheme: "dark" });
// It follows within a second.
await page.waitForFunction(() => document.documentElement.dataset.theme === "dark", null, { timeout: 1000 }).catch(() => {});
found.theme = await page.getAttribute("html", "data-theme");
found.violations = [];
for (const scheme of ["light", "dark"]) {
  await page.emulateMedia({ colorScheme: scheme });
  await page.waitForTimeout(100);
  found.violations.push(...(await violations(page, scheme)));
}
const pdf = await page.pdf({ format: "A4" });
found.pdf = { head: pdf.subarray(0, 5).toString(), pages: (pdf.toString("latin1").match(/\/Type\s*\/Page\b/g) ?? []).length };

// All of the samples scroll.
await open();
if (await page.isVisible(".more")) await page.click(".more");
found.frames = await page.evaluate(async () => {
  const times = [];
  let then = performance.now();
  for (let top = 0; top < 12_000; top += 300) {
    scrollTo({ top, behavior: "instant" });
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    times.push(now - then);
    then = now;
  }
  const idle = [];
  for (let turn = 0; turn < 20; turn++) {
    then = performance.now();
    await new Promise(requestAnimationFrame);
    idle.push(performance.now() - then);
  }
  return { idle: idle.sort((a, b) => a - b)[10], count: document.querySelectorAll(".row").length, median: times.sort((a, b) => a - b)[times.length >> 1], longest: times[times.length - 1] };
});
found.problems = problems;
console.log(JSON.stringify(found));
await browser.close();
