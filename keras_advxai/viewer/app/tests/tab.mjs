/**
 * Looks at TensorBoard's tab in a browser without a window, and prints what it has found as JSON, which
 * `test_tab_in_a_browser.py` compares: `node tab.mjs '{"chromium": ..., "boards": {...}, "folder": ...}'`.
 */

import { writeFile } from "node:fs/promises";
import { drawn, launch, look, pixels, violations, watch } from "./parts.mjs";

const { chromium, boards, folder } = JSON.parse(process.argv[2]);
const PATIENCE = 120_000; // milliseconds: machines are busy
const found = { problems: [], violations: [] };
const browser = await launch(chromium);

/** A page and the frame of the tab in it. */
async function open(address, hash = "#advxai", isEmpty = false) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, acceptDownloads: true });
  page.setDefaultTimeout(PATIENCE);
  const { origin } = new URL(address);
  watch(page, found.problems, new RegExp(`^(${origin}/|data:|blob:${origin}/)`));
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(address + hash);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  await (isEmpty ? frame.waitForSelector(".empty h1") : drawn(frame));
  return { page, frame, requests };
}

const hashOf = (page) => page.evaluate(() => decodeURIComponent(location.hash));
const sayEmpty = (frame) => frame.evaluate(() => document.querySelector(".empty").innerText);
const choose = (frame, label, value) => frame.selectOption(`select[aria-label='${label}']`, value);
const go = async (frame, label, key, times = 1) => {
  await frame.focus(`input[aria-label='${label}']`);
  for (let turn = 0; turn < times; turn++) await frame.press(`input[aria-label='${label}']`, key);
};
/** Does something, waits until all is drawn again, and looks. */
const after = async (frame, act) => {
  await act();
  await drawn(frame);
  return look(frame);
};

