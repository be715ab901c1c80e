//! Whether links that are made or moved stay within the mount, for the host's
//! programs that come across them: see [`leads_out`].

use super::listing;
use super::node::Node;
use super::step;
use crate::Errno;
use crate::files::links::leads_out;
use rustix::fs::FileType;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::Arc;

/// Directories above one that are looked at.
// BOUND: as deep as a walk goes, and some.
const DEPTH: usize = 8192;

/// Entries that are looked at in a directory that moves up.
const SEARCHED: usize = 1 << 16;

/// How many directories below the mount's root a directory lies: on the host, now,
/// whatever has been moved since it was walked to. EPERM if it is not below it any
/// more.
fn depth(node: &Arc<Node>) -> Result<usize, Errno> {
    let (at, mut identity) = (node.open()?, node.identity);
    let mut climbed = None;
    for depth in 0..DEPTH {
        if identity == node.mount.root {
            return Ok(depth);
        }
        let above = step::above(climbed.as_ref().map_or(at.as_fd(), std::os::fd::OwnedFd::as_fd))?;
        let found = step::identity(&rustix::fs::fstat(&above)?);
        if found == identity {
            break;
        }
        identity = found;
        climbed = Some(above);
    }
    Err(Errno::PERM)
}

/// EPERM if a symlink to `target` in this directory could lead out of the mount.
pub(super) fn check_target(node: &Arc<Node>, target: &[u8]) -> Result<(), Errno> {
    // Most lead nowhere up, and some wherever they lie.
    let leads_out = leads_out(0, target) && (leads_out(DEPTH, target) || leads_out(depth(node)?, target));
    if leads_out { Err(Errno::PERM) } else { Ok(()) }
}

/// Whether `name` may be moved from one directory to another: EPERM for a symlink
/// that could not be made there; EXDEV for a directory that takes such a symlink along,
/// so that programs copy it instead, one file after the other.
pub(super) fn check_rename(from: &Arc<Node>, name: &[u8], to: &Arc<Node>) -> Result<(), Errno> {
    let directory = from.open()?;
    match step::kind(&step::stat(directory.as_fd(), name)?) {
        FileType::Symlink => match step::target(directory.as_fd(), name)? {
            Some(target) => check_target(to, &target),
            None => Ok(()),
        },
        FileType::Directory if from.identity != to.identity => {
            let (before, after) = (depth(from)?, depth(to)?);
            // What led nowhere out from there does not from further down.
            let leads_out = || match any_leads_out(from.child(name)?, after + 1) {
                // What cannot be looked through may have one.
                Err(Errno::ACCES) => Ok(true),
                other => other,
            };
            if after >= before || !leads_out()? { Ok(()) } else { Err(Errno::XDEV) }
        }
        _ => Ok(()),
    }
}

/// Whether any symlink in a directory leads out if that lies at `depth`. Too many
/// entries to tell count as such.
fn any_leads_out(top: Arc<Node>, depth: usize) -> Result<bool, Errno> {
    let mut searched = 0;
    let mut found = false;
    // BOUND: SEARCHED, and each node is charged.
    let mut waiting = vec![(top, depth)];
    while let Some((node, depth)) = waiting.pop() {
        let mut directories = Vec::new();
        let directory = node.open()?;
        listing::each(&node, &mut |name, _, kind| {
            searched += 1;
            let kind = match kind {
                FileType::Unknown => step::kind(&step::stat(directory.as_fd(), name)?),
                kind => kind,
            };
            match kind {
                FileType::Directory => directories.push(Box::<[u8]>::from(name)),
                FileType::Symlink => {
                    let target = step::target(directory.as_fd(), name)?;
                    found = target.is_some_and(|target| leads_out(depth, &target));
                }
                _ => {}
            }
            found |= searched > SEARCHED;
            Ok(if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if found {
            return Ok(true);
        }
        for name in directories {
            waiting.push((node.child(&name)?, depth + 1));
        }
    }
    Ok(false)
}
