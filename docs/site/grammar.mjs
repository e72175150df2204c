// Checks the grammar of pages with Harper, which runs offline: node docs/site/grammar.mjs FOLDER_OF_NODE_MODULES PAGE...
// Only kinds of lint that are right nearly always; what is wrong all the same is listed in ALLOWED.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [modules, ...pages] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${modules}/harper.js/dist/${name}.js`).href);
const { LocalLinter } = await load("index");
const { binary } = await load("binary");

const KINDS = new Set(["Agreement", "Grammar", "Punctuation", "Repetition", "Usage"]);
const ALLOWED = [/mass noun/, /before a number/, /Discourse markers/, /Drop the repeated verb form/, /Use `rely on`/, /bitten/, /'every' instead of 'each'/];
const linter = new LocalLinter({ binary });
await linter.setup();
let wrong = 0;
for (const page of pages) {
  const text = readFileSync(page, "utf8").replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "`x`").replace(/^\|.*\|$/gm, "");
  for (const lint of await linter.lint(text, { language: "markdown" })) {
    const message = lint.message();
    if (!KINDS.has(lint.lint_kind()) || ALLOWED.some((one) => one.test(message))) continue;
    wrong += 1;
    console.log(`${page}: ${JSON.stringify(lint.get_problem_text())}: ${message}`);
  }
}
process.exit(wrong ? 1 : 0);
