"""A database in memory: statements, joins, a function in Python."""
import sqlite3
import time


def main():
    database = sqlite3.connect(":memory:")
    database.create_function("twice", 1, lambda value: value * 2, deterministic=True)
    database.execute("create table item (id integer primary key, kind integer, price real)")
    database.execute("create table kind (id integer primary key, name text)")
    database.executemany("insert into kind values (?, ?)", ((n, f"kind {n}") for n in range(100)))
    database.executemany("insert into item values (?, ?, ?)",
                         ((n, n * 31 % 100, n * 0.25) for n in range(30000)))
    rows = database.execute("select name, count(*), sum(twice(price)) from item join kind on kind.id = kind "
                            "group by kind order by 3 desc").fetchall()
    assert len(rows) == 100 and rows[0][1] == 300
    for n in range(3000):
        assert database.execute("select price from item where id = ?", (n,)).fetchone() == (n * 0.25,)


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
