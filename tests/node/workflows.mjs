// Checks GitHub workflows with actionlint. In, as JSON on standard input: {name: text}; out: its
// complaints. https://github.com/rhysd/actionlint
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
const { runLint } = createRequire(join(folder, "package.json"))(folder);
const found = [];
for (const [name, text] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  for (const one of await runLint(text, name)) {
    if (one.message) found.push(`${name}:${one.line}:${one.column}: ${one.message}`);
  }
}
// The linter waits for more work for ever.
process.stdout.write(JSON.stringify(found), () => process.exit(0));
