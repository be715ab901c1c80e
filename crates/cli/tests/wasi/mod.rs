//! WASI preview 1 to the letter: what its document says of each call, made by a module
//! that does what it is told. The directory `data` of the host is all that it sees.

mod descriptors;
mod files;
mod machine;
mod module;
mod paths;

use crate::harness::Scratch;
use module::{Module, RESULT, ROOM};
use std::path::PathBuf;

/// The document's numbers of errors.
mod errno {
    pub const ACCES: u16 = 2;
    pub const BADF: u16 = 8;
    pub const EXIST: u16 = 20;
    pub const FAULT: u16 = 21;
    pub const FBIG: u16 = 22;
    pub const INVAL: u16 = 28;
    pub const ISDIR: u16 = 31;
    pub const LOOP: u16 = 32;
    pub const NAMETOOLONG: u16 = 37;
    pub const NOENT: u16 = 44;
    pub const NOTDIR: u16 = 54;
    pub const NOTEMPTY: u16 = 55;
    pub const NOTSOCK: u16 = 57;
    pub const NOTSUP: u16 = 58;
    pub const PERM: u16 = 63;
    pub const SPIPE: u16 = 70;
    pub const NOTCAPABLE: u16 = 76;
}

/// The document's rights.
mod rights {
    pub const FD_READ: u64 = 1 << 1;
    pub const FD_SEEK: u64 = 1 << 2;
    pub const FD_TELL: u64 = 1 << 5;
    pub const FD_WRITE: u64 = 1 << 6;
    pub const PATH_CREATE_FILE: u64 = 1 << 10;
    pub const FD_READDIR: u64 = 1 << 14;
    pub const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub const FD_FILESTAT_GET: u64 = 1 << 21;
    pub const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    pub const POLL_FD_READWRITE: u64 = 1 << 27;
    /// All that names files: from making directories to removing files.
    pub const PATHS: u64 = ((1 << 27) - (1 << 9)) & !(FD_FILESTAT_SET_SIZE);
    /// What a file may be asked for.
    pub const FILE: u64 = ((1 << 9) - 1) | FD_FILESTAT_GET | FD_FILESTAT_SET_SIZE | FD_FILESTAT_SET_TIMES;
}

/// Flags of `path_open`.
mod open {
    pub const CREAT: u64 = 1;
    pub const DIRECTORY: u64 = 2;
    pub const EXCL: u64 = 4;
    pub const TRUNC: u64 = 8;
}

/// Whether a symlink at the end of a path is followed.
const FOLLOW: u64 = 1;

/// The one directory that is open from the start.
const ROOT: u32 = 3;

/// What a file or directory may be.
const DIRECTORY: u8 = 3;
const REGULAR: u8 = 4;
const SYMLINK: u8 = 7;

/// A place whose directory `data` is the whole tree of a module.
struct Tree {
    place: Scratch,
    module: Module,
}

impl Tree {
    fn new() -> Self {
        Self::with(&[], |_| {})
    }

    /// With these options, and what `fill` puts into the directory before.
    fn with(options: &[&str], fill: impl FnOnce(&std::path::Path)) -> Self {
        let place = Scratch::new();
        let data = place.work().join("data");
        std::fs::create_dir(&data).expect("a folder");
        fill(&data);
        let options = [&["--dir", "data:/:rw"], options].concat();
        let module = Module::start(&place, &options, &[]);
        Self { place, module }
    }

    /// Where something of the tree is on the host.
    fn host(&self, name: &str) -> PathBuf {
        self.place.work().join("data").join(name)
    }

    /// `path_open`, and the descriptor or the errno.
    fn open(
        &mut self,
        directory: u32,
        path: &str,
        lookup: u64,
        flags: u64,
        rights: u64,
        inheriting: u64,
    ) -> Result<u32, u16> {
        let [address, length] = self.module.path(0, path);
        let arguments =
            [directory.into(), lookup, address, length, flags, rights, inheriting, 0, RESULT.into()];
        match self.module.call("path_open", &arguments) {
            0 => Ok(self.module.get_u32(RESULT)),
            errno => Err(errno),
        }
    }

    /// Makes a file, or takes the one that is there, with these rights.
    #[track_caller]
    fn file(&mut self, path: &str, rights: u64) -> u32 {
        self.open(ROOT, path, 0, open::CREAT, rights, 0).expect("a file")
    }

    /// Opens a directory with all rights that it can have.
    #[track_caller]
    fn directory(&mut self, path: &str) -> u32 {
        self.open(ROOT, path, 0, open::DIRECTORY, rights::PATHS, rights::PATHS | rights::FILE)
            .expect("a directory")
    }

