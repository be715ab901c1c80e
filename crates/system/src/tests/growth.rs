//! Whatever a guest does, its controller becomes no larger than what it counts, and
//! counts no more than it may keep. Each way to make it grow is gone in a process of
//! its own, which then tells its own size as the kernel sees it.

use super::archives::zip_of;
use super::fake::{FakeGuest, HERE, RESULT};
use crate::files::{Creation, MemoryTree, OpenOptions, Quota};
use crate::{
    Access, Capture, Errno, Identity, LimitKind, Mount, Output, RealClock, System, SystemBuilder, SystemError,
};
use std::io::Write;
use std::process::Command;
use std::sync::Arc;

/// Bytes that may be kept, and of these, for files.
const LIMIT: u64 = 48 << 20;
const FILES: u64 = 32 << 20;

/// What the size may be above what was counted: a factor for what malloc makes of it,
/// and bytes for what is there once.
const FACTOR: f64 = 1.15;
const ONCE: u64 = 3 << 20;

/// The variable that names the way for the process of its own.
const WAY: &str = "BELLGLASS_WAY_TO_GROW";

/// Each way to make the controller grow, until it refuses.
const WAYS: [(&str, fn()); 26] = [
    ("files", || grows(system(), |guest| made(guest, |guest, n| empty_file(guest, &format!("/tmp/{n}"))))),
    ("long_names", || {
        grows(system(), |guest| made(guest, |guest, n| empty_file(guest, &format!("/tmp/{n:0>250}"))));
    }),
    ("small_files", || {
        grows(system(), |guest| {
            made(guest, |guest, n| {
                let file = guest.open(&format!("/tmp/{n}"), 1)?;
                let written = guest.write(file, b"x");
                guest.close(file);
                written.map(drop)
            });
        });
    }),
    ("named_pipes", || {
        grows(system(), |guest| {
            made(guest, |guest, n| {
                let path = guest.text(&format!("/tmp/{n}"));
                guest.linux("mknodat", &[HERE, path, 0o010_644, 0])?;
                guest.linux("openat", &[HERE, path, 2, 0]).map(drop)
            });
        });
    }),
    ("hard_links", || {
        grows(system(), |guest| {
            let path = deep(guest);
            made(guest, |guest, n| linked(guest, n, &format!("{path}/{n}")));
        });
    }),
    ("links_backwards", || {
        // In the order in which a table of names stays emptiest.
        grows(system(), |guest| {
            made(guest, |guest, n| linked(guest, n, &format!("/tmp/{:06}", 999_999 - n)));
        });
    }),
    ("symlinks", || {
        let target = "t".repeat(4000);
        grows(system(), |guest| made(guest, |guest, n| guest.symlink(&target, &format!("/tmp/{n}"))));
    }),
    ("directories", || {
        grows(system(), |guest| {
            made(guest, |guest, n| guest.on_path("path_create_directory", &format!("/tmp/{n}")));
        });
    }),
    ("directories_with_a_file", || {
        grows(system(), |guest| {
            made(guest, |guest, n| {
                guest.on_path("path_create_directory", &format!("/tmp/{n}"))?;
                empty_file(guest, &format!("/tmp/{n}/x"))
            });
        });
    }),
    ("emptied_directories", || {
        grows(system(), |guest| {
            for directory in 0..20 {
                guest.on_path("path_create_directory", &format!("/tmp/{directory}")).expect("made");
                let name = |n| format!("/tmp/{directory}/{n}");
                let count = (0..30_000).take_while(|n| empty_file(guest, &name(*n)).is_ok()).count();
                for n in 0..count {
                    guest.on_path("path_unlink_file", &name(n)).expect("removed");
                }
            }
        });
    }),
    ("pages", || {
        grows(system(), |guest| {
            let file = guest.open("/tmp/file", 1).expect("opened");
            made(guest, |guest, n| {
                // Every other page, so that each stands alone.
                guest.wasi("fd_seek", &[file, n * 8192, 0, u64::from(RESULT)])?;
                guest.write(file, b"x").map(drop)
            });
        });
    }),
    ("overlay_looked_at", || {
        let lower = lower(60_000);
        grows(system().mount(Mount::tree(lower.root(), "/work").overlay().0), |guest| {
            made(guest, |guest, n| guest.stat(&format!("/work/{n}"), true).map(drop));
        });
    }),
    ("overlay_listed", || {
        let lower = lower(60_000);
        grows(system().mount(Mount::tree(lower.root(), "/work").overlay().0), |guest| {
            assert_eq!(guest.list("/work").err(), Some(Errno::NOMEM));
        });
    }),
    ("overlay_directories", || {
        let quota = Arc::new(Quota::new(1 << 30, 1 << 20));
        let lower = MemoryTree::new(quota, 70, Arc::new(RealClock::new()));
        for n in 0..30_000 {
            lower.root().create_directory(n.to_string().as_bytes(), 0o755).expect("made");
        }
        grows(system().mount(Mount::tree(lower.root(), "/work").overlay().0), |guest| {
            made(guest, |guest, n| guest.stat(&format!("/work/{n}/x"), true).or_else(missing).map(drop));
        });
    }),
    ("changes", || {
        let lower = lower(1000);
        let (mount, overlay) = Mount::tree(lower.root(), "/work").overlay();
        grows(system().mount(mount), |guest| {
            for n in 0..5000 {
                empty_file(guest, &format!("/work/new{n}")).expect("made");
                guest.on_path("path_unlink_file", &format!("/work/{}", n / 5)).ok();
            }
            overlay.changes().expect("they fit")
        });
    }),
    ("changes_with_long_paths", || {
        let lower = lower(1);
        let (mount, overlay) = Mount::tree(lower.root(), "/tmp").overlay();
        grows(system().mount(mount), |guest| {
            let path = deep(guest);
            for n in 0..50_000 {
                linked(guest, n, &format!("{path}/{n}")).expect("made");
            }
            assert_eq!(overlay.changes().err(), Some(Errno::NOMEM));
        });
    }),
    ("information", || {
        let identity = Identity { processors: Identity::PROCESSORS, ..Identity::default() };
        let system = system().environment("LARGE", vec![b'x'; 1 << 20]).identity(identity);
        grows(system.arguments(vec![vec![b'y'; 1 << 20]; 4]), |guest| {
            let files = ["self/environ", "self/cmdline", "cpuinfo", "stat", "self/status", "mounts"];
            for file in files.into_iter().cycle().take(1000) {
                match guest.open_to_read(&format!("/proc/{file}")) {
                    Ok(_) => {}
                    Err(Errno::NOMEM) if file == "stat" => {}
                    Err(error) => panic!("{file}: {error}"),
                }
            }
        });
    }),
    ("pipes", || {
        grows(system(), |guest| {
            made(guest, |guest, _| {
                guest.linux("pipe2", &[u64::from(RESULT), 0])?;
                let end = u64::from(guest.get_u32(RESULT + 4));
                // As much as fits: a write of more would wait for a reader.
                guest.write(end, &[1; 40_000])?;
                guest.write(end, &[1; 24_000]).map(drop)
            });
        });
    }),
    ("socket_pairs", || {
        grows(system(), |guest| {
            made(guest, |guest, _| {
                guest.linux("socketpair", &[1, 1, 0, u64::from(RESULT)])?;
                for end in [guest.get_u32(RESULT), guest.get_u32(RESULT + 4)] {
                    guest.write(u64::from(end), &[1; 65_536])?;
                }
                Ok(())
            });
        });
    }),
    ("deep_directories", || {
        grows(system(), |guest| {
            let mut path = "/tmp".to_owned();
            for _ in 0..2000 {
                path.push_str("/d");
                guest.on_path("path_create_directory", &path).expect("made");
            }
            made(guest, |guest, _| guest.open_with(&path, 1, 2, !(1 << 6), 0).map(drop));
        });
    }),
    ("high_descriptors", || {
        grows(system().open_files(1 << 20), |guest| {
            made(guest, |guest, n| guest.linux("dup3", &[0, (n + 4) * 10_000, 0]).map(drop));
        });
    }),
    ("host_listings", || {
        let directory = tempfile::tempdir().expect("a directory");
        for n in 0..2000 {
            std::fs::write(directory.path().join(format!("{n:0>200}")), "").expect("written");
        }
        grows(system().mount(Mount::directory(directory.path(), "/host", Access::ReadOnly)), |guest| {
            made(guest, |guest, _| {
                let opened = guest.open_with("/host", 1, 2, !(1 << 6), 0)?;
                let (buffer, length) = guest.put(&[0; 4096]);
                guest.wasi("fd_readdir", &[opened, buffer, length, 0, u64::from(RESULT)])
            });
        });
    }),
    ("host_deep_directories", || {
        let directory = tempfile::tempdir().expect("a directory");
        let path = "d/".repeat(1500);
        std::fs::create_dir_all(directory.path().join(&path)).expect("made");
        let path = format!("/host/{path}");
        grows(system().mount(Mount::directory(directory.path(), "/host", Access::ReadOnly)), |guest| {
            made(guest, |guest, _| guest.open_with(&path, 1, 2, !(1 << 6), 0).map(drop));
        });
    }),
    ("captured_output", || {
        let capture = Capture::new();
        grows(system().stdout(Output::Capture(capture.clone())), |guest| {
            let (address, length) = guest.put(&[b'x'; 1 << 20]);
            let iovec =
                guest.put(&[(address as u32).to_le_bytes(), (length as u32).to_le_bytes()].concat()).0;
            let ended =
                (0..1000).find_map(|_| guest.call("fd_write", &[1, iovec, 1, u64::from(RESULT)]).err());
            assert_eq!(ended, Some(crate::Stop::Limit(LimitKind::ControllerMemory.at(LIMIT)).into()));
        });
    }),
    ("zip_entries", || {
        // They do not pack well, so that there is much to read.
        let content: Vec<u8> =
            (0..1_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 27) as u8).collect();
        let archive = file(&zip_of(&[("one", &content, zip::CompressionMethod::Deflated)]));
        grows(system().mount(Mount::archive(archive.path(), "/data")), |guest| {
            made(guest, |guest, _| {
                let file = guest.open_to_read("/data/one")?;
                guest.read(file, 60_000).map(drop)
            });
        });
    }),
    ("zip_directory", || {
        let archive = file(&zip_of_names(60_000));
        refuses(system().controller_bytes(LIMIT / 2).mount(Mount::archive(archive.path(), "/data")));
    }),
];

