//! Calls on paths.

use super::errno::*;
use super::{FOLLOW, REGULAR, ROOT, SYMLINK, Tree, open, rights};
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn no_path_leads_out_of_its_directory() {
    let mut tree = Tree::with(&[], |data| {
        fs::create_dir_all(data.join("dir/nested")).expect("folders");
        fs::write(data.join("dir/nested/file"), "inner").expect("a file");
        fs::write(data.join("file"), "outer").expect("a file");
        for (target, name) in [
            ("/file", "absolute"),
            ("..", "up"),
            ("../file", "beside"),
            ("../../dir", "above"),
            ("nested/..", "here"),
        ] {
            symlink(target, data.join("dir").join(name)).expect("a link");
        }
    });
    let dir = tree.directory("dir");
    // Of the root, and of a directory in it.
    for (directory, path) in [
        (ROOT, "/"),
        (ROOT, "/dir"),
        (ROOT, ".."),
        (ROOT, "dir/../.."),
        (ROOT, "dir/nested/../../../dir"),
        (ROOT, "dir/absolute"),
        (dir, "/"),
        (dir, ".."),
        (dir, "../file"),
        (dir, "nested/../../dir"),
        (dir, "absolute"),
        (dir, "up"),
        (dir, "up/file"),
        (dir, "beside"),
        (dir, "nested/../beside"),
    ] {
        assert_eq!(tree.open(directory, path, FOLLOW, 0, 0, 0), Err(NOTCAPABLE), "{path}");
        let [address, length] = tree.module.path(0, path);
        let stat = tree.module.call("path_filestat_get", &[directory.into(), FOLLOW, address, length, 4096]);
        assert_eq!(stat, NOTCAPABLE, "{path}");
    }
    // What turns round in between, or is a link that stays within, is none of them.
    for (directory, path) in [
        (ROOT, "dir/.//nested/../../dir/nested/../nested///./file"),
        (ROOT, "dir/up/file"),
        (ROOT, "dir/beside"),
        (dir, "here/nested/file"),
        (dir, "."),
        (dir, "nested/.."),
    ] {
        let opened = tree.open(directory, path, FOLLOW, 0, 0, 0).expect(path);
        assert_eq!(tree.close(opened), 0);
    }
    // Nor does any other call.
    for (name, rest) in [
        ("path_create_directory", &[][..]),
        ("path_readlink", &[4096, 64, 1024]),
        ("path_remove_directory", &[]),
        ("path_unlink_file", &[]),
    ] {
        for path in ["../new", "/new", "nested/../../new", "up/new"] {
            assert_eq!(tree.module.on_path(name, dir, path, rest), NOTCAPABLE, "{name} {path}");
        }
    }
    for name in ["path_link", "path_rename"] {
        assert_eq!(tree.both(name, (dir, "../file"), (ROOT, "new")), NOTCAPABLE, "{name}");
        assert_eq!(tree.both(name, (ROOT, "file"), (dir, "../new")), NOTCAPABLE, "{name}");
        assert_eq!(tree.both(name, (ROOT, "/file"), (ROOT, "new")), NOTCAPABLE, "{name}");
    }
    for (target, path) in [("/", "link"), ("/file", "link"), ("file", "/link"), ("file", "dir/../../link")] {
        assert_eq!(tree.symlink(target, path), NOTCAPABLE, "{target} at {path}");
    }
    let [address, length] = tree.module.path(0, "../file");
    let times = tree.module.call("path_filestat_set_times", &[dir.into(), FOLLOW, address, length, 0, 0, 1]);
    assert_eq!(times, NOTCAPABLE);
    assert!(!tree.host("new").exists() && !tree.host("link").exists());
}

