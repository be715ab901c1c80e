<?php
// Files in the folder that the program sees: lines, CSV, folders, compressed files.
$folder = __DIR__ . '/made';
mkdir($folder);
file_put_contents("$folder/notes.txt", "one\ntwo\nthree\n");
file_put_contents("$folder/notes.txt", "four\n", FILE_APPEND | LOCK_EX);
foreach (new SplFileObject("$folder/notes.txt") as $number => $line) {
    if ($line !== '') {
        echo $number + 1, ': ', rtrim($line), "\n";
    }
}
$rows = [['id', 'name', 'price'], [1, 'A "quoted", name', 1.5], [2, "two\nlines", 0.1 + 0.2]];
$csv = fopen("$folder/rows.csv", 'w+');
foreach ($rows as $row) {
    fputcsv($csv, $row);
}
rewind($csv);
while (($row = fgetcsv($csv)) !== false) {
    echo json_encode($row), "\n";
}
fseek($csv, -4, SEEK_END);
var_dump(fread($csv, 100), feof($csv), ftell($csv));
ftruncate($csv, 5);
fclose($csv);
var_dump(filesize("$folder/rows.csv"), is_dir($folder), is_file("$folder/none"));
rename("$folder/rows.csv", "$folder/a.csv");
copy("$folder/a.csv", "$folder/b.csv");
touch("$folder/b.csv", 86400);
echo date('Y-m-d', filemtime("$folder/b.csv")), ' ', implode(' ', scandir($folder)), ' ', count(glob("$folder/*.csv")), "\n";
symlink('a.csv', "$folder/link");
echo readlink("$folder/link"), ' ', basename(realpath("$folder/link")), "\n";
file_put_contents('compress.zlib://' . "$folder/z.gz", str_repeat('squeeze me ', 1000));
var_dump(filesize("$folder/z.gz") < 200, strlen(gzdecode(file_get_contents("$folder/z.gz"))), crc32(gzuncompress(gzcompress('x'))) & 0xffff);
$temporary = tempnam(sys_get_temp_dir(), 'php');
file_put_contents($temporary, 'gone soon');
echo file_get_contents($temporary), ' ', unlink($temporary) ? 'removed' : 'kept', "\n";
$pharred = new PharData("$folder/all.tar");
$pharred->addFile("$folder/notes.txt", 'notes.txt');
echo file_get_contents("phar://$folder/all.tar/notes.txt") === file_get_contents("$folder/notes.txt") ? 'the same' : 'not', "\n";
unset($pharred);
Phar::unlinkArchive("$folder/all.tar");
var_dump(@file_get_contents('/no/such/file'), error_get_last()['message']);
foreach (array_diff(scandir($folder), ['.', '..']) as $name) {
    unlink("$folder/$name");
}
var_dump(rmdir($folder), file_exists($folder));
ob_start();
include __DIR__ . '/template.inc';
echo strtoupper(ob_get_clean());
