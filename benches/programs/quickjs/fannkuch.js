// Pancake flips: the most that a permutation of eight needs, and a checksum.
function fannkuch(n) {
  const order = Array.from({ length: n }, (_, i) => i), count = new Array(n).fill(0);
  let most = 0, sum = 0, even = true;
  for (let left = n; ;) {
    for (; left !== 1; left--) count[left - 1] = left;
    const pile = order.slice();
    let flips = 0;
    for (let top = pile[0]; top !== 0; top = pile[0]) {
      for (let i = 0, j = top; i < j; i++, j--) {
        const kept = pile[i];
        pile[i] = pile[j];
        pile[j] = kept;
      }
      flips++;
    }
    most = Math.max(most, flips);
    sum += even ? flips : -flips;
    for (; ; left++) {
      if (left === n) return [sum, most];
      const first = order[0];
      for (let i = 0; i < left; i++) order[i] = order[i + 1];
      order[left] = first;
      if (--count[left] > 0) break;
    }
    even = !even;
  }
}

const begun = performance.now();
for (let round = 0; round < 2; round++) console.log(...fannkuch(8));
console.log((performance.now() - begun) / 1000);