#[test]
fn a_path_is_a_name_with_an_end() {
    let mut tree = Tree::new();
    tree.make("dir");
    let file = tree.file("dir/file", 0);
    assert_eq!(tree.close(file), 0);
    assert_eq!(tree.open(ROOT, "dir/file\0", 0, 0, 0, 0), Err(INVAL));
    assert_eq!(tree.open(ROOT, "", 0, 0, 0, 0), Err(NOENT));
    assert_eq!(tree.open(ROOT, &"x".repeat(256), 0, 0, 0, 0), Err(NAMETOOLONG));
    assert_eq!(tree.open(ROOT, &"./".repeat(2500), 0, 0, 0, 0), Err(NAMETOOLONG));
    for path in ["dir/file/", "dir/file///", "dir/file/more", "dir/file/."] {
        assert_eq!(tree.open(ROOT, path, 0, 0, 0, 0), Err(NOTDIR), "{path}");
    }
    for path in ["dir/", "dir///", "dir/.", "./dir"] {
        let opened = tree.open(ROOT, path, 0, 0, 0, 0).expect(path);
        assert_eq!(tree.close(opened), 0);
    }
    assert_eq!(tree.open(ROOT, "missing", 0, 0, 0, 0), Err(NOENT));
    assert_eq!(tree.open(ROOT, "missing/file", 0, open::CREAT, 0, 0), Err(NOENT));
    assert_eq!(tree.open(ROOT, "dir/file", 0, open::CREAT | open::EXCL, 0, 0), Err(EXIST));
    assert_eq!(tree.open(ROOT, "dir", 0, open::CREAT | open::EXCL, 0, 0), Err(EXIST));
    assert_eq!(tree.open(ROOT, "dir/file", 0, open::DIRECTORY, 0, 0), Err(NOTDIR));
    assert_eq!(tree.open(ROOT, "dir", 0, open::DIRECTORY, rights::FD_READ | rights::FD_WRITE, 0), Err(ISDIR));
    // Flags that stand for nothing.
    assert_eq!(tree.open(ROOT, "dir", 0, 16, 0, 0), Err(INVAL));
    assert_eq!(tree.open(ROOT, "dir", 2, 0, 0, 0), Err(INVAL));
    // A descriptor that is no directory, and one that is not there.
    let file = tree.file("dir/file", rights::FD_READ);
    assert_eq!(tree.open(file, "dir", 0, 0, 0, 0), Err(NOTDIR));
    assert_eq!(tree.open(99, "dir", 0, 0, 0, 0), Err(BADF));
    // A path outside of the memory.
    let outside = u64::from(super::module::MEMORY) - 1;
    assert_eq!(tree.module.call("path_create_directory", &[ROOT.into(), outside, 2]), FAULT);
}

