//! One directory of the host: where it is in the mount, and a handle of it as long
//! as that is kept.

use super::mount::Mount;
use super::step;
use crate::Errno;
use crate::files::handles::{For, Kept, Permit};
use crate::meter::Charge;
use crate::pieces::Steps;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Bytes that a node takes, with the longest name: it may be renamed.
const NODE_BYTES: u64 = 640;

/// An open directory of the host.
pub(super) struct Handle {
    descriptor: OwnedFd,
    /// None for the root's, and for one that lasts as long as a call.
    permit: Option<Permit>,
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// The host's device and inode number of a file.
pub(super) type Identity = (u64, u64);

/// Where a node is.
enum Position {
    /// It is the mount's root, which is always held.
    Root(Arc<Handle>),
    Below {
        way: Mutex<Way>,
        kept: Mutex<Option<Arc<Handle>>>,
        used: AtomicBool,
        _charge: Charge,
    },
}

/// By which name it is found again.
struct Way {
    /// `None` only while it is dropped. There is never a circle.
    parent: Option<Arc<Node>>,
    name: Box<[u8]>,
}

fn lock(way: &Mutex<Way>) -> MutexGuard<'_, Way> {
    way.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A directory of a mount. It stays what it is wherever it is moved to, as long as it is
/// kept open. Then it is looked for where it was found, or where this run has renamed it
/// to, one name at a time from what is still open, and ESTALE is the answer if another
/// one, or none, is there.
pub(super) struct Node {
    pub(super) mount: Arc<Mount>,
    pub(super) identity: Identity,
    position: Position,
}

impl Drop for Node {
    /// One after the other: they are as many as the guest likes, and the stack is not.
    fn drop(&mut self) {
        let mut above = self.take_parent();
        while let Some(mut node) = above.and_then(Arc::into_inner) {
            above = node.take_parent();
        }
    }
}

impl Node {
    /// The root of a mount.
    pub(super) fn root(mount: Arc<Mount>, descriptor: OwnedFd) -> Arc<Self> {
        let identity = mount.root;
        let handle = Arc::new(Handle { descriptor, permit: None });
        Arc::new(Self { mount, identity, position: Position::Root(handle) })
    }

    fn take_parent(&mut self) -> Option<Arc<Self>> {
        match &mut self.position {
            Position::Root(_) => None,
            Position::Below { way, .. } => {
                way.get_mut().unwrap_or_else(PoisonError::into_inner).parent.take()
            }
        }
    }

    /// The directory `name` in this one.
    ///
    /// # Errors
    /// ENOTDIR or ELOOP for what is no directory, EACCES for one of the kernel's, and
    /// what the host says.
    pub(super) fn child(self: &Arc<Self>, name: &[u8]) -> Result<Arc<Self>, Errno> {
        let above = self.open()?;
        let charge = self.mount.meter.hold(NODE_BYTES)?;
        let permit = self.mount.handles.take(For::Directory).ok();
        let descriptor = step::directory(above.as_fd(), name)?;
        let identity = step::identity(&rustix::fs::fstat(&descriptor)?);
        self.mount.check_crossing(self.identity.0, identity.0, descriptor.as_fd())?;
        let is_kept = permit.is_some();
        let handle = Arc::new(Handle { descriptor, permit });
        let node = Arc::new(Self {
            mount: Arc::clone(&self.mount),
            identity,
            position: Position::Below {
                way: Mutex::new(Way { parent: Some(Arc::clone(self)), name: name.into() }),
                kept: Mutex::new(is_kept.then_some(handle)),
                used: AtomicBool::new(false),
                _charge: charge,
            },
        });
        if is_kept {
            self.mount.handles.keep(weak(&node));
        }
        Ok(node)
    }

    /// The directory that it was found in, and its name there; nothing for the root.
    fn way(&self) -> Option<(Arc<Self>, Box<[u8]>)> {
        let Position::Below { way, .. } = &self.position else { return None };
        let way = lock(way);
        way.parent.clone().map(|parent| (parent, way.name.clone()))
    }

    /// Notes that this run has renamed it.
    pub(super) fn renamed(self: &Arc<Self>, parent: &Arc<Self>, name: &[u8]) {
        let Position::Below { way, .. } = &self.position else { return };
        let mut above = Some(Arc::clone(parent));
        // BOUND: as many steps as the tree is deep, of which each is charged.
        while let Some(at) = above {
            // It lies there by what is known here: others have moved what is between.
            if Arc::ptr_eq(&at, self) {
                return;
            }
            above = at.way().map(|(parent, _)| parent);
        }
        let new = Way { parent: Some(Arc::clone(parent)), name: name.into() };
        let before = std::mem::replace(&mut *lock(way), new);
        drop(before);
    }

    /// The handle, if it is held.
    fn held(&self) -> Option<Arc<Handle>> {
        match &self.position {
            Position::Root(handle) => Some(Arc::clone(handle)),
            Position::Below { kept, .. } => kept.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Opens it again if it was let go.
    pub(super) fn open(self: &Arc<Self>) -> Result<Arc<Handle>, Errno> {
        if let Position::Below { used, .. } = &self.position {
            used.store(true, Ordering::Relaxed);
        }
        match self.held() {
            Some(handle) => Ok(handle),
            None => self.walk_again(),
        }
    }

    #[cold]
    fn walk_again(self: &Arc<Self>) -> Result<Arc<Handle>, Errno> {
        let mut below = Vec::new();
        let mut node = Arc::clone(self);
        // BOUND: both loops take as many steps as the directory is deep, of which each is
        // charged, and hold two handles at a time.
        let mut handle = loop {
            let (parent, name) = node.way().ok_or(Errno::STALE)?;
            let held = parent.held();
            below.push((node, Arc::clone(&parent), name));
            match held {
                Some(handle) => break handle,
                None => node = parent,
            }
        };
        let mut steps = Steps::default();
        while let Some((node, parent, name)) = below.pop() {
            steps.step()?;
            let is_last = below.is_empty();
            let permit = is_last.then(|| self.mount.handles.take(For::Directory).ok()).flatten();
            let descriptor = step::directory(handle.as_fd(), &name).map_err(|errno| match errno {
                Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Errno::STALE,
                other => other,
            })?;
            let identity = step::identity(&rustix::fs::fstat(&descriptor)?);
            if identity != node.identity {
                return Err(Errno::STALE);
            }
            self.mount.check_crossing(parent.identity.0, identity.0, descriptor.as_fd())?;
            handle = Arc::new(Handle { descriptor, permit });
        }
        if handle.permit.is_some()
            && let Position::Below { kept, .. } = &self.position
        {
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&handle));
            self.mount.handles.keep(weak(self));
        }
        Ok(handle)
    }
}

fn weak(node: &Arc<Node>) -> Weak<dyn Kept> {
    let weak: Weak<Node> = Arc::downgrade(node);
    weak
}

impl Kept for Node {
    fn was_used(&self) -> bool {
        match &self.position {
            Position::Root(_) => false,
            Position::Below { used, .. } => used.swap(false, Ordering::Relaxed),
        }
    }

    fn let_go(&self) {
        if let Position::Below { kept, .. } = &self.position {
            let handle = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(handle);
        }
    }
}
