//! A pinned source: one file from outside, known by its digest.

use bellglass_image::Sha256Digest;
use serde::Deserialize;

/// A file that a build needs, and where to look for it. Whatever the address,
/// only the bytes with this digest are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What the scripts know it by: the folder into which it is unpacked.
    pub name: String,
    /// What to call the download; its end says what kind of archive it is.
    pub file: String,
    /// The digest that it must have.
    pub sha256: Sha256Digest,
    /// Its length.
    pub size: u64,
    /// Its path below the base address of Debian's archive.
    pub debian: Option<String>,
    /// Whether `debian` is a path in the archive of security updates.
    #[serde(default)]
    pub security: bool,
    /// Other addresses, in order.
    #[serde(default)]
    pub urls: Vec<String>,
    /// The name and version under which PyPI has it, if it is a wheel:
    /// `name==version`.
    pub pypi: Option<String>,
}

/// A package of a toolchain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// Its path below the base address of Debian's archive.
    pub debian: String,
    /// Whether that is a path in the archive of security updates.
    #[serde(default)]
    pub security: bool,
    /// Other addresses, in order.
    #[serde(default)]
    pub urls: Vec<String>,
    /// The digest that it must have.
    pub sha256: Sha256Digest,
    /// Its length.
    pub size: u64,
    /// Whether another build of the package serves as well, should the pinned
    /// one have been replaced in the archive: then the one that this machine's
    /// apt offers, and has verified, is taken.
    #[serde(default)]
    pub movable: bool,
}

impl Package {
    /// The package as a source that is fetched.
    pub fn source(&self) -> Source {
        let file = self.debian.rsplit('/').next().unwrap_or_default();
        Source {
            name: self.name.clone(),
            file: file.to_owned(),
            sha256: self.sha256,
            size: self.size,
            debian: Some(self.debian.clone()),
            security: self.security,
            urls: self.urls.clone(),
            pypi: None,
        }
    }
}

impl Source {
    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        for text in [&self.name, &self.file] {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte);
            if text.is_empty() || text.len() > 200 || text.starts_with(['.', '-']) || !text.bytes().all(plain)
            {
                return Err(format!("'{text}' cannot be the name of a source or of its file"));
            }
        }
        if self.debian.is_none() && self.urls.is_empty() && self.pypi.is_none() {
            return Err(format!("the source '{}' has no address: give it debian, pypi or urls", self.name));
        }
        if let Some(requirement) = &self.pypi
            && (requirement.starts_with('-') || !requirement.contains("=="))
        {
            return Err(format!("'{requirement}' does not pin a package: write name==version"));
        }
        if self.pypi.is_some() && !self.file.ends_with(".whl") {
            return Err(format!(
                "'{}' is no wheel, and pip runs the build of anything else before it is checked: give debian or urls",
                self.file
            ));
        }
        Ok(())
    }
}