    #[track_caller]
    fn make(&mut self, directory: &str) {
        assert_eq!(self.on("path_create_directory", directory), 0, "{directory}");
    }

    /// A call with nothing but a path in the root.
    #[must_use]
    fn on(&mut self, name: &str, path: &str) -> u16 {
        self.module.on_path(name, ROOT, path, &[])
    }

    /// A call with a path in each of two directories, as `path_rename` has it.
    #[must_use]
    fn both(&mut self, name: &str, from: (u32, &str), to: (u32, &str)) -> u16 {
        let (old, new) = (self.module.path(0, from.1), self.module.path(1, to.1));
        let mut arguments = vec![from.0.into()];
        if name == "path_link" {
            arguments.push(0);
        }
        arguments.extend(old);
        arguments.push(to.0.into());
        arguments.extend(new);
        self.module.call(name, &arguments)
    }

    #[must_use]
    fn symlink(&mut self, target: &str, path: &str) -> u16 {
        let (target, path) = (self.module.path(0, target), self.module.path(1, path));
        self.module.call("path_symlink", &[&target[..], &[ROOT.into()], &path].concat())
    }

    /// `path_filestat_get`: what it is, its size and when it was changed.
    fn look(&mut self, path: &str, lookup: u64) -> Result<Stat, u16> {
        let [address, length] = self.module.path(0, path);
        match self.module.call("path_filestat_get", &[ROOT.into(), lookup, address, length, ROOM.into()]) {
            0 => Ok(self.stat()),
            errno => Err(errno),
        }
    }

    /// The `filestat` that a call has written.
    fn stat(&mut self) -> Stat {
        let bytes = self.module.get(ROOM, 64);
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        Stat {
            device: number(0),
            inode: number(8),
            file_type: bytes[16],
            links: number(24),
            size: number(32),
            accessed: number(40),
            modified: number(48),
        }
    }

    /// What an open descriptor is, and its flags and rights: those for itself, and those for
    /// what is opened by way of it.
    fn state(&mut self, descriptor: u32) -> Result<(u8, u16, u64, u64), u16> {
        match self.module.call("fd_fdstat_get", &[descriptor.into(), ROOM.into()]) {
            0 => {
                let bytes = self.module.get(ROOM, 24);
                let number =
                    |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
                Ok((bytes[0], u16::from_le_bytes([bytes[2], bytes[3]]), number(8), number(16)))
            }
            errno => Err(errno),
        }
    }

    /// `fd_write` and its like: with a position for the one that takes one.
    fn write(&mut self, descriptor: u32, bytes: &[u8], position: Option<u64>) -> Result<u32, u16> {
        self.module.put(ROOM, bytes);
        self.move_bytes(
            if position.is_some() { "fd_pwrite" } else { "fd_write" },
            descriptor,
            bytes.len(),
            position,
        )
    }

    fn read(&mut self, descriptor: u32, length: usize, position: Option<u64>) -> Result<Vec<u8>, u16> {
        let name = if position.is_some() { "fd_pread" } else { "fd_read" };
        let count = self.move_bytes(name, descriptor, length, position)?;
        Ok(self.module.get(ROOM, count as usize))
    }

    fn move_bytes(
        &mut self,
        name: &str,
        descriptor: u32,
        length: usize,
        position: Option<u64>,
    ) -> Result<u32, u16> {
        let pair = [ROOM.to_le_bytes(), (length as u32).to_le_bytes()].concat();
        self.module.put(RESULT + 16, &pair);
        let mut arguments = vec![descriptor.into(), (RESULT + 16).into(), 1];
        arguments.extend(position);
        arguments.push(RESULT.into());
        match self.module.call(name, &arguments) {
            0 => Ok(self.module.get_u32(RESULT)),
            errno => Err(errno),
        }
    }

    fn seek(&mut self, descriptor: u32, offset: i64, whence: u64) -> Result<u64, u16> {
        let arguments = [descriptor.into(), offset as u64, whence, RESULT.into()];
        match self.module.call("fd_seek", &arguments) {
            0 => Ok(self.module.get_u64(RESULT)),
            errno => Err(errno),
        }
    }

    #[must_use]
    fn close(&mut self, descriptor: u32) -> u16 {
        self.module.call("fd_close", &[descriptor.into()])
    }
}

/// What a file is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stat {
    device: u64,
    inode: u64,
    file_type: u8,
    links: u64,
    size: u64,
    accessed: u64,
    modified: u64,
}
