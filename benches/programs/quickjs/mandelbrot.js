// How often each point of a grid turns before it leaves, kept in a typed array.
function grid(size, steps) {
  const turns = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    const ci = 2 * y / size - 1;
    for (let x = 0; x < size; x++) {
      const cr = 2 * x / size - 1.5;
      let r = 0, i = 0, n = 0;
      while (n < steps && r * r + i * i <= 4) {
        const next = r * r - i * i + cr;
        i = 2 * r * i + ci;
        r = next;
        n++;
      }
      turns[y * size + x] = n;
    }
  }
  return turns;
}

const begun = performance.now();
console.log(grid(180, 100).reduce((sum, n) => (sum * 31 + n) % 1000000007, 0));
console.log((performance.now() - begun) / 1000);
