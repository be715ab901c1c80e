//! What is always so of a tree, whatever calls were made: for tests and fuzzing.

use super::tree::{Content, ROOT, entry_cost};
use super::{MemoryTree, lock};
use crate::files::pages::PAGE_BYTES;
use std::collections::{HashMap, HashSet};

impl MemoryTree {
    /// Checks everything, and panics at what is not so. `alone` says that no
    /// other tree shares the quota, which is then checked to the byte.
    ///
    /// # Panics
    /// When an invariant is broken.
    pub fn check_invariants(&self, alone: bool) {
        let tree = lock(&self.tree);
        let mut names: HashMap<u64, u64> = HashMap::new();
        let (mut bytes, mut files) = (0, 0);
        for (number, inode) in &tree.inodes {
            assert!(inode.links > 0 || inode.handles > 0, "inode {number} is held by nothing");
            bytes += inode.cost;
            bytes += inode.attributes.as_ref().map_or(0, |attributes| attributes.cost());
            files += u64::from(inode.cost > 0);
            if let Content::File(pages) = &inode.content {
                bytes += pages.count() * PAGE_BYTES as u64;
            }
            let Content::Directory(entries) = &inode.content else { continue };
            assert_eq!(entries.by_name.len(), entries.by_cookie.len(), "inode {number}: both maps");
            for (name, entry) in &entries.by_name {
                assert!(!name.is_empty() && name.len() <= 255 && !name.contains(&b'/') && !name.contains(&0));
                assert!(name[..] != *b"." && name[..] != *b"..");
                assert!(entry.cookie > 0 && entry.cookie < entries.next_cookie);
                assert_eq!(entries.by_cookie.get(&entry.cookie), Some(&(name.clone(), entry.inode)));
                assert!(entry.cost == 0 || entry.cost == entry_cost(name));
                bytes += entry.cost;
                *names.entry(entry.inode).or_default() += 1;
                let named = tree.inodes.get(&entry.inode).expect("an entry's inode is there");
                if let Content::Directory(child) = &named.content {
                    assert_eq!(child.parent, *number, "inode {}: its parent", entry.inode);
                }
            }
            assert!(
                inode.links > 0 || entries.by_name.is_empty(),
                "inode {number} is removed and holds names"
            );
        }
        for (number, inode) in &tree.inodes {
            let named = names.get(number).copied().unwrap_or(0);
            match &inode.content {
                Content::Directory(entries) => {
                    let expected = u64::from(*number != ROOT && inode.links > 0);
                    assert_eq!(named, expected, "directory {number}: its names");
                    let is_directory = |inode: &u64| tree.is_directory(*inode);
                    let below = entries.by_name.values().filter(|entry| is_directory(&entry.inode)).count();
                    if tree.lower.is_none() && inode.links > 0 {
                        assert_eq!(inode.links, 2 + below as u64, "directory {number}: its links");
                    }
                    // Every directory that has a name leads up to the root.
                    let (mut at, mut seen) = (*number, HashSet::new());
                    while at != ROOT && inode.links > 0 {
                        assert!(seen.insert(at), "directory {number} is within itself");
                        at = tree.entries(at).expect("a parent is a directory").parent;
                    }
                }
                // In a lower tree a file may have names that nobody has looked at.
                _ if inode.below.is_some() => assert!(named <= inode.links, "inode {number}: its links"),
                _ => assert_eq!(named, inode.links, "inode {number}: its links"),
            }
        }
        if alone {
            assert_eq!((tree.quota().used_bytes(), tree.quota().used_files()), (bytes, files), "the quota");
        }
    }
}
