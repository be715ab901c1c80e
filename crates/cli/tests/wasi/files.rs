//! Reading, writing and sizes of files, and lists of directories.

use super::errno::*;
use super::{DIRECTORY, REGULAR, RESULT, ROOM, ROOT, Stat, Tree, open, rights};
use std::collections::BTreeSet;

/// What `whence` is.
const SET: u64 = 0;
const CUR: u64 = 1;
const END: u64 = 2;

/// Flags of a descriptor.
const APPEND: u64 = 1;

#[test]
fn a_file_stands_where_it_was_read_and_written() {
    let mut tree = Tree::new();
    let file = tree.file("file", rights::FILE);
    let tell = |tree: &mut Tree| {
        tree.module.does("fd_tell", &[file.into(), RESULT.into()]);
        tree.module.get_u64(RESULT)
    };
    assert_eq!(tell(&mut tree), 0);
    assert_eq!(tree.write(file, &[7; 100], None), Ok(100));
    assert_eq!(tell(&mut tree), 100);
    assert_eq!(tree.seek(file, -50, CUR), Ok(50));
    assert_eq!(tree.seek(file, 0, SET), Ok(0));
    assert_eq!(tree.seek(file, 1000, CUR), Ok(1000));
    assert_eq!(tree.seek(file, -2000, CUR), Err(INVAL));
    assert_eq!(tree.seek(file, -1, SET), Err(INVAL));
    assert_eq!(tree.seek(file, 0, 3), Err(INVAL));
    assert_eq!(tree.seek(file, -40, END), Ok(60));
    assert_eq!(tree.read(file, 100, None).expect("read").len(), 40);
    assert_eq!(tell(&mut tree), 100);
    assert_eq!(tree.read(file, 100, None), Ok(vec![]));
    // With a position of their own, reading and writing move nothing.
    assert_eq!(tree.write(file, b"abc", Some(98)), Ok(3));
    assert_eq!(tree.read(file, 10, Some(97)), Ok(b"\x07abc".to_vec()));
    assert_eq!(tree.read(file, 10, Some(1000)), Ok(vec![]));
    assert_eq!(tell(&mut tree), 100);
    assert_eq!(tree.read(file, 10, Some(u64::MAX)), Err(INVAL));
    // Nothing of nothing.
    assert_eq!(tree.write(file, b"", None), Ok(0));
    tree.module.does("fd_write", &[file.into(), ROOM.into(), 0, RESULT.into()]);
    // A buffer outside of the memory.
    tree.module.put(RESULT + 16, &[0xff; 8]);
    let outside = [file.into(), (RESULT + 16).into(), 1, RESULT.into()];
    assert_eq!(
        (tree.module.call("fd_write", &outside), tree.module.call("fd_read", &outside)),
        (FAULT, FAULT)
    );
    for call in ["fd_sync", "fd_datasync"] {
        tree.module.does(call, &[file.into()]);
    }
    assert_eq!(std::fs::read(tree.host("file")).expect("written").len(), 101);
}

#[test]
fn a_descriptor_appends_as_long_as_it_is_told_to() {
    let mut tree = Tree::new();
    let [address, length] = tree.module.path(0, "file");
    let arguments = [ROOT.into(), 0, address, length, open::CREAT, rights::FILE, 0, APPEND, RESULT.into()];
    tree.module.does("path_open", &arguments);
    let file = tree.module.get_u32(RESULT);
    assert_eq!(tree.state(file).expect("open").1, APPEND as u16);
    assert_eq!(tree.write(file, b"one", None), Ok(3));
    assert_eq!(tree.seek(file, 0, SET), Ok(0));
    assert_eq!(tree.write(file, b"two", None), Ok(3));
    assert_eq!(tree.seek(file, 0, CUR), Ok(6));
    tree.module.does("fd_fdstat_set_flags", &[file.into(), 0]);
    assert_eq!(tree.state(file).expect("open").1, 0);
    assert_eq!(tree.seek(file, 0, SET), Ok(0));
    assert_eq!(tree.write(file, b"ONE", None), Ok(3));
    assert_eq!(std::fs::read(tree.host("file")).expect("written"), b"ONEtwo");
    assert_eq!(tree.module.call("fd_fdstat_set_flags", &[file.into(), 32]), INVAL);
}

fn stat(tree: &mut Tree, file: u32) -> Stat {
    tree.module.does("fd_filestat_get", &[file.into(), ROOM.into()]);
    tree.stat()
}

