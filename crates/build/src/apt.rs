//! Where this machine gets Debian's packages from, as its own configuration of
//! apt says. A recipe names files by their path in the archive's pool, so a
//! machine behind a mirror uses its mirror, and no recipe names a mirror.

use std::fs;
use std::path::{Path, PathBuf};

/// The environment variable with the base address of a Debian mirror, which is
/// then used instead of those in apt's configuration.
pub const MIRROR_VARIABLE: &str = "BELLGLASS_DEBIAN_MIRROR";

/// Base addresses under which `pool/...` is found, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mirrors {
    /// Of the main archive.
    pub main: Vec<String>,
    /// Of the archive of security updates.
    pub security: Vec<String>,
}

impl Mirrors {
    /// The mirrors of this machine; none where there is no apt.
    pub fn of_this_machine() -> Self {
        let named = std::env::var(MIRROR_VARIABLE).ok().filter(|base| !base.trim().is_empty());
        match named {
            Some(base) => Self::at(&base),
            None => Self::in_configuration(Path::new("/etc/apt")),
        }
    }

    /// The one mirror that the user has named. Mirrors keep security updates
    /// beside the main archive, with this suffix.
    fn at(base: &str) -> Self {
        let base = base.trim().trim_end_matches('/').to_owned();
        Self { security: vec![format!("{base}-security"), base.clone()], main: vec![base] }
    }

