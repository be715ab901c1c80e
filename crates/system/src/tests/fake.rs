//! A guest for tests and fuzzing: flat memory, and calls by name.
#![cfg_attr(fuzzing, allow(dead_code, reason = "fuzzing makes calls by their numbers only"))]

use crate::{Answer, Call, Ending, Errno, Memory, MemoryError, Row, System, Waiter};
use bellglass_wire::{Signature, range};
use std::sync::Arc;

/// Guest memory that is a plain vector.
pub(crate) struct FakeMemory {
    pub bytes: Vec<u8>,
}

impl FakeMemory {
    fn range(&self, address: u32, length: usize) -> Result<std::ops::Range<usize>, MemoryError> {
        let size = self.bytes.len() as u64;
        let outside = MemoryError::OutOfBounds { address, length: length as u64, size };
        range(self.bytes.len(), address, length).ok_or(outside)
    }
}

impl Memory for FakeMemory {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), MemoryError> {
        let range = self.range(address, into.len())?;
        into.copy_from_slice(&self.bytes[range]);
        Ok(())
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), MemoryError> {
        let range = self.range(address, bytes.len())?;
        self.bytes[range].copy_from_slice(bytes);
        Ok(())
    }

    fn allocate(&mut self, size: u32) -> Result<u32, MemoryError> {
        let address = u32::try_from(self.bytes.len()).map_err(|_| MemoryError::Exhausted { size })?;
        self.bytes.resize(self.bytes.len() + size as usize, 0);
        Ok(address)
    }

    fn free(&mut self, _address: u32) -> Result<(), MemoryError> {
        Ok(())
    }
}

/// The row of the call `name`, which may stand behind its module and a dot.
pub(crate) fn row(name: &str) -> &'static Row {
    let is_it = |row: &&Row| row.name() == name || row.signature.starts_with(&format!("{name}("));
    crate::rows().find(is_it).expect("a row of this name")
}

/// A guest that makes the calls that a test wants.
pub(crate) struct FakeGuest {
    pub system: System,
    pub memory: FakeMemory,
    pub waiter: Waiter,
    /// The signals that came with the last answer, a bit a number.
    pub signals: u64,
    next: u32,
}

/// Where a test has the results put that it reads back.
pub(crate) const RESULT: u32 = 64;

/// What stands for the working directory in a call of Linux.
pub(crate) const HERE: u64 = (-100i32).cast_unsigned() as u64;

impl FakeGuest {
    pub(crate) fn new(system: System) -> Self {
        let waiter = Waiter::new(None).expect("the host has descriptors");
        Self { system, memory: FakeMemory { bytes: vec![0; 4 << 20] }, waiter, signals: 0, next: 4096 }
    }

    /// Makes the call `name`: see [`row`].
    pub(crate) fn call(&mut self, name: &str, arguments: &[u64]) -> Result<Answer, Ending> {
        self.call_row(row(name), arguments)
    }

    fn call_of(&mut self, module: &str, name: &str, arguments: &[u64]) -> Result<Answer, Ending> {
        let path = format!("{module}.{name}(");
        let row = crate::rows().find(|row| row.signature.starts_with(&path));
        self.call_row(row.unwrap_or_else(|| panic!("no row is {path}")), arguments)
    }

    /// Makes the call of this row.
    pub(crate) fn call_row(&mut self, row: &Row, arguments: &[u64]) -> Result<Answer, Ending> {
        let name = row.name();
        let signature: Signature = row.signature.parse().expect("a signature");
        assert_eq!(signature.parameters.len(), arguments.len(), "{name}");
        let meter = Arc::clone(self.system.meter());
        let (memory, waiter) = (&mut self.memory, &self.waiter);
        let mut call = Call { signature: &signature, arguments, memory, waiter, meter: &meter };
        self.waiter.open_call(0, false);
        let answer = self.system.answer(&mut call);
        // This guest takes a signal as soon as it goes on.
        (_, self.signals) = self.waiter.close_call();
        answer
    }

