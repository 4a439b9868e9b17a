/** The pictures of an opened sample, with their names, as one picture for a file. */

const SIZE = 160;
const GAP = 8;
const LINE = 16;
const NAMES = 140; // in front of each strip
const EDGE = 16;
const CLASS = 26; // a class with its probabilities
const LEAST = 5; // columns, for which the title and the words above a sample have room

/** A text cut to a width.
 * @param {CanvasRenderingContext2D} context @param {string} text @param {number} left @param {number} top @param {number} room */
function write(context, text, left, top, room) {
  let [shown, count] = [text, text.length];
  while (count && context.measureText(shown).width > room) shown = `${text.slice(0, --count)}…`;
  context.fillText(shown, left, top);
}

/**
 * The window as it is shown: its title, the words above each sample, and its strips with their headings.
 *
 * @param {string} title
 * @param {HTMLElement} body
 * @returns {HTMLCanvasElement}
 */
export function sheetOf(title, body) {
  const blocks = [...body.querySelectorAll("article > .lead, article > h3, .strip")].map((element) => {
    if (!element.classList.contains("strip")) return { text: element.textContent ?? "", isHead: element.tagName === "H3", cells: [], names: [], tall: LINE + GAP };
    const cells = [...element.querySelectorAll(".cell")];
    const names = [...element.querySelectorAll(".kinds .kind")].map((name) => name.textContent ?? "");
    const classes = Math.max(0, ...cells.map((cell) => cell.querySelectorAll(".class").length));
    return { text: "", isHead: false, cells, names, tall: 4 * LINE + names.length * (SIZE + GAP) + classes * CLASS + GAP };
  });
  const sheet = document.createElement("canvas");
  sheet.width = 2 * EDGE + NAMES + Math.max(LEAST, ...blocks.map((block) => block.cells.length)) * (SIZE + GAP);
  sheet.height = 2 * EDGE + 2 * LINE + blocks.reduce((sum, block) => sum + block.tall, 0);
  const context = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d"));
  context.fillStyle = "white";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.fillStyle = "black";
  context.textBaseline = "top";
  const font = (weight, size) => (context.font = `${weight} ${size}px sans-serif`);
  const room = sheet.width - 2 * EDGE;
  font("bold", 18);
  write(context, title, EDGE, EDGE, room);
  let top = EDGE + 2 * LINE;
  for (const { text, isHead, cells, names, tall } of blocks) {
    font(isHead ? "bold" : "normal", 13);
    write(context, text, EDGE, top, room);
    font("normal", 12);
    names.forEach((name, line) => write(context, name, EDGE, top + LINE + line * (SIZE + GAP) + SIZE / 2, NAMES - GAP));
    cells.forEach((cell, column) => {
      const left = EDGE + NAMES + column * (SIZE + GAP);
      const said = (selector) => cell.querySelector(selector)?.textContent ?? "";
      font("bold", 12);
      write(context, said(".title"), left, top, SIZE);
      font("normal", 12);
      cell.querySelectorAll("canvas").forEach((canvas, line) => {
        if (canvas.dataset.state !== "shown") return;
        // Heatmaps of few pixels stay what they are, and photographs become smaller without steps.
        context.imageSmoothingEnabled = canvas.dataset.small !== "true";
        const scale = SIZE / Math.max(canvas.width, canvas.height);
        context.drawImage(canvas, left, top + LINE + line * (SIZE + GAP), canvas.width * scale, canvas.height * scale);
      });
      const below = top + LINE + names.length * (SIZE + GAP);
      write(context, said(".said"), left, below, SIZE);
      write(context, said(".moved"), left, below + LINE, SIZE);
      cell.querySelectorAll(".class").forEach((of, line) => {
        const at = below + 2 * LINE + 2 + line * CLASS;
        const value = of.querySelector(".value")?.textContent ?? "";
        const wide = context.measureText(value).width;
        font(of.querySelector("strong") ? "bold" : "normal", 11);
        write(context, of.querySelector(".name")?.textContent ?? "", left, at, SIZE - wide - GAP);
        font("normal", 11);
        write(context, value, left + SIZE - context.measureText(value).width, at, SIZE);
        of.querySelectorAll(".bar").forEach((bar, place) => {
          context.fillStyle = getComputedStyle(bar).backgroundColor;
          context.fillRect(left, at + 14 + 4 * place, (SIZE * Number.parseFloat(/** @type {HTMLElement} */ (bar).style.width)) / 100, 3);
          context.fillStyle = "black";
        });
      });
    });
    top += tall;
  }
  return sheet;
}
