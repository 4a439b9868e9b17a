/** What the scripts that look at pages in a browser have in common. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A browser without a window. @param {string} executablePath */
export function launch(executablePath) {
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/**
 * Writes down what goes wrong in a page, and what it asks others for.
 *
 * @param {import("playwright-core").Page} page
 * @param {string[]} problems
 * @param {RegExp} own What it may ask for.
 */
export function watch(page, problems, own) {
  // Below a prefix, TensorBoard looks for its own fonts in the wrong place.
  const isOurs = (message) => message.type() === "error" && !message.location().url.includes("/font-roboto/");
  page.on("console", (message) => isOurs(message) && problems.push(`${message.text()} ${message.location().url}`));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => own.test(request.url()) || problems.push(request.url()));
}

/**
 * What axe-core finds that is serious.
 *
 * @param {import("playwright-core").Frame | import("playwright-core").Page} frame
 * @param {string} what Stands in front of each.
 */
export async function violations(frame, what) {
  await frame.evaluate(axe);
  const report = await frame.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return report.violations
    .filter((item) => ["serious", "critical"].includes(item.impact))
    .map((item) => `${what}: ${item.id}: ${item.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | ")}`);
}

/** Waits until everything is drawn. @param {import("playwright-core").Frame | import("playwright-core").Page} frame */
export async function drawn(frame) {
  await frame.waitForSelector("[data-ready=true]");
  await frame.waitForFunction(() => [...document.querySelectorAll(".row:not(.bare) canvas")].every((canvas) => canvas.dataset.state));
}

/** What is to be seen, in words. @param {import("playwright-core").Frame | import("playwright-core").Page} frame */
export function look(frame) {
  return frame.evaluate(() => {
    const text = (selector) => document.querySelector(selector)?.textContent ?? null;
    const value = (label) => document.querySelector(`select[aria-label='${label}']`)?.value ?? null;
    const slider = (label) => {
      const input = document.querySelector(`input[aria-label='${label}']`);
      return { stops: Number(input.max) + 1, text: input.getAttribute("aria-valuetext"), isShown: input.offsetParent !== null };
    };
    return {
      headline: text(".verdict .first"),
      run: document.querySelector("select[aria-label=Run]")?.selectedOptions[0]?.textContent ?? null,
      attack: document.querySelector(".attacks :checked")?.value ?? null,
      explainer: value("Explainer"),
      metric: value("Dissimilarity"),
      epsilon: slider("Epsilon"),
      epoch: slider("Epoch"),
      cards: [...document.querySelectorAll(".card h3")].map((one) => one.textContent),
      count: text(".count"),
      rows: [...document.querySelectorAll(".row .open")].map((one) => one.title),
      moved: text(".row .moved"),
    };
  });
}

/**
 * The pixels of a picture in the first row, the red, green and blue of each.
 *
 * @param {import("playwright-core").Frame | import("playwright-core").Page} frame
 * @param {string} kind The end of its label.
 */
export function pixels(frame, kind) {
  return frame.evaluate((kind) => {
    const canvas = document.querySelector(`.row[data-place="0"] canvas[aria-label$=": ${kind}"]`);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return { row: canvas.closest(".row").querySelector(".open").title, size: [canvas.height, canvas.width], rgb: [...data].filter((_, place) => place % 4 !== 3) };
  }, kind);
}