#[test]
fn sizes_and_times_are_what_they_are_set_to() {
    let mut tree = Tree::new();
    let file = tree.file("file", rights::FILE);
    let size = |tree: &mut Tree| stat(tree, file).size;
    tree.module.does("fd_filestat_set_size", &[file.into(), 100]);
    assert_eq!(size(&mut tree), 100);
    // Room is made beyond the end, and nothing is taken away.
    for (offset, length, expected) in [(0, 100, 100), (10, 10, 100), (90, 20, 110)] {
        tree.module.does("fd_allocate", &[file.into(), offset, length]);
        assert_eq!(size(&mut tree), expected);
    }
    for (offset, length, expected) in
        [(0, 0, INVAL), (u64::MAX, 1, INVAL), (1, u64::MAX >> 1, FBIG), (0, 1 << 63, INVAL)]
    {
        assert_eq!(tree.module.call("fd_allocate", &[file.into(), offset, length]), expected);
    }
    for (advice, expected) in [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, INVAL)] {
        assert_eq!(tree.module.call("fd_advise", &[file.into(), 10, 50, advice]), expected, "{advice}");
    }
    assert_eq!(size(&mut tree), 110);
    assert_eq!(tree.module.call("fd_filestat_set_size", &[file.into(), 1 << 63]), INVAL);
    let before = stat(&mut tree, file);
    assert_eq!((before.file_type, before.links), (REGULAR, 1));
    tree.module.does("fd_filestat_set_times", &[file.into(), 5, 1_000_000_007, 4]);
    let after = stat(&mut tree, file);
    assert_eq!((after.accessed, after.modified), (before.accessed, 1_000_000_007));
    tree.module.does("fd_filestat_set_times", &[file.into(), 5, 7, 1]);
    assert_eq!((stat(&mut tree, file).accessed, stat(&mut tree, file).modified), (5, 1_000_000_007));
    tree.module.does("fd_filestat_set_times", &[file.into(), 5, 7, 8]);
    assert!(stat(&mut tree, file).modified > 1_000_000_000_000_000_000);
    // Each time is told or is now, and not both.
    for flags in [3, 12, 15, 16] {
        assert_eq!(tree.module.call("fd_filestat_set_times", &[file.into(), 5, 7, flags]), INVAL, "{flags}");
        let [address, length] = tree.module.path(0, "file");
        let by_path = [ROOT.into(), 0, address, length, 5, 7, flags];
        assert_eq!(tree.module.call("path_filestat_set_times", &by_path), INVAL, "{flags}");
    }
    assert_eq!(stat(&mut tree, file).accessed, 5);
    // Opening may cut it, with or without the right to write.
    for asked in [0, rights::FD_WRITE | rights::FD_READ] {
        tree.module.does("fd_filestat_set_size", &[file.into(), 9]);
        let cut = tree.open(ROOT, "file", 0, open::TRUNC, asked, 0).expect("the file");
        assert_eq!(size(&mut tree), 0);
        assert_eq!(tree.close(cut), 0);
    }
}

#[test]
fn two_files_are_never_taken_for_one() {
    let mut tree = Tree::new();
    let (one, two) = (tree.file("one", rights::FILE), tree.file("two", rights::FILE));
    let (one, two) = (stat(&mut tree, one), stat(&mut tree, two));
    assert_eq!(one.device, two.device);
    assert_ne!(one.inode, two.inode);
    assert_eq!(tree.look("one", 0), Ok(one));
}

/// The entries of a piece of a list, with their cookies, and whether it is the last piece.
fn entries(tree: &mut Tree, directory: u32, room: u64, cookie: u64) -> (Vec<(u64, u64, u8, String)>, bool) {
    tree.module.does("fd_readdir", &[directory.into(), ROOM.into(), room, cookie, RESULT.into()]);
    let used = tree.module.get_u32(RESULT);
    let bytes = tree.module.get(ROOM, used as usize);
    let mut rest = &bytes[..];
    let mut found = Vec::new();
    while let Some((head, after)) = rest.split_at_checked(24) {
        let number = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        let length = u32::from_le_bytes(head[16..20].try_into().expect("four bytes"));
        let Some((name, after)) = after.split_at_checked(length as usize) else { break };
        found.push((number(0), number(8), head[20], String::from_utf8_lossy(name).into_owned()));
        rest = after;
    }
    (found, u64::from(used) < room)
}

#[test]
fn a_list_goes_on_where_its_cookie_says() {
    let mut tree = Tree::new();
    // What is shown as the root is there, and nothing else.
    let (found, is_all) = entries(&mut tree, ROOT, 4096, 0);
    let names: Vec<&str> = found.iter().map(|(_, _, _, name)| name.as_str()).collect();
    assert!(is_all && names == [".", ".."], "{names:?}");
    tree.make("dir");
    let dir = tree.directory("dir");
    let own = stat(&mut tree, dir).inode;
    let (found, _) = entries(&mut tree, dir, 256, 0);
    assert_eq!((found[0].1, found[0].2, found[1].2), (own, DIRECTORY, DIRECTORY));
    let file = tree.file("dir/file", rights::FILE);
    let inode = stat(&mut tree, file).inode;
    let (found, is_all) = entries(&mut tree, dir, 256, 0);
    assert!(is_all && found.len() == 3, "{found:?}");
    let last = found[2].clone();
    assert_eq!((last.1, last.2, last.3.as_str()), (inode, REGULAR, "file"));
    assert_eq!(entries(&mut tree, dir, 256, found[1].0), (vec![last.clone()], true));
    assert_eq!(entries(&mut tree, dir, 256, last.0), (vec![], true));
    // A piece that ends in an entry, or in its head, is full.
    for room in [0, 1, 23, 24, 25, 48] {
        let (found, is_all) = entries(&mut tree, dir, room, 0);
        assert!(!is_all && found.len() <= 1, "{room}: {found:?}");
    }
    for number in 0..300 {
        let file = tree.file(&format!("dir/file.{number}"), 0);
        assert_eq!(tree.close(file), 0);
    }
    for room in [40, 256, 60_000] {
        let (mut names, mut cookie, mut count) = (BTreeSet::new(), 0, 0);
        loop {
            let (found, is_all) = entries(&mut tree, dir, room, cookie);
            count += found.len();
            cookie = found.last().map_or(cookie, |last| last.0);
            names.extend(found.into_iter().map(|(_, _, _, name)| name));
            if is_all {
                break;
            }
        }
        assert_eq!((names.len(), count), (303, 303), "{room}");
    }
    let arguments = [file.into(), ROOM.into(), 100, 0, RESULT.into()];
    assert_eq!(tree.module.call("fd_readdir", &arguments), NOTDIR);
}
