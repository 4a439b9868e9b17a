/**
 * Takes the pictures of the documentation, for `tests/screenshots.py`:
 * `node screenshots.mjs '{"chromium": ..., "pages": {...}, "sizes": [[1280, 900]], "folder": ...}'`.
 */

import { drawn, launch } from "./parts.mjs";

const { chromium, pages, sizes, folder } = JSON.parse(process.argv[2]);
const browser = await launch(chromium);
for (const [name, address] of Object.entries(pages)) {
  for (const [width, height] of sizes) {
    for (const theme of ["light", "dark"]) {
      const page = await browser.newPage({ viewport: { width, height }, colorScheme: theme });
      page.setDefaultTimeout(120_000);
      await page.goto(address);
      const isFile = address.startsWith("file:");
      const frame = isFile ? page : await (await page.waitForSelector("iframe")).contentFrame();
      await drawn(frame);
      // TensorBoard follows what the user has set in it, and not the system.
      if (!isFile) await page.evaluate((isDark) => document.body.classList.toggle("dark-mode", isDark), theme === "dark");
      await frame.waitForFunction((theme) => document.documentElement.dataset.theme === theme, theme);
      await page.waitForTimeout(500); // TensorBoard's own colours change slowly
      await page.screenshot({ path: `${folder}/${name}-${width}-${theme}.png` });
      await page.close();
    }
  }
}
await browser.close();
