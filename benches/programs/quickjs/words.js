// Counts the pieces of a long string in a Map, and sorts them.
let seed = 42;
function letters(count) {
  let text = "";
  for (let i = 0; i < count; i++) {
    seed = (seed * 3877 + 29573) % 139968;
    const which = seed / 139968;
    text += which < 0.303 ? "a" : which < 0.501 ? "c" : which < 0.698 ? "g" : "t";
  }
  return text;
}

function pieces(text, length) {
  const counts = new Map();
  for (let i = 0; i + length <= text.length; i++) {
    const piece = text.substring(i, i + length);
    counts.set(piece, (counts.get(piece) ?? 0) + 1);
  }
  return counts;
}

const begun = performance.now();
const text = letters(10000);
for (const length of [1, 2, 4, 6, 12]) {
  const sorted = [...pieces(text, length)].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : a > b ? 1 : 0));
  console.log(length, sorted.length, ...sorted[0]);
}
console.log((performance.now() - begun) / 1000);
