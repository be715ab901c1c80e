//! One download over HTTP. Proxies come from the usual environment variables
//! and trusted certificates from the operating system, so `SSL_CERT_FILE` and a
//! company's own certificate authority work.

use bellglass_image::{DigestWriter, Sha256Digest};
use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;
use ureq::tls::{RootCerts, TlsConfig};

/// What came.
pub(crate) struct Download {
    pub sha256: Sha256Digest,
    pub size: u64,
}

/// Why nothing came.
pub(crate) enum HttpError {
    /// Another try may succeed.
    Passing(String),
    /// Another try gives the same.
    Final(String),
    /// The file could not be written.
    Write(io::Error),
}

/// Writes what is at `address` to `file`, at most `cap` bytes. `report` gets the
/// number of bytes done.
pub(crate) fn download(
    address: &str,
    cap: u64,
    file: &File,
    report: &dyn Fn(u64),
) -> Result<Download, HttpError> {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .user_agent(concat!("bellglass/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_per_read(Some(Duration::from_secs(60)))
        .build()
        .new_agent();
    let mut response = agent.get(address).call().map_err(explain)?;
    let total = response.body().content_length();
    if let Some(total) = total.filter(|total| *total > cap) {
        return Err(HttpError::Final(format!("it has {total} bytes, more than the {cap} expected")));
    }
    // BOUND: one byte more than the cap, so that what is longer is seen to be.
    let mut body = response.body_mut().with_config().limit(u64::MAX).reader().take(cap.saturating_add(1));
    let mut writer = DigestWriter::new(file);
    let mut piece = vec![0; 64 << 10];
    let mut done = 0;
    loop {
        let count = match body.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(HttpError::Passing(format!("the connection broke: {error}"))),
        };
        writer.write_all(&piece[..count]).map_err(HttpError::Write)?;
        done += count as u64;
        report(done);
    }
    if done > cap {
        return Err(HttpError::Final(format!("it has more than the {cap} bytes expected")));
    }
    if let Some(total) = total.filter(|total| *total != done) {
        return Err(HttpError::Passing(format!("the connection ended after {done} of {total} bytes")));
    }
    let (_, sha256, size) = writer.finish();
    Ok(Download { sha256, size })
}

fn explain(error: ureq::Error) -> HttpError {
    match error {
        ureq::Error::StatusCode(code @ (408 | 425 | 429 | 500..=599)) => {
            HttpError::Passing(format!("the server answered with status {code}"))
        }
        ureq::Error::StatusCode(code) => HttpError::Final(format!("the server answered with status {code}")),
        ureq::Error::BadUri(reason) => HttpError::Final(format!("it is not an address: {reason}")),
        ureq::Error::HostNotFound => HttpError::Final("its host is not known".to_owned()),
        other => HttpError::Passing(other.to_string()),
    }
}