    fn in_configuration(folder: &Path) -> Self {
        let mut mirrors = Self::default();
        // A file that cannot be read is one that apt could not read either; the
        // recipe's other addresses remain.
        if let Ok(text) = fs::read_to_string(folder.join("sources.list")) {
            mirrors.add_lines(&text);
        }
        for path in parts(&folder.join("sources.list.d")) {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("list") => mirrors.add_lines(&text),
                Some("sources") => mirrors.add_stanzas(&text),
                _ => {}
            }
        }
        mirrors
    }

    /// The format of one line for each source:
    /// `deb [option=value ...] address suite component...`
    fn add_lines(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            let Some(rest) = line.strip_prefix("deb").map(|rest| rest.strip_prefix("-src").unwrap_or(rest))
            else {
                continue;
            };
            if !rest.starts_with([' ', '\t']) {
                continue;
            }
            let rest = rest.trim_start();
            let rest = match rest.strip_prefix('[') {
                Some(options) => options.split_once(']').map_or("", |(_, rest)| rest),
                None => rest,
            };
            let mut words = rest.split_whitespace();
            if let (Some(address), Some(suite)) = (words.next(), words.next()) {
                self.add(address, suite);
            }
        }
    }

    /// The format of one stanza for each source, with fields over several lines.
    fn add_stanzas(&mut self, text: &str) {
        let mut fields: Vec<(String, String)> = Vec::new();
        // The empty line at the end closes the last stanza.
        for line in text.lines().chain([""]) {
            if line.starts_with('#') {
                continue;
            }
            if line.trim().is_empty() {
                self.add_stanza(&std::mem::take(&mut fields));
            } else if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push_str(line);
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim().to_ascii_lowercase(), value.to_owned()));
            }
        }
    }

    fn add_stanza(&mut self, fields: &[(String, String)]) {
        let field = |wanted: &str| {
            let found = fields.iter().find(|(name, _)| name == wanted);
            found.map_or("", |(_, value)| value.trim())
        };
        if ["no", "false", "0"].contains(&field("enabled").to_ascii_lowercase().as_str()) {
            return;
        }
        for address in field("uris").split_whitespace() {
            for suite in field("suites").split_whitespace() {
                self.add(address, suite);
            }
        }
    }

    fn add(&mut self, address: &str, suite: &str) {
        let Some(archive) = Archive::of_suite(suite) else { return };
        // `mirror+` and the like ask apt for a method that is not a plain fetch.
        if !address.starts_with("http://") && !address.starts_with("https://") {
            return;
        }
        let base = address.trim_end_matches('/').to_owned();
        let list = match archive {
            Archive::Main => &mut self.main,
            Archive::Security => &mut self.security,
        };
        if !list.contains(&base) {
            list.push(base);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Archive {
    Main,
    Security,
}

impl Archive {
    /// Which of Debian's archives has a suite, or `None` if it is not Debian's:
    /// the sources of other vendors do not have Debian's pool.
    fn of_suite(suite: &str) -> Option<Self> {
        const RELEASES: [&str; 15] = [
            "stretch",
            "buster",
            "bullseye",
            "bookworm",
            "trixie",
            "forky",
            "duke",
            "sid",
            "experimental",
            "stable",
            "oldstable",
            "oldoldstable",
            "testing",
            "unstable",
            "rc-buggy",
        ];
        let suite = suite.trim_end_matches('/');
        let (release, rest) = match suite.find(['-', '/']) {
            Some(end) if !RELEASES.contains(&suite) => suite.split_at(end),
            _ => (suite, ""),
        };
        match (RELEASES.contains(&release), rest) {
            (true, "-security" | "/updates") => Some(Self::Security),
            (true, "" | "-updates" | "-backports" | "-backports-sloppy" | "-proposed-updates") => {
                Some(Self::Main)
            }
            _ => None,
        }
    }
}

/// The files of a folder in the order in which apt reads them.
fn parts(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_apt_reads_them() {
        let mut mirrors = Mirrors::default();
        mirrors.add_lines(
            "# deb http://comment.example/debian bookworm main\n\
             deb http://one.example/debian/ bookworm main contrib # trailing\n\
             deb-src [ signed-by=/a/b arch=amd64 ] https://two.example/mirror trixie-updates main\n\
             deb [trusted=yes] http://three.example/debian-security bookworm-security main\n\
             deb http://one.example/debian bookworm-backports main\n\
             deb https://vendor.example/repo cloud-bookworm main\n\
             deb http://ubuntu.example/ubuntu noble main\n\
             deb file:/srv/debian bookworm main\n\
             debian http://no.example bookworm\n\
             deb\n\
             deb [unclosed http://no.example bookworm main\n",
        );
        assert_eq!(mirrors.main, ["http://one.example/debian", "https://two.example/mirror"]);
        assert_eq!(mirrors.security, ["http://three.example/debian-security"]);
    }

    #[test]
    fn stanzas_are_read_as_apt_reads_them() {
        let mut mirrors = Mirrors::default();
        mirrors.add_stanzas(
            "Types: deb\n\
             # a comment inside\n\
             URIs: http://one.example/debian\n\
             \x20http://two.example/debian\n\
             Suites: bookworm\n\
             \tbookworm-updates\n\
             Components: main\n\
             \n\
             Enabled: no\n\
             URIs: http://off.example/debian\n\
             Suites: bookworm\n\
             \n\n\
             uris: http://three.example/security\n\
             suites: bullseye/updates bookworm-security\n\
             Signed-By:\n\
             \x20-----BEGIN PGP PUBLIC KEY BLOCK-----\n\
             \x20.\n\
             \n\
             URIs: https://vendor.example/node\n\
             Suites: nodistro",
        );
        assert_eq!(mirrors.main, ["http://one.example/debian", "http://two.example/debian"]);
        assert_eq!(mirrors.security, ["http://three.example/security"]);
    }

    #[test]
    fn a_folder_of_parts_is_read_and_a_missing_one_is_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Mirrors::in_configuration(folder.path()), Mirrors::default());
        let parts = folder.path().join("sources.list.d");
        fs::create_dir(&parts).expect("made");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        write("sources.list", "deb http://a.example/debian sid main");
        write("sources.list.d/b.list", "deb http://b.example/debian sid main");
        write("sources.list.d/c.sources", "URIs: http://c.example/debian\nSuites: sid\n");
        write("sources.list.d/d.save", "deb http://d.example/debian sid main");
        write("sources.list.d/e.list", "\u{0}\u{7f}");
        let mirrors = Mirrors::in_configuration(folder.path());
        assert_eq!(
            mirrors.main,
            ["http://a.example/debian", "http://b.example/debian", "http://c.example/debian"]
        );
    }

    #[test]
    fn a_named_mirror_serves_both_archives() {
        let mirrors = Mirrors::at("http://m.example/debian/ ");
        assert_eq!(mirrors.main, ["http://m.example/debian"]);
        assert_eq!(mirrors.security, ["http://m.example/debian-security", "http://m.example/debian"]);
    }
}