fn system() -> SystemBuilder {
    System::builder().controller_bytes(LIMIT).file_bytes(FILES).file_count(1 << 20)
}

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("written");
    file
}

/// A zip of so many empty files with long names, made without what would be left to
/// be used again.
fn zip_of_names(count: u16) -> Vec<u8> {
    let (mut contents, mut directory) = (Vec::new(), Vec::new());
    for n in 0..count {
        let name = format!("{n:0>250}");
        let length = [250, 0, 0, 0];
        directory.extend([b"PK\x01\x02\x14\0\x14\0".as_slice(), &[0; 20], &length, &[0; 10]].concat());
        directory.extend((contents.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        contents.extend([b"PK\x03\x04\x14\0".as_slice(), &[0; 20], &length].concat());
        contents.extend(name.as_bytes());
    }
    let (at, size) = ((contents.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    let count = count.to_le_bytes();
    let end = [b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count, &size, &at, &[0; 2]].concat();
    [contents, directory, end].concat()
}

/// A tree with so many empty files.
fn lower(count: u32) -> MemoryTree {
    let tree = MemoryTree::new(Arc::new(Quota::new(1 << 30, 1 << 20)), 70, Arc::new(RealClock::new()));
    let root = tree.root();
    let (creation, permissions) = (Creation::New, 0o644);
    let options = OpenOptions { read: true, write: true, creation, truncate: false, permissions };
    for n in 0..count {
        root.open(n.to_string().as_bytes(), &options).expect("made");
    }
    tree
}

fn empty_file(guest: &mut FakeGuest, path: &str) -> Result<(), Errno> {
    let file = guest.open(path, 1)?;
    guest.close(file);
    Ok(())
}

fn missing(error: Errno) -> Result<(u64, u8, u64), Errno> {
    if error == Errno::NOENT { Ok((0, 0, 0)) } else { Err(error) }
}

/// Makes one after the other, until there is no more room for any.
fn made(guest: &mut FakeGuest, mut make: impl FnMut(&mut FakeGuest, u64) -> Result<(), Errno>) {
    match (0..1_000_000).find_map(|n| make(guest, n).err()) {
        Some(Errno::NOMEM | Errno::NOSPC | Errno::MFILE) => {}
        Some(Errno::BADF) if guest.system.open_descriptors() > 50 => {}
        other => panic!("it was not refused: {other:?}"),
    }
}

/// A directory with a path as long as there can be.
fn deep(guest: &mut FakeGuest) -> String {
    let mut path = "/tmp".to_owned();
    for _ in 0..15 {
        path.push_str(&format!("/{}", "d".repeat(250)));
        guest.on_path("path_create_directory", &path).expect("made");
    }
    path
}

/// Gives a file another name: one file has 65,000 at most.
fn linked(guest: &mut FakeGuest, n: u64, path: &str) -> Result<(), Errno> {
    let file = format!("/tmp/file{}", n / 60_000);
    if n.is_multiple_of(60_000) {
        empty_file(guest, &file)?;
    }
    guest.link(&file, path)
}

/// Bytes of this process that are its own.
fn size() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).expect("its size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

/// Tells how much the process grew by this, and how much of it was counted.
fn grows<T>(system: SystemBuilder, grow: impl FnOnce(&mut FakeGuest) -> T) {
    let mut guest = FakeGuest::new(system.build().expect("a system"));
    // The guest's own memory is there from the start.
    guest.memory.bytes.fill(1);
    let before = size();
    let kept = grow(&mut guest);
    let grown = size().saturating_sub(before);
    drop(kept);
    println!("\ngrew {grown} counted {}", guest.system.meter().peak());
}

/// Tells the same of a system that is not made.
fn refuses(system: SystemBuilder) {
    let before = size();
    let refused = system.build().err();
    let grown = size().saturating_sub(before);
    match refused {
        Some(SystemError::Archive { reason: crate::files::ArchiveError::Memory { limit }, .. }) => {
            println!("\ngrew {grown} counted {limit}");
        }
        other => panic!("{other:?}"),
    }
}

/// For [`the_controller_becomes_no_larger_than_it_counts`], in a process of its own.
#[test]
#[ignore = "the test below runs it for each way"]
fn one_way_to_grow() {
    let Ok(named) = std::env::var(WAY) else { return };
    let (_, grow) = WAYS.iter().find(|(name, _)| *name == named).expect("a way");
    grow();
}

#[test]
fn the_controller_becomes_no_larger_than_it_counts() {
    let mut wrong = Vec::new();
    for (name, _) in WAYS {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args(["--exact", "tests::growth::one_way_to_grow", "--ignored", "--nocapture"])
            .env(WAY, name);
        let output = command.output().expect("started");
        let text = String::from_utf8_lossy(&output.stdout);
        let told = text.lines().find_map(|line| line.strip_prefix("grew ")?.split_once(" counted "));
        let Some((grown, counted)) = told.filter(|_| output.status.success()) else {
            wrong.push(format!("{name}: {text}{}", String::from_utf8_lossy(&output.stderr)));
            continue;
        };
        let (grown, counted): (u64, u64) = (grown.parse().expect("bytes"), counted.parse().expect("bytes"));
        let allowed = (counted as f64 * FACTOR) as u64 + ONCE;
        let line = format!("{name}: grew by {grown}, counted {counted}");
        println!("{line}");
        if counted > LIMIT || grown > allowed {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
