//! A policy that asks a person: each file of a directory is opened only if somebody at
//! the keyboard says so.
//!
//! `BELLGLASS_CELL=target/release/bellglass-cell cargo run --release --package bellglass --example ask -- DIRECTORY PROGRAM.py`
//!
//! It stands in the file tree and not in a handler of `path_open`. A handler sees a path as
//! the program wrote it: relative to some descriptor, through links, with `..` in it. The
//! tree sees what the path leads to, one name at a time, so that there is no way round.

use bellglass::system::files::{
    BytesFile, Creation, Directory, DirectoryEntry, FileType, Found, Metadata, OpenOptions, Opened,
};
use bellglass::{Errno, Limits, Mount, Output, Sandbox, Store, plain};
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where the directory stands in the guest's tree.
const PLACE: &str = "/asked";

/// The device number that stat shows for it: one that no other tree has.
const DEVICE: u64 = 1000;

/// How long the run may take, and so the longest that a question waits.
const TIMEOUT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(directory), Some(program)) = (words.next(), words.next()) else {
        return Err("usage: ask DIRECTORY PROGRAM.py".into());
    };
    let asking = Asking { files: read(Path::new(&directory))?, person: Person::new() };
    let report = Sandbox::builder(Store::open_default()?.find("python")?)
        .arguments(["/program.py"])
        .mount(Mount::file(program, "/program.py"))
        .mount(Mount::tree(Arc::new(asking), PLACE))
        .limits(Limits { timeout: Some(TIMEOUT), ..Limits::default() })
        .stdout(Output::Writer(Box::new(Plainly)))
        .stderr(Output::Writer(Box::new(Plainly)))
        .build()?
        .run();
    println!("{:?}", report.outcome);
    Ok(())
}

/// The program's output, on the terminal of the questions: with nothing in it that could
/// hide one, or paint over what it asks about.
struct Plainly;

impl Write for Plainly {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let lines: Vec<String> = text.split('\n').map(plain).collect();
        std::io::stdout().write_all(lines.join("\n").as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().flush()
    }
}

/// A file's name and content.
type NamedFile = (Vec<u8>, Arc<[u8]>);

/// The names and contents of a directory's files, in an order that stays.
fn read(directory: &Path) -> std::io::Result<Vec<NamedFile>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().into_encoded_bytes();
            files.push((name, std::fs::read(entry.path())?.into()));
        }
    }
    files.sort();
    Ok(files)
}

/// A directory that asks before it opens a file.
struct Asking {
    files: Vec<NamedFile>,
    person: Person,
}

impl Asking {
    /// The inode number and the content of a file; 1 is the directory's own number.
    fn find(&self, name: &[u8]) -> Result<(u64, &Arc<[u8]>), Errno> {
        let index = self.files.iter().position(|(other, _)| other == name).ok_or(Errno::NOENT)?;
        Ok((index as u64 + 2, &self.files[index].1))
    }
}

fn metadata(inode: u64, file_type: FileType, size: usize) -> Metadata {
    Metadata {
        device: DEVICE,
        inode,
        file_type,
        links: 1,
        size: size as u64,
        permissions: if file_type == FileType::Directory { 0o555 } else { 0o444 },
        accessed: Duration::ZERO,
        modified: Duration::ZERO,
        changed: Duration::ZERO,
    }
}

impl Directory for Asking {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Ok(metadata(1, FileType::Directory, 0))
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        self.find(name).map(|_| Found::Other)
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        let (inode, bytes) = self.find(name)?;
        Ok(metadata(inode, FileType::RegularFile, bytes.len()))
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        match (self.find(name), options.creation) {
            (Ok(_), Creation::New) => Err(Errno::EXIST),
            (Ok(_), _) if options.write || options.truncate => Err(Errno::ROFS),
            (Ok((inode, bytes)), _) => {
                // Escaped, a name can do nothing to a terminal.
                if !self.person.allows(&format!("{PLACE}/{}", name.escape_ascii())) {
                    return Err(Errno::ACCES);
                }
                Ok(Opened::File(Arc::new(BytesFile::new(Arc::clone(bytes), DEVICE, inode))))
            }
            (Err(missing), Creation::Existing) => Err(missing),
            (Err(_), _) => Err(Errno::ROFS),
        }
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        for ((name, _), number) in
            self.files.iter().zip(0..).skip(usize::try_from(cookie).unwrap_or(usize::MAX))
        {
            let (cookie, inode) = (number + 1, number + 2);
            if each(DirectoryEntry { cookie, name, inode, file_type: FileType::RegularFile }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Somebody at the keyboard.
struct Person {
    /// No question waits beyond this: nothing that answers a call may outlast the run.
    until: Instant,
    asked: Mutex<Asked>,
}

struct Asked {
    lines: Receiver<String>,
    /// What was said of each path: a program that asks again and again is a nuisance.
    answers: HashMap<String, bool>,
}

impl Person {
    /// Lines are read in a thread of their own: a question can then end without an answer.
    fn new() -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let asked = Mutex::new(Asked { lines, answers: HashMap::new() });
        Self { until: Instant::now() + TIMEOUT, asked }
    }

    /// Asks, once for each path. Whoever does not say yes says no.
    fn allows(&self, path: &str) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = asked.answers.get(path) {
            return *answer;
        }
        // What was typed before the question was shown is no answer to it.
        while asked.lines.try_recv().is_ok() {}
        print!("may it open {path}? [y/N] ");
        if std::io::stdout().flush().is_err() {
            return false;
        }
        let left = self.until.saturating_duration_since(Instant::now());
        let answer = asked.lines.recv_timeout(left).is_ok_and(|line| line.trim().eq_ignore_ascii_case("y"));
        asked.answers.insert(path.to_owned(), answer);
        answer
    }
}