const parts = {
  async empty() {
    const { page, frame } = await open(boards.live, "#advxai", true);
    found.live = { empty: await sayEmpty(frame) };
    await writeFile(`${folder}/seen-empty`, "");
    this.live = { page, frame };
  },

  async first() {
    const opened = await open(boards.fast);
    const { page, frame, requests } = opened;
    found.first = await look(frame);
    found.requests = requests.length;
    const box = await (await page.$("iframe")).boundingBox();
    found.ends = await frame.$$eval(".card svg.clickable", (all, top) => all.slice(0, 2).map((one) => one.getBoundingClientRect().bottom + top), box.y);
    found.starts = await frame.$$eval(".row:first-child canvas", (all, top) => all.map((one) => one.getBoundingClientRect().top + top), box.y);
    found.rowEnds = await frame.$$eval(".row:first-child canvas", (all, top) => all.map((one) => one.getBoundingClientRect().bottom + top), box.y);
    // Of the name of the tab, what TensorBoard's tabs leave to be seen.
    found.nameEnds = await page.evaluate(() => {
      const tab = [...document.querySelectorAll("[role=tab]")].find((one) => one.ariaSelected === "true");
      const text = document.createTreeWalker(tab, NodeFilter.SHOW_TEXT);
      while (text.nextNode() && !text.currentNode.data.trim());
      const range = document.createRange();
      range.setStart(text.currentNode, text.currentNode.data.search(/\S/));
      range.setEnd(text.currentNode, text.currentNode.data.trimEnd().length);
      return [range.getBoundingClientRect().right, tab.closest(".mat-mdc-tab-header").getBoundingClientRect().right];
    });
    found.isMarked = await page.$$eval("[role=tab]", (all) => all.filter((tab) => tab.ariaSelected === "true").map((tab) => tab.textContent.trim()));
    this.fast = opened;
  },

  async controls() {
    const { page, frame } = this.fast;
    const changes = (found.changes = {});
    // One after another, each of what the one before has left.
    changes.run = await after(frame, () => choose(frame, "Run", { label: "second" }));
    changes.back = await after(frame, () => choose(frame, "Run", { label: "first" }));
    changes.attack = await after(frame, () => frame.check(".attacks input[value=pgd]", { force: true }));
    changes.metric = await after(frame, () => choose(frame, "Dissimilarity", "cosine_distance"));
    changes.explainer = await after(frame, () => choose(frame, "Explainer", "integrated_gradients"));
    changes.explainerBack = await after(frame, () => choose(frame, "Explainer", "grad_cam"));
    changes.epsilon = await after(frame, () => go(frame, "Epsilon", "ArrowLeft"));
    changes.epoch = await after(frame, () => go(frame, "Epoch", "ArrowLeft", 2));
    found.maps = { change: await pixels(frame, "change of the heatmap"), adversarial: await pixels(frame, "adversarial") };
    await after(frame, () => go(frame, "Opacity of the heatmaps", "End"));
    found.maps.opaque = await pixels(frame, "heatmap, original");
    await after(frame, () => go(frame, "Opacity of the heatmaps", "Home"));
    found.maps.clear = await pixels(frame, "heatmap, original");
    await after(frame, () => go(frame, "Opacity of the heatmaps", "End"));
    changes.flipped = await after(frame, () => choose(frame, "Show", "flipped"));
    changes.kept = await after(frame, () => choose(frame, "Show", "kept"));
    changes.moved = await after(frame, () => choose(frame, "Show", "moved"));
    await choose(frame, "Show", "all");
    changes.label = await after(frame, () => choose(frame, "Class", "1"));
    await choose(frame, "Class", "");
    for (const sort of ["steady", "confidence", "name", "index", "drift", "pictures"]) changes[sort] = await after(frame, () => choose(frame, "Sort by", sort));
    await after(frame, () => choose(frame, "Compare", "wipe"));
    const tiles = await (await frame.$(".row .tiles")).boundingBox();
    await page.mouse.move(tiles.x + 40, tiles.y + 20);
    found.wipe = await frame.$eval(".row .tiles", (one) => ({ at: one.style.getPropertyValue("--wipe"), tiles: one.querySelectorAll(".tile").length }));
    await after(frame, () => choose(frame, "Compare", "blink"));
    const visible = () => frame.$$eval(".row:first-child .tile", (all) => all.map((one) => getComputedStyle(one).visibility).join());
    const now = await visible();
    await frame.waitForFunction((now) => [...document.querySelectorAll(".row:first-child .tile")].map((one) => getComputedStyle(one).visibility).join() !== now, now);
    await choose(frame, "Compare", "side");
    found.findings = await frame.$eval(".findings", (place) => {
      const details = place.querySelector("details");
      details?.querySelector("summary").click();
      const text = place.innerText;
      details?.querySelector(":scope details summary").click();
      return { open: details?.open ?? null, text };
    });
    await after(frame, () => go(frame, "Epsilon", "ArrowRight"));
    found.findings.explained = await frame.$eval(".findings details details", (details) => details.open);
    await after(frame, () => go(frame, "Epsilon", "ArrowLeft"));
    const flips = await frame.textContent(".flip .name");
    await after(frame, () => frame.click(".flip"));
    found.chip = { flips, said: await frame.$$eval(".chip", (all) => all.map((one) => one.textContent)), rows: (await look(frame)).rows };
    changes.unflipped = await after(frame, () => frame.click(".chip"));
    found.chip.after = await frame.$$eval(".chip", (all) => all.length);
    await frame.click("text=Play");
    found.playing = await frame.textContent(".slider button");
    await frame.waitForFunction(() => document.querySelector("input[aria-label=Epoch]").getAttribute("aria-valuetext") === "30 (latest)");
    await frame.waitForFunction(() => document.querySelector(".slider button").textContent === "Play"); // it stops at the end
    changes.left = await after(frame, () => go(frame, "Epoch", "ArrowLeft", 3));
    found.hash = await hashOf(page);
  },

  async restored() {
    const { page, frame } = await open(boards.fast, `#${found.hash.replace(/^#/, "")}`);
    found.restored = await look(frame);
    found.hashAgain = await hashOf(page);
    await page.close();
  },

  async marks() {
    const { page, frame } = this.fast;
    // The first dot of the chosen attack's line: the first epoch, whose place in the chart says so.
    const place = await frame.evaluate(() => {
      const svg = document.querySelector(".charts svg.clickable");
      const dots = [...svg.querySelectorAll("[data-mark=dot] circle")].map((circle) => circle.getBoundingClientRect());
      const box = dots.sort((a, b) => a.x - b.x)[0];
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    });
    const box = await (await page.$("iframe")).boundingBox();
    await page.mouse.move(box.x + place.x + 3, box.y + place.y);
    await page.mouse.move(box.x + place.x, box.y + place.y);
    found.clicked = await after(frame, () => page.mouse.click(box.x + place.x, box.y + place.y));
  },

  async keyboard() {
    const { page, frame } = this.fast;
    await after(frame, () => go(frame, "Epoch", "End")); // where two samples have pictures, which then come first
    await frame.evaluate(() => (scrollTo(0, 0), document.activeElement?.blur()));
    await frame.focus("select[aria-label=Run]");
    const names = [];
    for (let turn = 0; turn < 30; turn++) {
      names.push(await frame.evaluate(() => {
        const one = document.activeElement;
        return !document.hasFocus() || one === document.body ? null : one.getAttribute("aria-label") ?? (one.type === "radio" ? "Attack" : one.title || one.textContent.slice(0, 30));
      }));
      await page.keyboard.press("Tab");
    }
    found.focused = names;
    await frame.focus(".row .open");
    await page.keyboard.press("ArrowDown");
    found.second = await frame.evaluate(() => document.activeElement.title);
    await page.keyboard.press("Enter");
    await frame.waitForSelector("dialog[open] .strip canvas[data-state=shown]");
    await frame.waitForFunction(() => document.querySelectorAll("dialog .strip").length >= 3);
    found.detail = { title: await frame.textContent("dialog h2"), strips: await frame.$$eval("dialog h3", (all) => all.map((one) => one.textContent)), epochs: await frame.$$eval("dialog .strip:last-child .cell", (all) => all.length) };
    found.likely = await frame.$$eval("dialog .strip", (all) => all.map((strip) => [...strip.querySelectorAll(".cell")].map((cell) => [...cell.querySelectorAll(".class")].map((one) => [one.querySelector(".name").textContent, one.querySelector(".value").textContent, [...one.querySelectorAll(".bar")].map((bar) => bar.style.width)]))));
    found.violations.push(...(await violations(frame, "detail")));
    await frame.click("dialog .strip:last-child .cell:nth-last-child(2)");
    await drawn(frame);
    found.elsewhere = { epoch: (await look(frame)).epoch.text, title: await frame.evaluate(() => document.querySelector("dialog[open] h2")?.textContent ?? null) };
    await frame.click("dialog .strip:last-child .cell:last-child");
    await drawn(frame);
    await frame.focus("dialog >> text=Pin beside others");
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowLeft");
    await frame.waitForFunction(() => document.querySelectorAll("dialog article").length === 2);
    found.pinned = { title: await frame.textContent("dialog h2"), beside: await frame.textContent("dialog article + article .lead") };
    const download = page.waitForEvent("download");
    await frame.focus("text=Download PNG");
    await page.keyboard.press("Enter");
    found.download = (await download).suggestedFilename();
    await page.keyboard.press("Escape");
    found.isClosed = (await frame.$("dialog[open]")) === null;
  },

  async dark() {
    const { page, frame } = this.fast;
    found.violations.push(...(await violations(frame, "light")));
    const theme = () => frame.evaluate(() => document.documentElement.dataset.theme);
    found.themes = [await theme()];
    for (const name of ["Dark", "Light"]) {
      await page.click("[aria-label='Menu for changing light or dark theme']");
      await page.click(`[role^=menuitem]:has-text('${name}')`);
      await frame.waitForFunction((wanted) => document.documentElement.dataset.theme === wanted, name.toLowerCase());
      found.themes.push(await theme());
      if (name === "Dark") found.violations.push(...(await violations(frame, "dark")));
    }
    await page.close();
  },

  async slow() {
    const { page, frame } = await open(boards.slow, "#advxai&advxai.run=first%2Fadvxai%2Fclean&advxai.step=27");
    found.slow = await look(frame);
    found.slowMaps = { change: await pixels(frame, "change of the heatmap") };
    found.slowPath = await page.evaluate(() => location.pathname);
    await page.close();
  },

  async spec() {
    const { page, frame } = await open(boards.spec);
    found.spec = await frame.$$eval("select[aria-label=Run] option", (all) => all.map((one) => one.textContent));
    await page.close();
  },

  async old() {
    const { page, frame } = await open(boards.old, "#advxai", true);
    found.old = await sayEmpty(frame);
    await page.close();
  },

  async following() {
    const { page, frame } = this.live;
    const until = (text) => frame.waitForFunction((text) => document.querySelector("input[aria-label=Epoch]")?.getAttribute("aria-valuetext") === text, text);
    await until("1 (latest)");
    await drawn(frame);
    found.live.first = await look(frame);
    found.live.chosen = await after(frame, async () => {
      await frame.check(".attacks input[value=uniform_noise]", { force: true });
      await go(frame, "Epsilon", "ArrowLeft");
      await choose(frame, "Sort by", "index");
    });
    await writeFile(`${folder}/seen-1`, "");
    await until("2 (latest)");
    await drawn(frame);
    found.live.second = await look(frame);
    await after(frame, () => go(frame, "Epoch", "ArrowLeft"));
    await writeFile(`${folder}/seen-2`, "");
    await frame.waitForFunction(() => document.querySelector("input[aria-label=Epoch]").max === "2");
    await drawn(frame);
    found.live.third = await look(frame);
    found.live.hash = await hashOf(page);
    await writeFile(`${folder}/seen-3`, "");
  },
};

const looked = {};
found.failed = {};
for (const [name, part] of Object.entries(parts)) {
  const then = performance.now();
  try {
    await part.call(looked);
  } catch (error) {
    found.failed[name] = String(error.stack ?? error).slice(0, 1500);
  }
  console.error(`${name}: ${((performance.now() - then) / 1000).toFixed(1)} s`);
}
// Whoever waits for it is not to wait in vain.
for (const name of ["empty", "1", "2", "3"]) await writeFile(`${folder}/seen-${name}`, "");
console.log(JSON.stringify(found));
await browser.close();
