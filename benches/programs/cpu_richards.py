"""A simulation of an operating system's scheduler, after Martin Richards."""
import time


IDLE, WORKER, HANDLER_A, HANDLER_B, DEVICE_A, DEVICE_B = range(6)
DEVICE_PACKET, WORK_PACKET = 0, 1


class Packet:
    def __init__(self, link, task, kind):
        self.link, self.task, self.kind, self.datum, self.data = link, task, kind, 0, [0] * 4

    def append_to(self, queue):
        self.link = None
        if queue is None:
            return self
        last = queue
        while last.link is not None:
            last = last.link
        last.link = self
        return queue


class Task:
    def __init__(self, machine, number, priority, queue, waiting, ready=False):
        self.machine, self.number, self.priority, self.queue = machine, number, priority, queue
        self.packet_pending, self.task_waiting, self.holding = queue is not None, waiting, ready
        machine.tasks[number] = self
        machine.order.insert(0, self)

    def add_packet(self, packet, old):
        if self.queue is None:
            self.queue, self.packet_pending = packet, True
            if self.priority > old.priority:
                return self
        else:
            packet.append_to(self.queue)
        return old

    def step(self):
        packet = None
        if self.packet_pending and self.task_waiting and not self.holding:
            packet, self.queue = self.queue, self.queue.link
            self.task_waiting, self.packet_pending = False, self.queue is not None
        return self.work(packet)

    def is_stopped(self):
        return self.holding or (not self.packet_pending and self.task_waiting)

    def hold(self):
        self.machine.holds += 1
        self.holding = True
        return self.machine.after(self)

    def wait(self):
        self.task_waiting = True
        return self

    def release(self, number):
        other = self.machine.tasks[number]
        other.holding = False
        return other if other.priority > self.priority else self

    def send(self, packet):
        other = self.machine.tasks[packet.task]
        self.machine.sent += 1
        packet.link, packet.task = None, self.number
        return other.add_packet(packet, self)


class Idle(Task):
    control, count = 1, 1000

    def work(self, packet):
        self.count -= 1
        if self.count == 0:
            return self.hold()
        if self.control & 1 == 0:
            self.control //= 2
            return self.release(DEVICE_A)
        self.control = self.control // 2 ^ 0xD008
        return self.release(DEVICE_B)


class Device(Task):
    pending = None

    def work(self, packet):
        if packet is not None:
            self.pending = packet
            return self.hold()
        if self.pending is None:
            return self.wait()
        packet, self.pending = self.pending, None
        return self.send(packet)


class Handler(Task):
    work_in = device_in = None

    def work(self, packet):
        if packet is not None:
            if packet.kind == WORK_PACKET:
                self.work_in = packet.append_to(self.work_in)
            else:
                self.device_in = packet.append_to(self.device_in)
        work = self.work_in
        if work is None:
            return self.wait()
        if work.datum >= 4:
            self.work_in = work.link
            return self.send(work)
        device = self.device_in
        if device is None:
            return self.wait()
        self.device_in = device.link
        device.datum = work.data[work.datum]
        work.datum += 1
        return self.send(device)


class Worker(Task):
    destination, count = HANDLER_A, 0

    def work(self, packet):
        if packet is None:
            return self.wait()
        self.destination = HANDLER_B if self.destination == HANDLER_A else HANDLER_A
        packet.task, packet.datum = self.destination, 0
        for place in range(4):
            self.count = self.count + 1 if self.count < 26 else 1
            packet.data[place] = 64 + self.count
        return self.send(packet)


class Machine:
    def __init__(self):
        self.tasks, self.order, self.holds, self.sent = [None] * 6, [], 0, 0
        Idle(self, IDLE, 1, None, False)
        queue = Packet(Packet(None, 0, WORK_PACKET), 0, WORK_PACKET)
        Worker(self, WORKER, 1000, queue, True)
        for handler, device, priority in ((HANDLER_A, DEVICE_A, 2000), (HANDLER_B, DEVICE_B, 3000)):
            queue = None
            for _ in range(3):
                queue = Packet(queue, device, DEVICE_PACKET)
            Handler(self, handler, priority, queue, True)
        Device(self, DEVICE_A, 4000, None, True)
        Device(self, DEVICE_B, 5000, None, True)

    def after(self, task):
        place = self.order.index(task) + 1
        return self.order[place] if place < len(self.order) else None

    def run(self):
        task = self.order[0]
        while task is not None:
            task = self.after(task) if task.is_stopped() else task.step()


def main():
    counts = set()
    for _ in range(12):
        machine = Machine()
        machine.run()
        counts.add((machine.holds, machine.sent))
    assert len(counts) == 1 and counts.pop()[0] > 100


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
