// The queues of a small operating system: classes, packets, a state machine a task.
const IDLE = 0, WORKER = 1, HANDLER_A = 2, HANDLER_B = 3, DEVICE_A = 4, DEVICE_B = 5;
const DEVICE_PACKET = 0, WORK_PACKET = 1, WORDS = 4;

class Packet {
  constructor(next, owner, kind) {
    this.next = next;
    this.owner = owner;
    this.kind = kind;
    this.datum = 0;
    this.data = new Array(WORDS).fill(0);
  }
  behind(queue) {
    this.next = null;
    if (queue === null) return this;
    let last = queue;
    while (last.next !== null) last = last.next;
    last.next = this;
    return queue;
  }
}

class Task {
  constructor(kernel, id, priority, queue, ready) {
    this.kernel = kernel;
    this.id = id;
    this.priority = priority;
    this.queue = queue;
    this.pending = queue !== null;
    this.waiting = !ready;
    this.held = false;
    this.below = kernel.tasks;
    kernel.tasks = kernel.table[id] = this;
  }
  rests() { return this.held || (this.waiting && !this.pending); }
  receive(packet, from) {
    if (this.queue === null) {
      this.queue = packet;
      this.pending = true;
      if (this.priority > from.priority) return this;
    } else {
      packet.behind(this.queue);
    }
    return from;
  }
  resume() {
    let packet = null;
    if (this.waiting && this.pending) {
      packet = this.queue;
      this.queue = packet.next;
      this.waiting = false;
      this.pending = this.queue !== null;
    }
    return this.work(packet);
  }
  sleep() {
    this.waiting = true;
    return this;
  }
}

class Idle extends Task {
  constructor(kernel, turns) {
    super(kernel, IDLE, 0, null, true);
    this.control = 1;
    this.turns = turns;
  }
  work() {
    if (--this.turns === 0) return this.kernel.hold(this);
    const odd = this.control & 1;
    this.control = odd ? (this.control >> 1) ^ 0xd008 : this.control >> 1;
    return this.kernel.release(odd ? DEVICE_B : DEVICE_A, this);
  }
}

class Worker extends Task {
  constructor(kernel, queue) {
    super(kernel, WORKER, 1000, queue, false);
    this.to = HANDLER_A;
    this.letter = 0;
  }
  work(packet) {
    if (packet === null) return this.sleep();
    this.to = this.to === HANDLER_A ? HANDLER_B : HANDLER_A;
    packet.owner = this.to;
    packet.datum = 0;
    for (let i = 0; i < WORDS; i++) {
      this.letter = this.letter % 26 + 1;
      packet.data[i] = this.letter;
    }
    return this.kernel.send(packet, this);
  }
}

class Handler extends Task {
  constructor(kernel, id, priority, queue) {
    super(kernel, id, priority, queue, false);
    this.works = null;
    this.devices = null;
  }
  work(packet) {
    if (packet !== null) {
      if (packet.kind === WORK_PACKET) this.works = packet.behind(this.works);
      else this.devices = packet.behind(this.devices);
    }
    const work = this.works;
    if (work === null) return this.sleep();
    if (work.datum >= WORDS) {
      this.works = work.next;
      return this.kernel.send(work, this);
    }
    const device = this.devices;
    if (device === null) return this.sleep();
    this.devices = device.next;
    device.datum = work.data[work.datum++];
    return this.kernel.send(device, this);
  }
}

class Device extends Task {
  constructor(kernel, id, priority) {
    super(kernel, id, priority, null, false);
    this.packet = null;
  }
  work(packet) {
    if (packet !== null) {
      this.packet = packet;
      return this.kernel.hold(this);
    }
    packet = this.packet;
    if (packet === null) return this.sleep();
    this.packet = null;
    return this.kernel.send(packet, this);
  }
}

class Kernel {
  constructor() {
    this.tasks = null;
    this.table = [];
    this.sent = 0;
    this.holds = 0;
  }
  send(packet, from) {
    const to = this.table[packet.owner];
    this.sent++;
    packet.next = null;
    packet.owner = from.id;
    return to.receive(packet, from);
  }
  hold(task) {
    this.holds++;
    task.held = true;
    return task.below;
  }
  release(id, from) {
    const task = this.table[id];
    task.held = false;
    return task.priority > from.priority ? task : from;
  }
  run() {
    for (let task = this.tasks; task !== null;) task = task.rests() ? task.below : task.resume();
  }
}

function packets(count, owner, kind) {
  let queue = null;
  for (let i = 0; i < count; i++) queue = new Packet(queue, owner, kind);
  return queue;
}

const begun = performance.now();
for (let round = 0; round < 5; round++) {
  const kernel = new Kernel();
  new Idle(kernel, 10000);
  new Worker(kernel, packets(2, WORKER, WORK_PACKET));
  new Handler(kernel, HANDLER_A, 2000, packets(3, DEVICE_A, DEVICE_PACKET));
  new Handler(kernel, HANDLER_B, 3000, packets(3, DEVICE_B, DEVICE_PACKET));
  new Device(kernel, DEVICE_A, 4000);
  new Device(kernel, DEVICE_B, 5000);
  kernel.run();
  console.log(kernel.sent, kernel.holds);
}
console.log((performance.now() - begun) / 1000);
