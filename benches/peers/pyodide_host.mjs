// One fresh Pyodide for each line on stdin; prints the seconds.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const found = createRequire(`${process.argv[2]}/`).resolve("pyodide/pyodide.mjs");
const { loadPyodide } = await import(pathToFileURL(found));
for await (const _ of createInterface({ input: process.stdin })) {
  const begun = performance.now();
  let printed = "";
  const python = await loadPyodide({ stdout: (line) => (printed += line) });
  python.runPython("print('hi')");
  const spent = (performance.now() - begun) / 1000;
  if (printed !== "hi") throw new Error(printed);
  console.log(spent);
}
