//! Descriptors themselves: the one from the start, their numbers, their rights.

use super::errno::*;
use super::{DIRECTORY, REGULAR, RESULT, ROOM, ROOT, Tree, open, rights};

#[test]
fn one_directory_is_open_from_the_start() {
    let mut tree = Tree::new();
    tree.module.does("fd_prestat_get", &[ROOT.into(), ROOM.into()]);
    // That it is a directory, and how long its name is.
    assert_eq!(tree.module.get(ROOM, 8), [0, 0, 0, 0, 1, 0, 0, 0]);
    for (room, expected) in [(0, NAMETOOLONG), (1, 0), (2, 0)] {
        assert_eq!(
            tree.module.call("fd_prestat_dir_name", &[ROOT.into(), ROOM.into(), room]),
            expected,
            "{room}"
        );
    }
    assert_eq!(tree.module.get(ROOM, 1), b"/");
    for other in [0, 1, 2, 4, 99] {
        assert_eq!(tree.module.call("fd_prestat_get", &[other, ROOM.into()]), BADF, "{other}");
        assert_eq!(tree.module.call("fd_prestat_dir_name", &[other, ROOM.into(), 10]), BADF, "{other}");
    }
    let (kind, flags, base, inheriting) = tree.state(ROOT).expect("open");
    assert_eq!((kind, flags), (DIRECTORY, 0));
    assert_eq!(base & rights::PATHS, rights::PATHS, "{base:#x}");
    let all = rights::PATHS | rights::FILE | rights::POLL_FD_READWRITE;
    assert_eq!(inheriting & all, all, "{inheriting:#x}");
    // Nothing of a directory has a position or a size.
    let none = rights::FD_SEEK | rights::FD_TELL | rights::FD_FILESTAT_SET_SIZE;
    assert_eq!(base & (none | rights::FD_WRITE), 0, "{base:#x}");
    // It is opened again with as much, with less, and with nothing.
    for (flags, base, inheriting) in [
        (0, base, inheriting),
        (0, 0, 0),
        (open::DIRECTORY, 0, 0),
        (open::DIRECTORY, rights::FD_READ, 0),
        (open::DIRECTORY, base, inheriting),
    ] {
        let again = tree.open(ROOT, ".", 0, flags, base, inheriting).expect("the directory");
        assert_eq!(tree.state(again).expect("open").0, DIRECTORY);
    }
    let nonblocking = [ROOT.into(), 0, 0, 0, 0, 0, 0, 4, RESULT.into()];
    let [address, length] = tree.module.path(0, ".");
    let mut arguments = nonblocking;
    (arguments[2], arguments[3]) = (address, length);
    tree.module.does("path_open", &arguments);
    // Closed, it is like any other.
    let own = tree.directory(".");
    assert_eq!(tree.close(ROOT), 0);
    assert_eq!(tree.state(ROOT), Err(BADF));
    assert_eq!(tree.module.call("fd_prestat_get", &[ROOT.into(), ROOM.into()]), BADF);
    assert_eq!(tree.state(own).expect("open").0, DIRECTORY);
}

#[test]
fn a_descriptor_takes_the_place_of_another() {
    let mut tree = Tree::new();
    let one = tree.file("one", rights::FD_READ | rights::FD_WRITE);
    let two = tree.file("two", rights::FILE);
    let state = tree.state(one).expect("open");
    assert_eq!((state.0, state.2), (REGULAR, rights::FD_READ | rights::FD_WRITE));
    tree.module.does("fd_renumber", &[one.into(), two.into()]);
    assert_eq!(tree.close(one), BADF);
    assert_eq!(tree.state(two), Ok(state));
    assert_eq!(tree.write(two, b"x", None), Ok(1));
    assert_eq!(std::fs::read(tree.host("one")).expect("written"), b"x");
    for (from, to) in [(two, one), (one, two), (99, two), (two, 99)] {
        assert_eq!(tree.module.call("fd_renumber", &[from.into(), to.into()]), BADF, "{from} to {to}");
    }
    tree.module.does("fd_renumber", &[two.into(), two.into()]);
    assert_eq!(tree.state(two).expect("open"), state);
    // Also of the one from the start.
    tree.make("dir");
    let dir = tree.directory("dir");
    tree.module.does("fd_filestat_get", &[dir.into(), ROOM.into()]);
    let expected = tree.stat();
    tree.module.does("fd_renumber", &[dir.into(), ROOT.into()]);
    tree.module.does("fd_filestat_get", &[ROOT.into(), ROOM.into()]);
    assert_eq!(tree.stat(), expected);
    assert_eq!(tree.state(dir), Err(BADF));
    assert_eq!((tree.close(ROOT), tree.close(ROOT)), (0, BADF));
}

