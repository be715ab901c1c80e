//! Whether a change may be written: nobody else has changed there what the program
//! has changed.

use super::super::{Change, ChangeKind, SeenDirectory, Source, Version, open_to_read};
use super::{Target, split};
use crate::Errno;
use crate::files::links::leads_out;
use crate::files::memory::{digest_of, identity, lock};
use crate::files::{Directory, FileType, Found, Metadata};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Whether the content is read again, or only the metadata.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Thorough {
    Yes,
    No,
}

impl Target<'_> {
    /// A directory, which must be the one that was seen there.
    pub(super) fn seen_directory(
        &mut self,
        path: &[u8],
        seen: SeenDirectory,
    ) -> Result<Arc<dyn Directory>, String> {
        let directory = self.way.directory(path).map_err(|errno| match errno {
            Errno::NOENT => "its directory is gone".to_owned(),
            Errno::NOTDIR => "its directory has become something else".to_owned(),
            errno => format!("its directory cannot be opened: {errno}"),
        })?;
        let expected = match &lock(&self.tree.tree).lower {
            Some(lower) => lower.identity(seen),
            None => Err(Errno::STALE),
        };
        let found = directory.metadata().map(|metadata| identity(&metadata));
        if found.is_ok() && found == expected {
            Ok(directory)
        } else {
            Err("its directory has been replaced by another".to_owned())
        }
    }

    /// Whether the change may be written; if not, why.
    pub(super) fn verify(&mut self, change: &Change, thorough: Thorough) -> Result<(), String> {
        if change.after.as_ref().is_some_and(|after| !can_be_made(after.file_type))
            && change.kind != ChangeKind::Attributes
        {
            return Err("it is neither a file nor a directory nor a symlink".to_owned());
        }
        let (parent, name) = split(&change.path);
        if let Some(target) = change.after.as_ref().and_then(|after| after.target.as_deref()) {
            // To the host's programs it would mean what the program has not seen.
            let depth = parent.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).count();
            if leads_out(depth, target) {
                return Err("it is a symlink that leads out of the directory".to_owned());
            }
        }
        if name.is_empty() {
            // The root itself, of which only the attributes can be others.
            return match self.way.root().space() {
                Ok(space) if !space.read_only => Ok(()),
                _ => Err("what lies beneath cannot be written to".to_owned()),
            };
        }
        // What lies in a new directory is as new as that.
        let Some(seen) = change.parent else { return Ok(()) };
        let directory = self.seen_directory(parent, seen)?;
        if directory.space().is_ok_and(|space| space.read_only) {
            return Err("what lies beneath cannot be written to".to_owned());
        }
        let Some(before) = &change.before else {
            return match directory.metadata_of(name) {
                Err(Errno::NOENT) => Ok(()),
                Ok(_) => Err("something else has been made at its name".to_owned()),
                Err(errno) => Err(format!("its name cannot be looked at: {errno}")),
            };
        };
        let now = directory.metadata_of(name).map_err(|errno| match errno {
            Errno::NOENT => "it is gone".to_owned(),
            errno => format!("it cannot be looked at: {errno}"),
        })?;
        self.unchanged(before, &now, directory.as_ref(), name, thorough)?;
        match (&before.source, &change.after) {
            (Source::Below { directory: Some(seen), .. }, after)
                if after.as_ref().is_none_or(|after| after.file_type != FileType::Directory) =>
            {
                self.nothing_new(&change.path, *seen)
            }
            // Its attributes are written last, when all else is: by then it must not
            // be one of the kernel's own.
            (Source::Below { directory: Some(_), .. }, _) => {
                let opened = self.way.directory(&change.path);
                opened.map(drop).map_err(|errno| format!("it cannot be opened: {errno}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether what is there is what was there, or is so by what was written.
    pub(super) fn unchanged(
        &self,
        before: &Version,
        now: &Metadata,
        directory: &dyn Directory,
        name: &[u8],
        thorough: Thorough,
    ) -> Result<(), String> {
        let Source::Below { metadata, digest, .. } = &before.source else { return Ok(()) };
        if identity(now) == identity(metadata) && self.attributed.contains(&identity(now)) {
            return Ok(());
        }
        let other = || Err("somebody else has changed it meanwhile".to_owned());
        if now.file_type != metadata.file_type || identity(now) != identity(metadata) {
            return Err("something else has taken its place meanwhile".to_owned());
        }
        if now.permissions != metadata.permissions {
            return other();
        }
        match now.file_type {
            FileType::Directory => return Ok(()),
            FileType::SymbolicLink => {
                return match directory.lookup(name) {
                    Ok(Found::Symlink(target)) if Some(&target) == before.target.as_ref() => Ok(()),
                    _ => other(),
                };
            }
            _ => {}
        }
        let stamp = |metadata: &Metadata| (metadata.size, metadata.modified);
        if stamp(now) != stamp(metadata) {
            return other();
        }
        // Once writing has begun, what was done to one name of a file has moved this
        // time of its others.
        if thorough == Thorough::Yes && now.changed != metadata.changed {
            return other();
        }
        // Two changes within a tick of the host's clock leave the same stamp.
        if let (Some(digest), Thorough::Yes) = (digest, thorough) {
            let read = open_to_read(directory, name).and_then(|file| digest_of(file.as_ref(), now.size));
            if read != Ok(*digest) {
                return other();
            }
        }
        Ok(())
    }

    /// A directory that is to be removed may hold only what was there.
    fn nothing_new(&mut self, path: &[u8], seen: SeenDirectory) -> Result<(), String> {
        let directory = self.seen_directory(path, seen)?;
        self.way.leave();
        let tree = lock(&self.tree.tree);
        let known = tree.lower.as_ref().and_then(|lower| lower.seen(seen).ok());
        let mut new = None;
        let listed = directory.entries(0, &mut |entry| match known {
            Some(known) if known.contains_key(entry.name) => ControlFlow::Continue(()),
            _ => {
                new = Some(entry.name.escape_ascii().to_string());
                ControlFlow::Break(())
            }
        });
        match (listed, new) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(name)) => Err(format!("'{name}' has been made in it")),
            (Err(errno), _) => Err(format!("it cannot be read: {errno}")),
        }
    }
}

fn can_be_made(file_type: FileType) -> bool {
    matches!(file_type, FileType::Directory | FileType::RegularFile | FileType::SymbolicLink)
}
