//! Which pages of its memory a guest has written to, as the system tells.

use crate::guest::MEMORY;
use crate::{Ending, EngineError, External, Program, Settings};
use bellglass_wire::{PAGE_BYTES, Pages, Usage};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes of the entry of one page in Linux's `/proc/self/pagemap`, and two bits of
/// it: the page is there, and it is of a file. See proc_pid_pagemap(5).
const ENTRY_BYTES: usize = 8;
const IS_THERE: u64 = 1 << 63;
const IS_OF_FILE: u64 = 1 << 61;

impl Program {
    /// Runs a fresh guest to its end, as [`run`](Self::run) does, and gives the pages
    /// of its memory that it has written to; none where the system does not tell.
    ///
    /// # Errors
    /// An [`EngineError`] if the guest cannot be started.
    pub fn run_and_see_pages(
        &self,
        settings: &Settings,
        external: Box<dyn External>,
    ) -> Result<(Ending, Usage, Vec<Pages>), EngineError> {
        let (mut store, instance, ending) = self.execute(&self.linked, settings, external)?;
        let usage = store.data().usage();
        let memory = instance.and_then(|instance| instance.get_memory(&mut store, MEMORY));
        let written = memory.map(|memory| written(memory.data(&store)));
        Ok((ending, usage, written.and_then(Result::ok).unwrap_or_default()))
    }
}

/// The pages of memory of this process that are copies of its own.
fn written(memory: &[u8]) -> std::io::Result<Vec<Pages>> {
    let first = memory.as_ptr() as usize / PAGE_BYTES;
    let mut entries = vec![0; memory.len() / PAGE_BYTES * ENTRY_BYTES];
    File::open("/proc/self/pagemap")?.read_exact_at(&mut entries, (first * ENTRY_BYTES) as u64)?;
    let mut found: Vec<Pages> = Vec::new();
    for (page, entry) in (0_u32..).zip(entries.chunks_exact(ENTRY_BYTES)) {
        let entry = entry.iter().rev().fold(0, |entry, &byte| entry << 8 | u64::from(byte));
        if entry & IS_THERE == 0 || entry & IS_OF_FILE != 0 {
            continue;
        }
        match found.last_mut() {
            Some(last) if last.first + last.count == page => last.count += 1,
            _ => found.push(Pages { first: page, count: 1 }),
        }
    }
    Ok(found)
}
