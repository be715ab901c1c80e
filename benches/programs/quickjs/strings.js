// Strings put together, searched by regular expressions, and taken apart as JSON.
function page(number) {
  const lines = [];
  for (let line = 1; line <= 200; line++) {
    lines.push(`${String(line).padStart(5, "0")}: item ${"x".repeat(line % 7)} costs ${(line * number / 8).toFixed(2)}`);
  }
  return lines.join("\n");
}

const begun = performance.now();
let digits = 0, names = 0, length = 0, costs = 0;
for (let number = 1; number <= 80; number++) {
  const text = page(number);
  for (const figure of text.match(/\d+/g)) digits += figure.length;
  const upper = text.replace(/item (x*)/g, (_, name) => { names++; return `[${name.toUpperCase()}]`; });
  const rows = upper.split("\n").map((row) => {
    const [, line, cost] = /^(\d+): .* costs ([\d.]+)$/.exec(row);
    return { line: parseInt(line, 10), cost: parseFloat(cost) };
  });
  const packed = JSON.stringify(rows);
  length += packed.length;
  for (const row of JSON.parse(packed)) costs += row.cost * row.line;
}
console.log(digits, names, length, costs);
console.log((performance.now() - begun) / 1000);
