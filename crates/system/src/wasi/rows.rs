//! The rows of WASI's calls.

use super::{arguments, clock, data, descriptor, directory, path, poll, process, socket, stat};
use crate::table::{Family, Kind::*, Parameter, Row, Support, buffers, bytes, pairs};
use bellglass_wire::View;

const NONE: &[View] = &[];

macro_rules! rows {
    ($($module:ident::$name:ident($($parameter:ident: $kind:ident),*) $types:literal $views:expr;)*) => {
        &[$(Row {
            signature: concat!("wasi_snapshot_preview1.", stringify!($name), $types),
            family: Family::Wasi,
            views: $views,
            parameters: &[$(Parameter { name: stringify!($parameter), kind: $kind }),*],
            support: Support::Full,
            note: "",
            handler: $module::$name,
        }),*]
    };
}

pub(crate) const ROWS: &[Row] = rows! {
    arguments::args_get(argv: Result, argv_buf: Result) "(ii)i" NONE;
    arguments::args_sizes_get(argc: Result, argv_buf_size: Result) "(ii)i" NONE;
    arguments::environ_get(environ: Result, environ_buf: Result) "(ii)i" NONE;
    arguments::environ_sizes_get(environc: Result, environ_buf_size: Result) "(ii)i" NONE;
    clock::clock_res_get(id: Unsigned, resolution: Result) "(ii)i" NONE;
    clock::clock_time_get(id: Unsigned, precision: Time, time: Result) "(iIi)i" NONE;
    clock::random_get(buf: Result, buf_len: Size) "(ii)i" NONE;
    data::fd_advise(fd: Descriptor, offset: Unsigned, len: Unsigned, advice: Unsigned) "(iIIi)i" NONE;
    data::fd_allocate(fd: Descriptor, offset: Unsigned, len: Unsigned) "(iII)i" NONE;
    data::fd_datasync(fd: Descriptor) "(i)i" NONE;
    data::fd_pread(fd: Descriptor, iovs: Buffers, iovs_len: Size, offset: Unsigned, nread: Result) "(iiiIi)i" &[pairs(1)];
    data::fd_pwrite(fd: Descriptor, iovs: Buffers, iovs_len: Size, offset: Unsigned, nwritten: Result) "(iiiIi)i" &[buffers(1)];
    data::fd_read(fd: Descriptor, iovs: Buffers, iovs_len: Size, nread: Result) "(iiii)i" &[pairs(1)];
    data::fd_seek(fd: Descriptor, offset: Signed, whence: Unsigned, newoffset: Result) "(iIii)i" NONE;
    data::fd_sync(fd: Descriptor) "(i)i" NONE;
    data::fd_tell(fd: Descriptor, offset: Result) "(ii)i" NONE;
    data::fd_write(fd: Descriptor, iovs: Buffers, iovs_len: Size, nwritten: Result) "(iiii)i" &[buffers(1)];
    descriptor::fd_close(fd: Descriptor) "(i)i" NONE;
    descriptor::fd_fdstat_get(fd: Descriptor, stat: Result) "(ii)i" NONE;
    descriptor::fd_fdstat_set_flags(fd: Descriptor, flags: Flags) "(ii)i" NONE;
    descriptor::fd_fdstat_set_rights(fd: Descriptor, fs_rights_base: Flags, fs_rights_inheriting: Flags) "(iII)i" NONE;
    descriptor::fd_prestat_dir_name(fd: Descriptor, path: Result, path_len: Size) "(iii)i" NONE;
    descriptor::fd_prestat_get(fd: Descriptor, prestat: Result) "(ii)i" NONE;
    descriptor::fd_renumber(fd: Descriptor, to: Descriptor) "(ii)i" NONE;
    directory::fd_readdir(fd: Descriptor, buf: Result, buf_len: Size, cookie: Unsigned, bufused: Result) "(iiiIi)i" NONE;
    path::path_create_directory(fd: Descriptor, path: Path, path_len: Size) "(iii)i" &[bytes(1)];
    path::path_filestat_get(fd: Descriptor, flags: Flags, path: Path, path_len: Size, filestat: Result) "(iiiii)i" &[bytes(2)];
    path::path_filestat_set_times(fd: Descriptor, flags: Flags, path: Path, path_len: Size, atim: Time, mtim: Time, fst_flags: Flags) "(iiiiIIi)i" &[bytes(2)];
    path::path_link(old_fd: Descriptor, old_flags: Flags, old_path: Path, old_path_len: Size, new_fd: Descriptor, new_path: Path, new_path_len: Size) "(iiiiiii)i" &[bytes(2), bytes(5)];
    path::path_open(fd: Descriptor, dirflags: Flags, path: Path, path_len: Size, oflags: Flags, fs_rights_base: Flags, fs_rights_inheriting: Flags, fdflags: Flags, opened_fd: Result) "(iiiiiIIii)i" &[bytes(2)];
    path::path_readlink(fd: Descriptor, path: Path, path_len: Size, buf: Result, buf_len: Size, bufused: Result) "(iiiiii)i" &[bytes(1)];
    path::path_remove_directory(fd: Descriptor, path: Path, path_len: Size) "(iii)i" &[bytes(1)];
    path::path_rename(fd: Descriptor, old_path: Path, old_path_len: Size, new_fd: Descriptor, new_path: Path, new_path_len: Size) "(iiiiii)i" &[bytes(1), bytes(4)];
    path::path_symlink(old_path: Path, old_path_len: Size, fd: Descriptor, new_path: Path, new_path_len: Size) "(iiiii)i" &[bytes(0), bytes(3)];
    path::path_unlink_file(fd: Descriptor, path: Path, path_len: Size) "(iii)i" &[bytes(1)];
    poll::poll_oneoff(subscriptions: Pointer, events: Result, nsubscriptions: Size, nevents: Result) "(iiii)i" &[View::Bytes { pointer: 0, length: 2, scale: 48 }];
    process::proc_exit(rval: Signed) "(i)" NONE;
    process::proc_raise(sig: Unsigned) "(i)i" NONE;
    process::sched_yield() "()i" NONE;
    socket::sock_accept(fd: Descriptor, flags: Flags, opened_fd: Result) "(iii)i" NONE;
    socket::sock_recv(fd: Descriptor, ri_data: Buffers, ri_data_len: Size, ri_flags: Flags, ro_datalen: Result, ro_flags: Result) "(iiiiii)i" &[pairs(1)];
    socket::sock_send(fd: Descriptor, si_data: Buffers, si_data_len: Size, si_flags: Flags, so_datalen: Result) "(iiiii)i" &[buffers(1)];
    socket::sock_shutdown(fd: Descriptor, how: Flags) "(ii)i" NONE;
    stat::fd_filestat_get(fd: Descriptor, filestat: Result) "(ii)i" NONE;
    stat::fd_filestat_set_size(fd: Descriptor, size: Unsigned) "(iI)i" NONE;
    stat::fd_filestat_set_times(fd: Descriptor, atim: Time, mtim: Time, fst_flags: Flags) "(iIIi)i" NONE;
};