#[test]
fn links_are_followed_as_it_is_said() {
    let mut tree = Tree::new();
    tree.make("dir");
    let file = tree.file("file", 0);
    assert_eq!(tree.close(file), 0);
    for (target, path) in [("dir", "to-dir"), ("file", "to-file"), ("nowhere", "dangling"), ("loop", "loop")]
    {
        assert_eq!(tree.symlink(target, path), 0, "{path}");
    }
    for path in ["to-dir", "to-file", "dangling", "loop"] {
        assert_eq!(tree.open(ROOT, path, 0, 0, 0, 0), Err(LOOP), "{path}");
        let as_directory = tree.open(ROOT, path, 0, open::DIRECTORY, 0, 0);
        assert!(matches!(as_directory, Err(LOOP | NOTDIR)), "{path}: {as_directory:?}");
        assert_eq!(tree.look(path, 0).expect(path).file_type, SYMLINK);
    }
    tree.open(ROOT, "to-dir", FOLLOW, open::DIRECTORY, 0, 0).expect("the directory");
    tree.open(ROOT, "to-file", FOLLOW, 0, 0, 0).expect("the file");
    assert_eq!(tree.open(ROOT, "to-file", FOLLOW, open::DIRECTORY, 0, 0), Err(NOTDIR));
    assert_eq!(tree.open(ROOT, "dangling", FOLLOW, 0, 0, 0), Err(NOENT));
    assert_eq!(tree.open(ROOT, "loop", FOLLOW, 0, 0, 0), Err(LOOP));
    assert_eq!(tree.look("to-file", FOLLOW).expect("the file").file_type, REGULAR);
    // What is read of a target is what there is room for, and nothing beyond it.
    tree.module.put(4096, &[b'.'; 10]);
    assert_eq!(tree.module.on_path("path_readlink", ROOT, "to-file", &[4096, 10, 1024]), 0);
    assert_eq!((tree.module.get_u32(1024), tree.module.get(4096, 10)), (4, b"file......".to_vec()));
    assert_eq!(tree.module.on_path("path_readlink", ROOT, "to-file", &[4096, 2, 1024]), 0);
    assert_eq!((tree.module.get_u32(1024), tree.module.get(4096, 4)), (2, b"file".to_vec()));
    assert_eq!(tree.module.on_path("path_readlink", ROOT, "file", &[4096, 10, 1024]), INVAL);
    assert_eq!(tree.module.on_path("path_readlink", ROOT, "missing", &[4096, 10, 1024]), NOENT);
    // A link has times of its own.
    let before = tree.look("file", 0).expect("the file");
    let set = |tree: &mut Tree, lookup: u64, nanoseconds: u64| {
        let [address, length] = tree.module.path(0, "to-file");
        tree.module
            .does("path_filestat_set_times", &[ROOT.into(), lookup, address, length, 0, nanoseconds, 4]);
    };
    set(&mut tree, 0, 1_000_000_200);
    assert_eq!(tree.look("to-file", 0).expect("the link").modified, 1_000_000_200);
    assert_eq!(tree.look("file", 0), Ok(before));
    set(&mut tree, FOLLOW, 1_000_000_300);
    assert_eq!(tree.look("file", 0).expect("the file").modified, 1_000_000_300);
    // It is removed itself.
    assert_eq!(tree.on("path_unlink_file", "to-dir"), 0);
    assert_eq!(tree.on("path_remove_directory", "dangling"), NOTDIR);
    assert_eq!(tree.on("path_remove_directory", "dir"), 0);
}

#[test]
fn what_a_slash_at_the_end_means() {
    let mut tree = Tree::new();
    // A link is no directory.
    assert_eq!(tree.symlink("source", "new/"), NOENT);
    assert_eq!(tree.symlink("", "new"), NOENT);
    tree.make("dir");
    let file = tree.file("file", 0);
    assert_eq!(tree.close(file), 0);
    for (path, expected) in [("dir/", EXIST), ("dir", EXIST), ("file", EXIST)] {
        assert_eq!(tree.symlink("source", path), expected, "{path}");
    }
    assert!(matches!(tree.symlink("source", "file/"), EXIST | NOTDIR));
    // A file is not removed as a directory, nor a directory as a file.
    for (call, path, expected) in [
        ("path_unlink_file", "dir", ISDIR),
        ("path_unlink_file", "dir/", ISDIR),
        ("path_unlink_file", "file/", NOTDIR),
        ("path_remove_directory", "file", NOTDIR),
        ("path_remove_directory", "file/", NOTDIR),
        ("path_create_directory", "dir", EXIST),
        ("path_create_directory", "dir/", EXIST),
        ("path_create_directory", "file", EXIST),
        ("path_remove_directory", "missing", NOENT),
        ("path_unlink_file", "missing", NOENT),
        ("path_create_directory", "made/", 0),
        ("path_remove_directory", "made/", 0),
        ("path_unlink_file", "file", 0),
    ] {
        assert_eq!(tree.on(call, path), expected, "{call} {path}");
    }
    for (from, to) in [("dir/", "moved"), ("moved", "dir/"), ("dir/", "moved/"), ("moved", "dir")] {
        assert_eq!(tree.both("path_rename", (ROOT, from), (ROOT, to)), 0, "{from} to {to}");
    }
    let file = tree.file("dir/file", 0);
    assert_eq!(tree.close(file), 0);
    assert_eq!(tree.on("path_remove_directory", "dir"), NOTEMPTY);
    assert_eq!(tree.open(ROOT, "dir/new/", 0, open::CREAT, 0, 0), Err(ISDIR));
}

