<?php
// The language: enums, readonly, match, generators, closures, exceptions.
declare(strict_types=1);

namespace Shop;

enum Suit: string
{
    case Hearts = 'H';
    case Spades = 'S';

    public function colour(): string
    {
        return match ($this) {
            self::Hearts => 'red',
            self::Spades => 'black',
        };
    }
}

interface Priced
{
    public function price(): int;
}

trait Described
{
    public function describe(): string
    {
        return static::class . " for {$this->price()}";
    }
}

final class Item implements Priced, \JsonSerializable, \Stringable
{
    use Described;

    public function __construct(public readonly string $name, private int $cents, protected ?Suit $suit = null)
    {
    }

    public function price(): int
    {
        return $this->cents;
    }

    public function __toString(): string
    {
        return "{$this->name}: {$this->cents}";
    }

    public function jsonSerialize(): array
    {
        return ['name' => $this->name, 'cents' => $this->cents, 'suit' => $this->suit?->colour()];
    }
}

function numbers(int $to): \Generator
{
    for ($i = 1; $i <= $to; $i++) {
        $said = yield $i => $i ** 2;
        if ($said === 'stop') {
            return 'stopped early';
        }
    }
    return 'done';
}

$items = [new Item('pen', 150), new Item('card', 99, Suit::from('H')), new Item(name: 'cup', cents: 799)];
usort($items, fn (Priced $a, Priced $b) => $a->price() <=> $b->price());
echo implode(', ', $items), "\n", $items[0]->describe(), "\n";
echo json_encode($items, JSON_PRETTY_PRINT | JSON_THROW_ON_ERROR), "\n";
var_dump(Suit::tryFrom('X'), Suit::cases()[1]->colour());

try {
    $items[0]->name = 'other';
} catch (\Error $error) {
    echo get_class($error), ': ', $error->getMessage(), "\n";
}
$generator = numbers(10);
foreach ($generator as $number => $square) {
    echo "$number:$square ";
    if ($number === 4) {
        $generator->send('stop');
    }
}
echo $generator->getReturn(), "\n";

function risky(int $depth): int
{
    try {
        return $depth ? risky($depth - 1) : intdiv(1, 0);
    } finally {
        echo "leaving $depth\n";
    }
}
try {
    risky(2);
} catch (\DivisionByZeroError $error) {
    echo $error->getMessage(), ' at line ', $error->getLine(), ', ', count($error->getTrace()), " frames\n";
}
$compose = fn (callable ...$all) => fn ($x) => array_reduce($all, fn ($value, $f) => $f($value), $x);
echo $compose(strrev(...), strtoupper(...), fn ($s) => $s . '!')('olleh'), "\n";
[0 => $a, 1 => [, $b], 'k' => $c] = [1, [2, 3], 'k' => 4];
echo $a + $b + $c, ' ', PHP_VERSION_ID >= 80200 ? 'new' : 'old', "\n";
$map = new \WeakMap();
$key = new \stdClass();
$map[$key] = 'kept';
unset($key);
echo count($map), "\n";
$heap = new \SplPriorityQueue();
foreach (['low' => 1, 'high' => 9, 'middle' => 5] as $what => $priority) {
    $heap->insert($what, $priority);
}
echo implode(' ', iterator_to_array($heap, false)), "\n";
$reflection = new \ReflectionClass(Item::class);
echo implode(',', array_map(fn ($p) => $p->getName(), $reflection->getProperties())), "\n";
echo unserialize(serialize($items[2])), "\n";
