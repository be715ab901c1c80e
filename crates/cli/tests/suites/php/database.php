<?php
// A database of SQLite in the folder, by PDO and by its own class.
@unlink(__DIR__ . '/shop.db');
$database = new PDO('sqlite:' . __DIR__ . '/shop.db', options: [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
$database->exec('CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT UNIQUE, price REAL)');
$database->beginTransaction();
$insert = $database->prepare('INSERT INTO item(name, price) VALUES(:name, :price)');
for ($i = 1; $i <= 1000; $i++) {
    $insert->execute(['name' => "item $i", 'price' => $i / 8]);
}
$database->commit();
$database->sqliteCreateFunction('shout', fn (string $text) => strtoupper($text) . '!', 1);
foreach ($database->query('SELECT shout(name) AS name, price FROM item WHERE id % 400 = 1', PDO::FETCH_ASSOC) as $row) {
    echo json_encode($row), "\n";
}
try {
    $database->beginTransaction();
    $database->exec('DELETE FROM item');
    $insert->execute(['name' => 'twice', 'price' => 1]);
    $insert->execute(['name' => 'twice', 'price' => 2]);
} catch (PDOException $error) {
    $database->rollBack();
    echo $error->getCode(), ' ', $error->getMessage(), "\n";
}
echo $database->query('SELECT count(*), sum(price) FROM item')->fetch(PDO::FETCH_NUM)[1], "\n";
unset($insert, $database, $row, $error);

$database = new SQLite3(__DIR__ . '/shop.db', SQLITE3_OPEN_READWRITE);
$database->createAggregate('longest', fn ($kept, $number, $text) => strlen($text) > strlen($kept ?? '') ? $text : $kept, fn ($kept) => $kept, 1);
echo $database->querySingle('SELECT longest(name) FROM item'), ' ', $database->querySingle('PRAGMA integrity_check'), "\n";
$database->close();
unlink(__DIR__ . '/shop.db');
