#!/bin/sh
# In the amalgamation of SQLite that is named: the memory that processes share while they
# use a database with a write-ahead log is this process' alone. A guest's map of a file is
# a copy, of which no other process sees the changes, nor the guest those of others. So
# the lock by which SQLite knows that the memory is in use, which many may have at once,
# is one that only one may have: a second process finds the database locked.
set -eu

sed -i \
  -e '/^static int unixLockSharedMemory(/,/^}/{' \
  -e 's/}else if( lock\.l_type==F_WRLCK ){/}else{/' \
  -e 's/unixShmSystemLock(pDbFd, F_RDLCK, UNIX_SHM_DMS, 1)/unixShmSystemLock(pDbFd, F_WRLCK, UNIX_SHM_DMS, 1)/' \
  -e '}' "$1"
# Two places take the lock now, and none shares it.
function() { sed -n '/^static int unixLockSharedMemory(/,/^}/p' "$1"; }
test "$(function "$1" | grep -c 'F_WRLCK, UNIX_SHM_DMS')" = 2
test "$(function "$1" | grep -c 'F_RDLCK, UNIX_SHM_DMS')" = 0
test "$(function "$1" | grep -c 'l_type==F_WRLCK')" = 0
