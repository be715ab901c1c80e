//! A cell that does what a hostile one might. Its script is what stands where the
//! compiled module should be: descriptor 1. Each line is one step:
//!
//! ```text
//! hello                 a right hello with the import a.b(i)i
//! await                 read until the controller has sent something
//! send HEX              these bytes as they are
//! frame HEX             these bytes as one frame, with a right length
//! call INDEX VALUES...  a call with these arguments, and the number 0
//! open NUMBER INDEX VALUES...   the same with this number
//! data COUNT            a Data frame of so many bytes, for call 0
//! data-for NUMBER COUNT the same for this call
//! expect NUMBER RESULT  reads frames until a call is answered, and leaves with 99 if it
//!                       is not this one, with this result; nothing else reads then
//! returned CODE         a right last frame with this result
//! flood                 right calls for ever, each with its own number, whatever is answered
//! dance                 right calls for ever, each with two right answers to reads
//! drip                  a frame that is never finished, a byte at a time
//! words COUNT           so many bytes of last words
//! again COUNT STEP      that step so many times
//! sleep MILLISECONDS
//! stop                  stops like a process at Ctrl-Z
//! hush                  closes the stream for writing, reads a while
//! spawn                 starts a process that holds all that this one holds
//! relay CELL MODULE FILE   starts a real cell, hands everything on between it and
//!                       the controller, and writes what the cell said to the file
//! forked NUMBER         says, as a zygote does, that it has forked this process
//! no-room               says that its guest is beyond its limits
//! die CODE              leave with this exit code
//! ```
#![forbid(unsafe_code)]

use bellglass_wire::{FrameBuffer, FromCell, PROTOCOL_VERSION, ToCell, Usage, caps};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

fn main() {
    let mut script = String::new();
    let module = std::io::stdout().as_fd().try_clone_to_owned().expect("descriptor 1");
    // By a descriptor of its own: cells of one image share the offset of this one.
    let own = format!("/proc/self/fd/{}", module.as_raw_fd());
    File::open(own).and_then(|mut file| file.read_to_string(&mut script)).expect("a script");
    let stream = std::io::stdin().as_fd().try_clone_to_owned().expect("descriptor 0");
    let mut stream = File::from(stream);
    for line in script.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some((verb, rest)) = words.split_first() {
            step(&mut stream, verb, rest);
        }
    }
}

