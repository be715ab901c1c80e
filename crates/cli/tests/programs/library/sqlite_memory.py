import sqlite3, json
db = sqlite3.connect(":memory:"); db.row_factory = sqlite3.Row
db.executescript("create table t(id integer primary key, name text not null unique, v real); create index i on t(v);")
db.executemany("insert into t(name, v) values(?, ?)", [(f"n{n}", n * 1.5) for n in range(2000)])
print(dict(db.execute("select count(*) c, sum(v) s, avg(v) a, group_concat(id, '-') filter (where id < 5) g from t").fetchone()))
print([tuple(r) for r in db.execute("with recursive f(a, b) as (select 0, 1 union all select b, a + b from f limit 10) select a, row_number() over (order by a desc) from f")])
print([tuple(r) for r in db.execute("select value ->> '$.k', json_type(value) from json_each(?)", [json.dumps([{"k": "v"}, {"k": [1]}])])])
db.execute("create virtual table docs using fts5(body)"); db.executemany("insert into docs values(?)", [("the quick brown fox",), ("lazy dogs sleep",), ("foxes and dogs",)])
print([tuple(r) for r in db.execute("select rowid, snippet(docs, 0, '[', ']', '..', 5) from docs where docs match 'dog* NOT lazy OR fox' order by rank")])
db.create_function("twice", 1, lambda x: x * 2, deterministic=True); db.create_collation("rev", lambda a, b: (a < b) - (a > b))
class Longest:
    def __init__(self): self.best = ""
    def step(self, x): self.best = max(self.best, x, key=len)
    def finalize(self): return self.best
db.create_aggregate("longest", 1, Longest)
print(tuple(db.execute("select twice(21), longest(name), max(name collate rev) from t").fetchone()))
for bad in ("select * from nothing", "insert into t(name) values('n1')", "selec", "insert into t(name) values(null)"):
    try: db.execute(bad)
    except sqlite3.Error as error: print(type(error).__name__, error, error.sqlite_errorname)
with db: db.execute("update t set v = -1 where id = 1")
try:
    with db: db.execute("delete from t"); raise KeyError
except KeyError: print(db.execute("select count(*) from t").fetchone()[0])
print(db.execute("select typeof(x'00'), x'00ff', 9223372036854775807, 1e999, null, 'é', upper('é'), 3 / 2, 0.1 + 0.2, round(2.5), abs(-7), sqrt(2), date('2024-01-31', '+1 month')").fetchone()[:], db.total_changes)
other = sqlite3.connect(":memory:"); db.backup(other); print(other.execute("select count(*) from t").fetchone(), len(list(other.iterdump())) > 2000)
