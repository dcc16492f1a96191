// Parses and analyses queries with Kusto's own language service. In, as JSON on standard input:
// {"tables": {table: {column: type}}, "queries": [text]}; out: for each query its complaints.
// https://github.com/microsoft/Kusto-Query-Language
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import vm from "node:vm";

const [folder] = process.argv.slice(2);
for (const name of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  const file = join(folder, name);
  vm.runInThisContext(readFileSync(file, "utf8"), { filename: file });
}
const { Kusto } = globalThis;
const { tables, queries } = JSON.parse(readFileSync(0, "utf8"));
const { DatabaseSymbol, TableSymbol } = Kusto.Language.Symbols;

const symbols = Object.entries(tables).map(([name, columns]) => {
  const schema = Object.entries(columns).map(([column, type]) => `${column}: ${type}`);
  return new TableSymbol.$ctor7(name, `(${schema.join(", ")})`, null);
});
const database = new DatabaseSymbol.ctor("workspace", symbols);
const globals = Kusto.Language.GlobalState.Default.WithDatabase(database);

const found = queries.map((query) => {
  const diagnostics = Kusto.Language.KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  return Array.from({ length: diagnostics.Count }, (_, number) => {
    const one = diagnostics.getItem(number);
    return `${one.Message} (at ${query.slice(one.Start, one.Start + one.Length)})`;
  });
});
process.stdout.write(JSON.stringify(found));