#[test]
fn rights_are_given_up_and_never_taken() {
    let mut tree = Tree::new();
    let asked = rights::FD_READ | rights::FD_WRITE | rights::FD_SEEK | rights::FD_TELL;
    let file = tree.file("file", asked);
    assert_eq!(tree.state(file).expect("open").2, asked);
    assert_eq!(tree.write(file, b"text", None), Ok(4));
    assert_eq!(tree.read(file, 4, Some(0)), Ok(b"text".to_vec()));
    // None that it has not.
    for (call, rest) in [
        ("fd_filestat_set_size", &[1][..]),
        ("fd_filestat_set_times", &[1, 1, 1]),
        ("fd_filestat_get", &[ROOM as u64]),
        ("fd_allocate", &[0, 10]),
        ("fd_advise", &[0, 10, 0]),
        ("fd_sync", &[]),
        ("fd_fdstat_set_flags", &[1]),
    ] {
        let arguments = [&[file.into()], rest].concat();
        assert_eq!(tree.module.call(call, &arguments), NOTCAPABLE, "{call}");
    }
    let set = |tree: &mut Tree, descriptor: u32, base: u64, inheriting: u64| {
        tree.module.call("fd_fdstat_set_rights", &[descriptor.into(), base, inheriting])
    };
    assert_eq!(set(&mut tree, file, rights::FD_SEEK, 0), 0);
    assert_eq!(tree.state(file).expect("open").2, rights::FD_SEEK);
    for errno in [tree.write(file, b"x", None).map(|_| ()), tree.read(file, 4, None).map(|_| ())] {
        assert!(matches!(errno, Err(BADF | NOTCAPABLE)), "{errno:?}");
    }
    for (base, inheriting) in [(asked, 0), (rights::FD_SEEK | rights::FD_READ, 0), (rights::FD_SEEK, asked)] {
        assert_eq!(set(&mut tree, file, base, inheriting), NOTCAPABLE);
    }
    assert_eq!(set(&mut tree, file, rights::FD_SEEK, 0), 0);
    // Of a directory: what is not handed on is not had.
    tree.make("dir");
    let dir = tree.directory("dir");
    let (_, _, base, inheriting) = tree.state(dir).expect("open");
    assert_eq!(set(&mut tree, dir, base, inheriting & !rights::FD_WRITE), 0);
    assert_eq!(tree.open(dir, "new", 0, open::CREAT, rights::FD_WRITE, 0), Err(NOTCAPABLE));
    assert_eq!(tree.open(dir, ".", 0, 0, 0, rights::FD_WRITE), Err(NOTCAPABLE));
    let inner = tree.open(dir, "new", 0, open::CREAT, rights::FD_READ, 0).expect("a file");
    assert_eq!(tree.state(inner).expect("open").2, rights::FD_READ);
    tree.open(dir, "new", 0, open::TRUNC, 0, 0).expect("it may be cut");
    assert_eq!(
        set(&mut tree, dir, base & !rights::PATH_FILESTAT_SET_SIZE, inheriting & !rights::FD_WRITE),
        0
    );
    assert_eq!(tree.open(dir, "new", 0, open::TRUNC, 0, 0), Err(NOTCAPABLE));
    let base = base & !rights::PATH_FILESTAT_SET_SIZE & !rights::PATH_CREATE_FILE;
    assert_eq!(set(&mut tree, dir, base, 0), 0);
    assert_eq!(tree.open(dir, "other", 0, open::CREAT, 0, 0), Err(NOTCAPABLE));
    // And all the others that name files, one by one.
    assert_eq!(set(&mut tree, dir, rights::FD_READDIR, 0), 0);
    for (call, rest) in [
        ("path_create_directory", &[][..]),
        ("path_readlink", &[ROOM as u64, 10, RESULT as u64]),
        ("path_remove_directory", &[]),
        ("path_unlink_file", &[]),
    ] {
        assert_eq!(tree.module.on_path(call, dir, "new", rest), NOTCAPABLE, "{call}");
    }
    for call in ["path_link", "path_rename"] {
        assert_eq!(tree.both(call, (dir, "new"), (ROOT, "other")), NOTCAPABLE, "{call}");
        assert_eq!(tree.both(call, (ROOT, "file"), (dir, "other")), NOTCAPABLE, "{call}");
    }
    assert_eq!(tree.open(dir, "new", 0, 0, 0, 0), Err(NOTCAPABLE));
    let [address, length] = tree.module.path(0, "new");
    let arguments = [dir.into(), 0, address, length, ROOM.into()];
    assert_eq!(tree.module.call("path_filestat_get", &arguments), NOTCAPABLE);
}