    /// Makes a call of Linux, which returns a number, or an errno as one below 0: EINTR if
    /// the run was to end in it.
    pub(crate) fn linux(&mut self, name: &str, arguments: &[u64]) -> Result<u32, Errno> {
        match self.call_of("linux", name, arguments) {
            Ok(Answer::Return { results, errno: None }) => match results[0] as u32 as i32 {
                value @ 0.. => Ok(value.unsigned_abs()),
                errno => {
                    Err(Errno::from_number(errno.unsigned_abs() as u16).expect("a number that there is"))
                }
            },
            Err(Ending::Stop(_)) => Err(Errno::INTR),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Makes a WASI call, which returns an errno: EINTR if the run was to end in it.
    pub(crate) fn wasi(&mut self, name: &str, arguments: &[u64]) -> Result<(), Errno> {
        match self.call_of("wasi_snapshot_preview1", name, arguments) {
            Ok(Answer::Return { results, errno: None }) => match Errno::from_wasi(results[0] as u16) {
                None => Ok(()),
                Some(errno) => Err(errno),
            },
            Err(Ending::Stop(_)) => Err(Errno::INTR),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Puts bytes into memory and returns their address and length.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> (u64, u64) {
        if self.next as usize + bytes.len() + 16 > self.memory.bytes.len() {
            self.next = 4096;
        }
        let address = self.next;
        self.memory.write(address, bytes).expect("it fits");
        self.next += u32::try_from(bytes.len()).expect("it fits").next_multiple_of(8) + 8;
        (u64::from(address), bytes.len() as u64)
    }

    /// Puts a C string into memory.
    pub(crate) fn text(&mut self, text: &str) -> u64 {
        self.put(&[text.as_bytes(), b"\0"].concat()).0
    }

    pub(crate) fn get(&mut self, address: u32, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.memory.read(address, &mut bytes).expect("inside");
        bytes
    }

    pub(crate) fn get_u32(&mut self, address: u32) -> u32 {
        u32::from_le_bytes(self.get(address, 4).try_into().expect("four"))
    }

    pub(crate) fn get_u64(&mut self, address: u32) -> u64 {
        u64::from_le_bytes(self.get(address, 8).try_into().expect("eight"))
    }

    /// path_open with all rights.
    pub(crate) fn open(&mut self, path: &str, oflags: u64) -> Result<u64, Errno> {
        self.open_with(path, 1, oflags, u64::MAX, 0)
    }

    pub(crate) fn open_with(
        &mut self,
        path: &str,
        lookup: u64,
        oflags: u64,
        rights: u64,
        fdflags: u64,
    ) -> Result<u64, Errno> {
        let (address, length) = self.put(path.as_bytes());
        let result = u64::from(RESULT);
        self.wasi("path_open", &[3, lookup, address, length, oflags, rights, u64::MAX, fdflags, result])?;
        Ok(u64::from(self.get_u32(RESULT)))
    }

    /// Opens for reading only.
    pub(crate) fn open_to_read(&mut self, path: &str) -> Result<u64, Errno> {
        self.open_with(path, 1, 0, !(1 << 6), 0)
    }

    fn iovec(&mut self, address: u64, length: u64) -> u64 {
        let pair = [(address as u32).to_le_bytes(), (length as u32).to_le_bytes()].concat();
        self.put(&pair).0
    }

    pub(crate) fn write(&mut self, descriptor: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let (address, length) = self.put(bytes);
        let iovec = self.iovec(address, length);
        self.wasi("fd_write", &[descriptor, iovec, 1, u64::from(RESULT)])?;
        Ok(self.get_u32(RESULT) as usize)
    }

    pub(crate) fn read(&mut self, descriptor: u64, length: usize) -> Result<Vec<u8>, Errno> {
        let (address, _) = self.put(&vec![0; length]);
        let iovec = self.iovec(address, length as u64);
        self.wasi("fd_read", &[descriptor, iovec, 1, u64::from(RESULT)])?;
        let count = self.get_u32(RESULT) as usize;
        Ok(self.get(address as u32, count))
    }

    pub(crate) fn close(&mut self, descriptor: u64) {
        self.wasi("fd_close", &[descriptor]).expect("it is open");
    }

    /// A call on one path relative to the root.
    pub(crate) fn on_path(&mut self, name: &str, path: &str) -> Result<(), Errno> {
        let (address, length) = self.put(path.as_bytes());
        self.wasi(name, &[3, address, length])
    }

    /// The size, the type and the number of links of a path.
    pub(crate) fn stat(&mut self, path: &str, follow: bool) -> Result<(u64, u8, u64), Errno> {
        let (address, length) = self.put(path.as_bytes());
        self.wasi("path_filestat_get", &[3, u64::from(follow), address, length, u64::from(RESULT)])?;
        Ok((self.get_u64(RESULT + 32), self.get(RESULT + 16, 1)[0], self.get_u64(RESULT + 24)))
    }

    /// The permission bits of an absolute path.
    pub(crate) fn permissions(&mut self, path: &str) -> Result<u16, Errno> {
        let (text, (told, _)) = (self.text(path), self.put(&[0; 256]));
        self.linux("statx", &[HERE, text, 0, 2, told])?;
        let mode = self.get(told as u32 + 28, 2);
        Ok(u16::from_le_bytes(mode.try_into().expect("two")) & 0o7777)
    }

    pub(crate) fn symlink(&mut self, target: &str, path: &str) -> Result<(), Errno> {
        let (target, target_length) = self.put(target.as_bytes());
        let (path, length) = self.put(path.as_bytes());
        self.wasi("path_symlink", &[target, target_length, 3, path, length])
    }

    pub(crate) fn read_link(&mut self, path: &str) -> Result<String, Errno> {
        let (path, length) = self.put(path.as_bytes());
        let (buffer, room) = self.put(&[0; 5000]);
        self.wasi("path_readlink", &[3, path, length, buffer, room, u64::from(RESULT)])?;
        let count = self.get_u32(RESULT) as usize;
        Ok(String::from_utf8(self.get(buffer as u32, count)).expect("UTF-8"))
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        let (from, from_length) = self.put(from.as_bytes());
        let (to, to_length) = self.put(to.as_bytes());
        self.wasi("path_rename", &[3, from, from_length, 3, to, to_length])
    }

    pub(crate) fn link(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        let (from, from_length) = self.put(from.as_bytes());
        let (to, to_length) = self.put(to.as_bytes());
        self.wasi("path_link", &[3, 0, from, from_length, 3, to, to_length])
    }

    /// The names in a directory, without the dots, in the order they come.
    pub(crate) fn list(&mut self, path: &str) -> Result<Vec<String>, Errno> {
        let descriptor = self.open_with(path, 1, 2, !(1 << 6), 0)?;
        let names = self.list_from(descriptor, 0, 4096);
        self.close(descriptor);
        Ok(names?.into_iter().map(|(name, _)| name).filter(|name| name != "." && name != "..").collect())
    }

    /// The entries after a cookie, each with its own cookie.
    pub(crate) fn list_from(
        &mut self,
        descriptor: u64,
        cookie: u64,
        room: usize,
    ) -> Result<Vec<(String, u64)>, Errno> {
        let mut cookie = cookie;
        let mut found = Vec::new();
        loop {
            let (buffer, length) = self.put(&vec![0; room]);
            self.wasi("fd_readdir", &[descriptor, buffer, length, cookie, u64::from(RESULT)])?;
            let used = self.get_u32(RESULT) as usize;
            let bytes = self.get(buffer as u32, used);
            let mut rest = bytes.as_slice();
            let mut progress = false;
            while let Some((header, after)) = rest.split_at_checked(24) {
                let name_length = u32::from_le_bytes(header[16..20].try_into().expect("four")) as usize;
                let Some((name, after)) = after.split_at_checked(name_length) else { break };
                cookie = u64::from_le_bytes(header[..8].try_into().expect("eight"));
                found.push((String::from_utf8_lossy(name).into_owned(), cookie));
                progress = true;
                rest = after;
            }
            if used < room || !progress {
                return Ok(found);
            }
        }
    }
}

/// A system with nothing but what the builder gives every guest.
pub(crate) fn guest() -> FakeGuest {
    FakeGuest::new(System::builder().build().expect("a system"))
}
