//! A file tree of one's own: files that exist only when the program looks.
//!
//! `BELLGLASS_CELL=target/release/bellglass-cell cargo run --release --package bellglass --example tree`
//!
//! The program finds a directory of orders, as if each were a file. What it writes
//! there stays in an overlay, and is told at the end.

use bellglass::files::{
    BytesFile, Creation, Directory, DirectoryEntry, FileType, Found, Metadata, OpenOptions, Opened,
};
use bellglass::{Capture, Errno, Mount, Output, Sandbox, Store, plain};
use std::ops::ControlFlow;
use std::sync::Arc;

const PROGRAM: &str = "
import json, os
os.chdir('/orders')
orders = [json.load(open(name)) for name in sorted(os.listdir())]
print(len(orders), 'orders,', sum(order['pieces'] for order in orders), 'pieces')
open('summary.txt', 'w').write('done')
";

/// The device number that stat shows for this tree: one that no other tree has.
const DEVICE: u64 = 1000;

/// How many orders there are. They could as well be the rows of a database.
const COUNT: u64 = 12;

struct Orders;

/// The number and the text of the order whose file has this name.
fn order(name: &[u8]) -> Result<(u64, String), Errno> {
    let text = std::str::from_utf8(name).ok().and_then(|text| text.strip_suffix(".json"));
    let number = text.and_then(|text| text.parse().ok()).filter(|number| *number < COUNT);
    let number: u64 = number.ok_or(Errno::NOENT)?;
    Ok((number, format!("{{\"number\": {number}, \"pieces\": {}}}\n", number * 3)))
}

/// A name that a method gets is a single one, never a path: what paths, links and `..`
/// mean is decided before.
impl Directory for Orders {
    fn metadata(&self) -> Result<Metadata, Errno> {
        // The overlay over it may be written to, by these.
        Ok(Metadata { permissions: 0o755, ..Metadata::read_only(DEVICE, 1, FileType::Directory, 0) })
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        order(name).map(|_| Found::Other)
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        let (number, text) = order(name)?;
        Ok(Metadata::read_only(DEVICE, number + 2, FileType::RegularFile, text.len() as u64))
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        match (order(name), options.creation) {
            (Ok(_), Creation::New) => Err(Errno::EXIST),
            (Ok(_), _) if options.write || options.truncate => Err(Errno::ROFS),
            (Ok((number, text)), _) => {
                Ok(Opened::File(Arc::new(BytesFile::new(text.into_bytes(), DEVICE, number + 2))))
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
        for number in cookie..COUNT {
            let name = format!("{number}.json");
            let (cookie, inode) = (number + 1, number + 2);
            let entry =
                DirectoryEntry { cookie, name: name.as_bytes(), inode, file_type: FileType::RegularFile };
            if each(entry).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let printed = Capture::new();
    let (mount, overlay) = Mount::tree(Arc::new(Orders), "/orders").overlay();
    let report = Sandbox::builder(Store::open_default()?.find("python")?)
        .arguments(["-c", PROGRAM])
        .mount(mount)
        .stdout(Output::Capture(printed.clone()))
        .build()?
        .run();
    print!("{}", String::from_utf8_lossy(&printed.bytes()));
    assert!(report.outcome.is_success(), "{:?}", report.outcome);
    for change in overlay.changes()?.iter() {
        // The program chose the name: on a terminal it could do anything.
        println!("it has changed {}", plain(&String::from_utf8_lossy(&change.path)));
    }
    Ok(())
}
