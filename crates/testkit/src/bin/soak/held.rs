//! What the process holds.

use super::ALLOCATOR;
use std::fs;

/// Descriptors and threads that may be held at one rest and not at another: those of
/// the image that was used last, which is kept until another is.
const KEPT: usize = 4;

/// What this process holds of the system's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub heap_bytes: usize,
    pub resident_bytes: usize,
    pub descriptors: usize,
    pub threads: usize,
    pub children: usize,
    pub temporary_files: usize,
}

impl Held {
    pub(crate) fn now() -> Self {
        let count = |path: &str| fs::read_dir(path).map_or(0, Iterator::count);
        let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let children = |task: fs::DirEntry| {
            let list = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            list.split_whitespace().count()
        };
        Self {
            heap_bytes: ALLOCATOR.allocated(),
            resident_bytes: resident_bytes(),
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            children: tasks.map(children).sum(),
            temporary_files: fs::read_dir(std::env::temp_dir()).map_or(0, Iterator::count),
        }
    }

    /// The larger of each.
    pub(crate) fn and(self, other: &Self) -> Self {
        Self {
            heap_bytes: self.heap_bytes.max(other.heap_bytes),
            resident_bytes: self.resident_bytes.max(other.resident_bytes),
            descriptors: self.descriptors.max(other.descriptors),
            threads: self.threads.max(other.threads),
            children: self.children.max(other.children),
            temporary_files: self.temporary_files.max(other.temporary_files),
        }
    }

    /// Of what can be counted; bytes never are the same twice.
    pub(crate) fn holds_no_more_than(&self, other: &Self) -> bool {
        self.descriptors <= other.descriptors + KEPT
            && self.threads <= other.threads + KEPT
            && self.children <= other.children
            && self.temporary_files <= other.temporary_files
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mebibytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        write!(
            formatter,
            "{:.2} MiB of heap, {:.1} MiB resident, {} descriptors, {} threads, {} children, {} files",
            mebibytes(self.heap_bytes),
            mebibytes(self.resident_bytes),
            self.descriptors,
            self.threads,
            self.children,
            self.temporary_files
        )
    }
}

fn resident_bytes() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size()
}
