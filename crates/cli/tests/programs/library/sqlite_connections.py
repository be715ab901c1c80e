"""Two connections of one program to one database."""

import os
import sqlite3
import tempfile

path = os.path.join(tempfile.mkdtemp(), "shop.db")
one = sqlite3.connect(path, timeout=0.1)
two = sqlite3.connect(path, timeout=0.1)
one.execute("create table items(name)")
one.execute("insert into items values ('apple')")
print("before the commit:", two.execute("select count(*) from items").fetchone())
try:
    two.execute("insert into items values ('pear')")
except sqlite3.OperationalError as error:
    print(error)
one.commit()
two.execute("insert into items values ('pear')")
two.commit()
print("after it:", one.execute("select name from items order by name").fetchall())
one.close()
two.close()
print(sorted(os.listdir(os.path.dirname(path))))
