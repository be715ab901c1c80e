// For each line on stdin, runs print('hi') in a fresh Pyodide and prints the seconds.
// With a program's text as the last argument, runs that and prints what it printed.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, program] = process.argv.slice(2);
const found = createRequire(`${folder}/`).resolve("pyodide/pyodide.mjs");
const { loadPyodide } = await import(pathToFileURL(found));

async function run(text) {
  const lines = [];
  const python = await loadPyodide({ stdout: (line) => lines.push(line) });
  python.runPython(text);
  return lines.join("\n");
}

if (program !== undefined) {
  console.log(await run(program));
} else {
  for await (const _ of createInterface({ input: process.stdin })) {
    const begun = performance.now();
    const printed = await run("print('hi')");
    const spent = (performance.now() - begun) / 1000;
    if (printed !== "hi") throw new Error(printed);
    console.log(spent);
  }
}
