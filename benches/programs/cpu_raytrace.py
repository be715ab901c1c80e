"""A small ray tracer: vectors as objects, many short methods."""
import math
import time


class Vector:
    __slots__ = ("x", "y", "z")

    def __init__(self, x, y, z):
        self.x, self.y, self.z = x, y, z

    def dot(self, other):
        return self.x * other.x + self.y * other.y + self.z * other.z

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other):
        return Vector(self.x - other.x, self.y - other.y, self.z - other.z)

    def scale(self, factor):
        return Vector(self.x * factor, self.y * factor, self.z * factor)

    def normal(self):
        return self.scale(1 / math.sqrt(self.dot(self)))


class Sphere:
    def __init__(self, centre, radius, mirror):
        self.centre, self.radius, self.mirror = centre, radius, mirror

    def meet(self, origin, direction):
        to = self.centre - origin
        along = to.dot(direction)
        depth = self.radius * self.radius - (to.dot(to) - along * along)
        return along - math.sqrt(depth) if depth > 0 else None


def trace(spheres, light, origin, direction, depth):
    nearest = None
    for sphere in spheres:
        distance = sphere.meet(origin, direction)
        if distance is not None and distance > 1e-6 and (nearest is None or distance < nearest[0]):
            nearest = distance, sphere
    if nearest is None:
        return 0.2
    distance, sphere = nearest
    point = origin + direction.scale(distance)
    normal = (point - sphere.centre).normal()
    shade = max(0.0, normal.dot((light - point).normal()))
    if depth and sphere.mirror:
        reflected = direction - normal.scale(2 * direction.dot(normal))
        shade += sphere.mirror * trace(spheres, light, point, reflected, depth - 1)
    return shade


def main():
    spheres = [Sphere(Vector(x * 2.0, y * 2.0, 10.0 + x * y), 1.0, 0.4)
               for x in (-1, 0, 1) for y in (-1, 0, 1)]
    light, eye, total = Vector(5, 8, -3), Vector(0, 0, 0), 0.0
    for row in range(48):
        for column in range(48):
            total += trace(spheres, light, eye, Vector(column / 24 - 1, row / 24 - 1, 2).normal(), 3)
    assert 700 < total < 1600, total


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