#[test]
fn a_directory_is_no_file() {
    let mut tree = Tree::new();
    tree.make("dir");
    // What it cannot have is left away.
    let dir = tree.open(ROOT, "dir", 0, open::DIRECTORY, rights::FD_SEEK, 0).expect("a directory");
    assert_eq!(tree.state(dir).expect("open").2 & rights::FD_SEEK, 0);
    for descriptor in [dir, ROOT] {
        let is_refused = |errno: u16| [ISDIR, BADF, NOTCAPABLE].contains(&errno);
        for position in [None, Some(0)] {
            let read = tree.read(descriptor, 10, position);
            assert!(read.clone().is_err_and(is_refused), "{read:?}");
            let written = tree.write(descriptor, b"x", position);
            assert!(written.is_err_and(is_refused), "{written:?}");
        }
        for whence in 0..3 {
            let moved = tree.seek(descriptor, 0, whence);
            assert!(moved.is_err_and(is_refused), "{moved:?}");
        }
        let told = tree.module.call("fd_tell", &[descriptor.into(), RESULT.into()]);
        assert!(is_refused(told), "{told}");
        let allocated = tree.module.call("fd_allocate", &[descriptor.into(), 0, 1]);
        assert!(is_refused(allocated), "{allocated}");
        let sized = tree.module.call("fd_filestat_set_size", &[descriptor.into(), 0]);
        assert!(is_refused(sized) || sized == INVAL, "{sized}");
    }
    // What is not open is nothing at all.
    for (call, rest) in [
        ("fd_close", 0),
        ("fd_fdstat_get", 1),
        ("fd_filestat_get", 1),
        ("fd_sync", 0),
        ("fd_datasync", 0),
        ("fd_tell", 1),
        ("fd_read", 3),
        ("fd_write", 3),
        ("fd_readdir", 4),
        ("sock_shutdown", 1),
    ] {
        let arguments = [vec![99], vec![u64::from(ROOM); rest]].concat();
        assert_eq!(tree.module.call(call, &arguments), BADF, "{call}");
    }
}

#[test]
fn streams_and_files_are_no_sockets() {
    let mut tree = Tree::new();
    let file = tree.file("file", rights::FILE);
    for descriptor in [u64::from(file), ROOT.into(), 0, 1] {
        assert_eq!(tree.module.call("sock_shutdown", &[descriptor, 3]), NOTSOCK);
        assert_eq!(tree.module.call("sock_accept", &[descriptor, 0, RESULT.into()]), NOTSOCK);
    }
    tree.module.put(RESULT + 16, &[ROOM.to_le_bytes(), 4u32.to_le_bytes()].concat());
    let buffers = u64::from(RESULT + 16);
    let receive = [file.into(), buffers, 1, 0, RESULT.into(), (RESULT + 8).into()];
    assert_eq!(tree.module.call("sock_recv", &receive), NOTSOCK);
    assert_eq!(tree.module.call("sock_send", &[file.into(), buffers, 1, 0, RESULT.into()]), NOTSOCK);
    // A stream has no position.
    for descriptor in [0, 1, 2] {
        assert_eq!(tree.seek(descriptor, 0, 1), Err(SPIPE));
        let told = tree.module.call("fd_tell", &[descriptor.into(), RESULT.into()]);
        assert_eq!(told, SPIPE);
    }
}
