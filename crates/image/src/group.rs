//! Groups that nobody but this user is in.
//!
//! Debian and Fedora give each user a group of their own and a umask of 0002 with it:
//! what such a user makes, cargo's builds too, may be written by that group, and so by
//! nobody else. (Debian's OpenSSH takes such files for the same reason.)

use rustix::process::geteuid;
use std::fs;

/// Where the accounts of this machine are. Those of a directory service are not asked
/// for: that would load code and wait for a network, and who else is in a group of
/// theirs could not be told. To such a group anybody may belong.
const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// Whether nobody but the user of this process is in a group.
pub(crate) fn is_private(group: u32) -> bool {
    match (fs::read_to_string(USERS), fs::read_to_string(GROUPS)) {
        (Ok(users), Ok(groups)) => is_only_of(geteuid().as_raw(), group, &users, &groups),
        _ => false,
    }
}

/// The same for the user with this number, by the texts of the two files.
fn is_only_of(own: u32, group: u32, users: &str, groups: &str) -> bool {
    let number = |field: Option<&str>| field.and_then(|field| field.parse::<u32>().ok());
    // Name, password, user, group, and so on.
    let users = || users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let is_own =
        |name: &str| users().any(|user| user[0] == name && number(user.get(2).copied()) == Some(own));
    // Root's is what processes without an account have, in containers for instance.
    if group == 0 {
        return false;
    }
    // Name, password, group, members.
    let mut is_a_group = false;
    for line in groups.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if number(fields.get(2).copied()) == Some(group) {
            let mut members = fields.get(3).copied().unwrap_or_default().split(',').map(str::trim);
            if !members.all(|member| member.is_empty() || is_own(member)) {
                return false;
            }
            is_a_group = true;
        }
    }
    let mut first = users().filter(|user| number(user.get(3).copied()) == Some(group)).peekable();
    // A group that is nobody's first one is there to be given to programs.
    is_a_group && first.peek().is_some() && first.all(|user| number(user.get(2).copied()) == Some(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh
ann:x:1000:1000::/home/ann:/bin/sh
bob:x:1001:1001::/home/bob:/bin/sh
cid:x:1002:1001::/home/cid:/bin/sh
dan:x:1003:100::/home/dan:/bin/sh
broken line
eve:x:1004:1004::/home/eve:/bin/sh
";

    const GROUPS: &str = "root:x:0:
users:x:100:
ann:x:1000:
bob:x:1001:
team:x:50:ann,bob
mail:x:8:
eve:x:1004:eve,bob
again:x:1005
";

    #[test]
    fn a_group_is_private_if_only_its_user_is_in_it() {
        let is_private = |user, group| is_only_of(user, group, USERS, GROUPS);
        assert!(is_private(1000, 1000));
        assert!(is_only_of(1000, 1000, USERS, "ann:x:1000:ann"), "who is named as well");
        assert!(is_private(1003, 100), "no name is needed");
        for (user, group, why) in [
            (1001, 1000, "another user's"),
            (1001, 1001, "it is the first group of another user, too"),
            (1000, 50, "another user is a member"),
            (1004, 1004, "another user is a member of the user's own"),
            (1000, 8, "it is nobody's first group"),
            (1000, 1005, "it is nobody's first group"),
            (1000, 4242, "no such group is known"),
            (0, 0, "root's"),
        ] {
            assert!(!is_private(user, group), "{user} {group}: {why}");
        }
        assert!(!is_only_of(1000, 1000, USERS, ""), "a group of a directory service");
        assert!(!is_only_of(1000, 1000, USERS, "ann:x:1000:\nalso:x:1000:bob"), "by its second name");
    }
}