fn step(stream: &mut File, verb: &str, words: &[&str]) {
    match verb {
        "hello" => send(stream, &hello()),
        "await" => {
            let mut buffer = [0; 65536];
            if stream.read(&mut buffer).is_ok_and(|count| count == 0) {
                std::process::exit(0);
            }
        }
        "send" => write(stream, &bytes(words)),
        "frame" => {
            let body = bytes(words);
            let mut framed = (body.len() as u32).to_le_bytes().to_vec();
            framed.extend(body);
            write(stream, &framed);
        }
        "call" => {
            let numbers: Vec<u64> = words.iter().map(|word| word.parse().expect("a number")).collect();
            let (index, arguments) = numbers.split_first().expect("an index");
            send(stream, &call(0, *index as u32, arguments));
        }
        "open" => {
            let numbers: Vec<u64> = words.iter().map(|word| word.parse().expect("a number")).collect();
            let [number, index, arguments @ ..] = &numbers[..] else { panic!("open NUMBER INDEX VALUES...") };
            send(stream, &call(*number as u32, *index as u32, arguments));
        }
        "data" => send(stream, &data(0, number(words))),
        "data-for" => send(stream, &data(number(words) as u32, number(&words[1..]))),
        "expect" => expect(stream, number(words) as u32, number(&words[1..]) as u64),
        "returned" => {
            let results = vec![number(words) as u64];
            send(stream, &FromCell::Returned { results, usage: Usage::default() });
        }
        "flood" => (0..u32::MAX).for_each(|number| send(stream, &call(number, 0, &[0]))),
        "dance" => loop {
            send(stream, &call(0, 0, &[0]));
            step(stream, "await", &[]);
            for _ in 0..2 {
                send(stream, &data(0, 16));
                step(stream, "await", &[]);
            }
        },
        "words" => {
            let _ = std::io::stderr().write_all(&vec![b'w'; number(words)]);
        }
        "again" => {
            let (verb, rest) = words[1..].split_first().expect("a step");
            (0..number(words)).for_each(|_| step(stream, verb, rest));
        }
        "stop" => {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)
                .expect("a signal to itself");
        }
        "hush" => {
            let _ = rustix::net::shutdown(&*stream, rustix::net::Shutdown::Write);
            let mut rest = UnixStream::from(OwnedFd::from(stream.try_clone().expect("a descriptor")));
            rest.set_read_timeout(Some(Duration::from_millis(100))).expect("a time");
            let _ = std::io::copy(&mut rest, &mut std::io::sink());
        }
        "spawn" => leave_somebody_behind(),
        "relay" => relay(stream, words),
        "drip" => {
            write(stream, &1000_u32.to_le_bytes());
            loop {
                write(stream, &[2]);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        "sleep" => {
            std::thread::sleep(Duration::from_millis(number(words) as u64));
        }
        "forked" => {
            let process = words.first().and_then(|word| word.parse().ok()).unwrap_or(std::process::id());
            send(stream, &FromCell::Forked { process });
        }
        "no-room" => send(stream, &FromCell::NoRoom { memory_bytes: u64::MAX, table_elements: 0 }),
        "die" => std::process::exit(number(words) as i32),
        other => panic!("no such step: {other}"),
    }
}

#[expect(clippy::zombie_processes, reason = "it outlives this process")]
fn leave_somebody_behind() {
    std::process::Command::new("/bin/sleep").arg("20").spawn().expect("a process");
}

fn number(words: &[&str]) -> usize {
    words.first().and_then(|word| word.parse().ok()).expect("a number")
}

/// Stands between a real cell and the controller.
fn relay(stream: &mut File, words: &[&str]) {
    let [cell, module, record] = words else { panic!("relay CELL MODULE FILE") };
    let (ours, theirs) = UnixStream::pair().expect("a stream");
    let mut child = std::process::Command::new(cell)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(File::open(module).expect("a module"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("a cell");
    let mut from_controller = stream.try_clone().expect("a descriptor");
    let mut to_cell = ours.try_clone().expect("a descriptor");
    std::thread::spawn(move || std::io::copy(&mut from_controller, &mut to_cell));
    let mut record = File::create(record).expect("a file");
    let mut from_cell = ours;
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from_cell.read(&mut buffer) {
        record.write_all(&buffer[..count]).expect("a write");
        write(stream, &buffer[..count]);
    }
    let _ = child.wait();
}

fn hello() -> FromCell {
    let signatures = vec!["a.b(i)i".parse().expect("a signature")];
    FromCell::Hello { version: PROTOCOL_VERSION, shared_memory: false, signatures, walls: vec![] }
}

fn call(call: u32, signature: u32, arguments: &[u64]) -> FromCell {
    let arguments = arguments.to_vec();
    let (arrived, interrupted) = (0, false);
    FromCell::Call { call, signature, memory_bytes: 65536, arrived, interrupted, arguments, viewed: vec![] }
}

fn data(call: u32, count: usize) -> FromCell {
    FromCell::Data { call, bytes: vec![7; count] }
}

/// What was read and belongs to no frame yet.
static HEARD: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn expect(stream: &mut File, number: u32, result: u64) {
    let mut heard = HEARD.lock().expect("one thread");
    loop {
        let mut frames = FrameBuffer::new(caps::FRAME_BYTES);
        frames.extend(&heard);
        if let Some(frame) = frames.next_frame().expect("a right frame") {
            let (decoded, length) = (ToCell::decode(frame).expect("a right frame"), frame.len());
            heard.drain(..length + 4);
            match decoded {
                ToCell::Return { call, results, .. } if call == number && results == [result] => return,
                ToCell::Return { .. } | ToCell::End => {
                    eprintln!("{decoded:?} came in place of {result} for call {number}");
                    std::process::exit(99);
                }
                _ => continue,
            }
        }
        let mut buffer = [0; 65536];
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => heard.extend(&buffer[..count]),
            _ => std::process::exit(0),
        }
    }
}

fn send(stream: &mut File, message: &FromCell) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes).expect("within the caps");
    write(stream, &bytes);
}

fn write(stream: &mut File, bytes: &[u8]) {
    // The controller may have had enough of this cell.
    if stream.write_all(bytes).is_err() {
        std::process::exit(0);
    }
}

fn bytes(words: &[&str]) -> Vec<u8> {
    words.iter().map(|word| u8::from_str_radix(word, 16).expect("two hexadecimal digits")).collect()
}