#[test]
fn renaming_replaces_what_is_alike_and_empty() {
    let mut tree = Tree::new();
    for directory in ["a", "b", "full"] {
        tree.make(directory);
    }
    for path in ["full/inner", "one", "two"] {
        let file = tree.file(path, 0);
        assert_eq!(tree.close(file), 0);
    }
    let mut rename = |from: &str, to: &str| tree.both("path_rename", (ROOT, from), (ROOT, to));
    assert_eq!(rename("a", "full"), NOTEMPTY);
    assert_eq!(rename("a", "one"), NOTDIR);
    assert_eq!(rename("a", "full/inner"), NOTDIR);
    assert_eq!(rename("one", "a"), ISDIR);
    assert_eq!(rename("missing", "new"), NOENT);
    assert_eq!(rename("one", "missing/new"), NOENT);
    assert_eq!(rename("a", "a/within"), INVAL);
    assert_eq!(rename("a", "b"), 0);
    assert_eq!(rename("one", "two"), 0);
    assert_eq!(rename("two", "two"), 0);
    assert_eq!(rename("full", "new"), 0);
    for (path, expected) in [("a", Err(NOENT)), ("one", Err(NOENT)), ("full", Err(NOENT))] {
        assert_eq!(tree.look(path, 0).map(|_| ()), expected, "{path}");
    }
    for path in ["b", "two", "new/inner"] {
        tree.look(path, 0).expect(path);
    }
    // From one directory to another.
    let (b, new) = (tree.directory("b"), tree.directory("new"));
    assert_eq!(tree.both("path_rename", (new, "inner"), (b, "moved")), 0);
    assert!(tree.host("b/moved").exists() && !tree.host("new/inner").exists());
}

#[test]
fn a_file_may_have_several_names() {
    let mut tree = Tree::new();
    tree.make("dir");
    let dir = tree.directory("dir");
    let asked = rights::FD_READ | rights::FD_FILESTAT_GET;
    let file = tree.file("file", asked);
    for (directory, name, path) in [(ROOT, "link", "link"), (dir, "link", "dir/link")] {
        assert_eq!(tree.both("path_link", (ROOT, "file"), (directory, name)), 0, "{path}");
        assert_eq!(tree.look("file", 0), tree.look(path, 0));
        let link = tree.open(ROOT, path, 0, 0, asked, 0).expect(path);
        assert_eq!(tree.state(file), tree.state(link));
        assert_eq!(tree.close(link), 0);
    }
    assert_eq!(tree.look("file", 0).expect("the file").links, 3);
    for (from, to, expected) in [
        ("file", "link", EXIST),
        ("file", "file", EXIST),
        ("file", "dir", EXIST),
        ("missing", "new", NOENT),
        ("file", "missing/new", NOENT),
        ("file", "new/", NOENT),
        ("dir", "new", PERM),
    ] {
        assert_eq!(tree.both("path_link", (ROOT, from), (ROOT, to)), expected, "{from} to {to}");
    }
    // To a link itself, wherever that leads.
    for (target, path) in [("nowhere", "dangling"), ("loop", "loop")] {
        assert_eq!(tree.symlink(target, path), 0);
        assert_eq!(tree.both("path_link", (ROOT, path), (ROOT, "new")), 0, "{path}");
        assert_eq!(tree.look("new", 0).expect("the link").file_type, SYMLINK);
        assert_eq!(tree.on("path_unlink_file", "new"), 0);
        assert_eq!(tree.both("path_link", (ROOT, "file"), (ROOT, path)), EXIST);
    }
    let (old, new) = (tree.module.path(0, "dangling"), tree.module.path(1, "new"));
    let followed = [&[ROOT.into(), FOLLOW][..], &old, &[ROOT.into()], &new].concat();
    assert!(matches!(tree.module.call("path_link", &followed), INVAL | NOENT));
}
