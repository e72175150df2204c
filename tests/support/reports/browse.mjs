// Open a page in Chromium and answer what was asked as one JSON document: node browse.mjs REQUEST.json
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const ask = JSON.parse(readFileSync(process.argv[2], "utf8"));
const require = createRequire(`${ask.modules}/package.json`);
const puppeteer = require("puppeteer-core");
const browser = await puppeteer.launch({
  executablePath: ask.chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const said = { console: [], requests: [], answers: [] };
try {
  for (const visit of ask.visits) {
    const context = await browser.createBrowserContext(); // a page that keeps a choice of colours must not choose for the next
    const page = await context.newPage();
    page.on("console", (message) => said.console.push(message.text()));
    page.on("pageerror", (error) => said.console.push(String(error)));
    page.on("request", (request) => said.requests.push(request.url()));
    await page.setJavaScriptEnabled(visit.script ?? true);
    await page.setViewport({ width: visit.width ?? 1280, height: visit.height ?? 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: visit.theme ?? "light" }]);
    const begun = Date.now();
    await page.goto(visit.url, { waitUntil: "load" });
    const answer = { load: Date.now() - begun };
    if (visit.axe) {
      await page.setBypassCSP(true);
      await page.evaluate(readFileSync(require.resolve("axe-core"), "utf8"));
      answer.axe = await page.evaluate(async (how) => (await axe.run(document, how)).violations.map((v) => ({ id: v.id, nodes: v.nodes.map((n) => `${n.target} ${n.failureSummary}`).slice(0, 3) })), visit.axe === true ? {} : visit.axe);
    }
    if (visit.evaluate) answer.value = await page.evaluate(visit.evaluate);
    if (visit.screenshot) await page.screenshot({ path: visit.screenshot, fullPage: visit.full ?? false });
    if (visit.pdf) await page.pdf({ path: visit.pdf, format: "A4" });
    said.answers.push(answer);
    await context.close();
  }
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(said));
