/** Writes what is installed, `../static/`, from `src/` and the chart library: `make viewer`. */

import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const OUT = new URL("../static/", import.meta.url);
const SRC = new URL("src/", import.meta.url);
const ENTRIES = { "viewer.js": "main.js" };

const sha256 = (content) => createHash("sha256").update(content).digest("hex");

/** A hash of all sources, which a test compares without Node. */
async function sources() {
  const names = (await readdir(SRC)).sort();
  const parts = await Promise.all(names.map(async (name) => `${sha256(await readFile(new URL(name, SRC)))}  ${name}\n`));
  return sha256(parts.join(""));
}

/** The licences of what is bundled. */
async function licences(inputs) {
  const names = new Set();
  for (const input of inputs) {
    const found = input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//);
    if (found) names.add(found[1]);
  }
  const texts = [];
  for (const name of [...names].sort()) {
    const folder = new URL(`node_modules/${name}/`, import.meta.url);
    const { version } = JSON.parse(await readFile(new URL("package.json", folder), "utf8"));
    const file = (await readdir(folder)).find((item) => /^licen[sc]e/i.test(item));
    texts.push(`${name} ${version}\n\n${(await readFile(new URL(file, folder), "utf8")).trim()}\n`);
  }
  return texts.join("\n\n----\n\n");
}

const hash = await sources();
const inputs = new Set();
for (const [name, entry] of Object.entries(ENTRIES)) {
  const result = await build({
    entryPoints: [new URL(entry, SRC).pathname],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    write: false,
    metafile: true,
    banner: { js: `/* keras-advxai viewer, built from sources ${hash}; licences in LICENSES.txt */` },
  });
  Object.keys(result.metafile.inputs).forEach((input) => inputs.add(input));
  await writeFile(new URL(name, OUT), result.outputFiles[0].contents);
}
await writeFile(new URL("LICENSES.txt", OUT), await licences(inputs));
const written = (await readdir(OUT)).filter((name) => name !== "SHA256SUMS").sort();
const sums = await Promise.all(written.map(async (name) => `${sha256(await readFile(new URL(name, OUT)))}  ${name}\n`));
await writeFile(new URL("SHA256SUMS", OUT), sums.join(""));
