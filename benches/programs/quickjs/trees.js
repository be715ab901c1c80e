// Binary trees: many small objects, made and forgotten.
class Tree {
  constructor(left, right) {
    this.left = left;
    this.right = right;
  }
  count() {
    return this.left === null ? 1 : 1 + this.left.count() + this.right.count();
  }
}

function grow(depth) {
  return depth === 0 ? new Tree(null, null) : new Tree(grow(depth - 1), grow(depth - 1));
}

const begun = performance.now();
const lasting = grow(14);
for (let depth = 4; depth <= 14; depth += 5) {
  const trees = 1 << (16 - depth);
  let nodes = 0;
  for (let i = 0; i < trees; i++) nodes += grow(depth).count();
  console.log(trees, depth, nodes);
}
console.log(lasting.count());
console.log((performance.now() - begun) / 1000);
