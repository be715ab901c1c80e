// Constraints that flow one way, kept satisfied by strength: a chain of equalities and
// a projection, as the DeltaBlue solver plans them.
const REQUIRED = 0, STRONG = 2, NORMAL = 3, WEAK = 5, WEAKEST = 6;

class Variable {
  constructor(name, value) {
    this.name = name;
    this.value = value;
    this.constraints = [];
    this.determinedBy = null;
    this.mark = 0;
    this.strength = WEAKEST;
    this.stays = true;
  }
}

class Constraint {
  constructor(strength) {
    this.strength = strength;
    this.output = null;
  }
  add(planner) {
    for (const variable of this.variables()) variable.constraints.push(this);
    planner.incremental(this);
  }
  inputs() { return this.variables().filter((variable) => variable !== this.output); }
  known(mark) {
    return this.inputs().every((one) => one.mark === mark || one.stays || one.determinedBy === null);
  }
  // What it overrides, or null; it picks its output first.
  satisfy(mark, planner) {
    this.output = this.choose(mark);
    if (this.output === null) {
      if (this.strength === REQUIRED) throw new Error("a required constraint cannot be satisfied");
      return null;
    }
    for (const input of this.inputs()) input.mark = mark;
    const overridden = this.output.determinedBy;
    if (overridden !== null) overridden.output = null;
    this.output.determinedBy = this;
    if (!planner.propagate(this, mark)) throw new Error("a cycle");
    this.output.mark = mark;
    return overridden;
  }
  recalculate() {
    const inputs = this.inputs();
    this.output.strength = inputs.reduce((most, one) => Math.max(most, one.strength), this.strength);
    this.output.stays = this.fixed() && inputs.every((one) => one.stays);
    if (this.output.stays) this.execute();
  }
  fixed() { return true; }
}

class Stay extends Constraint {
  constructor(variable, strength, planner) {
    super(strength);
    this.variable = variable;
    this.add(planner);
  }
  variables() { return [this.variable]; }
  choose(mark) {
    return this.variable.mark !== mark && this.strength < this.variable.strength ? this.variable : null;
  }
  execute() {}
}

class Edit extends Stay {
  fixed() { return false; }
}

class Equal extends Constraint {
  constructor(one, other, strength, planner) {
    super(strength);
    this.one = one;
    this.other = other;
    if (planner) this.add(planner);
  }
  variables() { return [this.one, this.other]; }
  choose(mark) {
    const able = (to) => to.mark !== mark && this.strength < to.strength;
    if (this.one.mark === mark) return able(this.other) ? this.other : null;
    if (this.other.mark === mark) return able(this.one) ? this.one : null;
    if (this.one.strength > this.other.strength) return able(this.one) ? this.one : null;
    return able(this.other) ? this.other : null;
  }
  execute() { this.output.value = this.output === this.one ? this.other.value : this.one.value; }
}

class Scale extends Equal {
  constructor(source, scale, offset, target, planner) {
    super(source, target, REQUIRED, null);
    this.scale = scale;
    this.offset = offset;
    this.add(planner);
  }
  variables() { return [this.one, this.scale, this.offset, this.other]; }
  execute() {
    if (this.output === this.other) this.other.value = this.one.value * this.scale.value + this.offset.value;
    else this.one.value = (this.other.value - this.offset.value) / this.scale.value;
  }
}

class Planner {
  constructor() { this.mark = 0; }
  incremental(constraint) {
    const mark = ++this.mark;
    for (let one = constraint; one !== null;) one = one.satisfy(mark, this);
  }
  remove(constraint) {
    const output = constraint.output;
    constraint.output = null;
    for (const variable of constraint.variables()) {
      variable.constraints = variable.constraints.filter((one) => one !== constraint);
    }
    if (output === null) return;
    output.determinedBy = null;
    output.strength = WEAKEST;
    output.stays = true;
    const unsatisfied = [], todo = [output];
    while (todo.length > 0) {
      const variable = todo.pop();
      for (const one of variable.constraints) if (one.output === null) unsatisfied.push(one);
      for (const one of this.consumers(variable)) {
        one.recalculate();
        todo.push(one.output);
      }
    }
    unsatisfied.sort((a, b) => a.strength - b.strength).forEach((one) => this.incremental(one));
  }
  consumers(variable) {
    return variable.constraints.filter((one) => one !== variable.determinedBy && one.output !== null);
  }
  propagate(constraint, mark) {
    const todo = [constraint];
    while (todo.length > 0) {
      const one = todo.pop();
      if (one.output.mark === mark) return false;
      one.recalculate();
      todo.push(...this.consumers(one.output));
    }
    return true;
  }
  plan(edits) {
    const mark = ++this.mark, todo = edits.filter((edit) => edit.output !== null), plan = [];
    while (todo.length > 0) {
      const one = todo.pop();
      if (one.output.mark !== mark && one.known(mark)) {
        plan.push(one);
        one.output.mark = mark;
        todo.push(...this.consumers(one.output));
      }
    }
    return plan;
  }
}

function change(planner, variable, values) {
  const edit = new Edit(variable, STRONG, planner);
  const plan = planner.plan([edit]);
  for (const value of values) {
    variable.value = value;
    for (const one of plan) one.execute();
  }
  planner.remove(edit);
}

function chain(length) {
  const planner = new Planner();
  const variables = Array.from({ length: length + 1 }, (_, i) => new Variable(`v${i}`, 0));
  for (let i = 0; i < length; i++) new Equal(variables[i], variables[i + 1], REQUIRED, planner);
  new Stay(variables[length], WEAK, planner);
  change(planner, variables[0], Array.from({ length: 50 }, (_, i) => i));
  return variables[length].value;
}

function projection(count) {
  const planner = new Planner(), targets = [], sources = [];
  const scale = new Variable("scale", 10), offset = new Variable("offset", 1000);
  for (let i = 0; i < count; i++) {
    const source = new Variable("source", i), target = new Variable("target", i);
    sources.push(source);
    targets.push(target);
    new Stay(source, NORMAL, planner);
    new Scale(source, scale, offset, target, planner);
  }
  change(planner, sources[0], [17]);
  const forth = targets[0].value;
  change(planner, targets[0], [1050]);
  const back = sources[0].value;
  change(planner, scale, [5]);
  change(planner, offset, [2000]);
  return [forth, back, targets.reduce((sum, target) => sum + target.value, 0)];
}

const begun = performance.now();
for (let round = 0; round < 2; round++) console.log(chain(1000), ...projection(1000));
console.log((performance.now() - begun) / 1000);
