//! A cell that does what a hostile one might. Its script is what stands where the
//! compiled module should be: descriptor 1. Each line is one step:
//!
//! ```text
//! hello                 a right hello with the import a.b(i)i
//! await                 read until the controller has sent something
//! send HEX              these bytes as they are
//! frame HEX             these bytes as one frame, with a right length
//! call INDEX VALUES...  a call with these arguments
//! data COUNT            a Data frame of so many bytes
//! flood                 right calls for ever, whatever is answered
//! drip                  a frame that is never finished, a byte at a time
//! sleep MILLISECONDS
//! die SIGNAL-FREE-CODE  leave with this exit code
//! ```
#![forbid(unsafe_code)]

use bellglass_wire::{FromCell, PROTOCOL_VERSION};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

fn main() {
    let mut script = String::new();
    let module = std::io::stdout().as_fd().try_clone_to_owned().expect("descriptor 1");
    File::from(module).read_to_string(&mut script).expect("a script");
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
            send(stream, &call(*index as u32, arguments));
        }
        "data" => {
            let count = words.first().and_then(|word| word.parse().ok()).expect("a count");
            send(stream, &FromCell::Data { bytes: vec![7; count] });
        }
        "flood" => loop {
            send(stream, &call(0, &[0]));
        },
        "drip" => {
            write(stream, &1000_u32.to_le_bytes());
            loop {
                write(stream, &[2]);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        "sleep" => {
            let time = words.first().and_then(|word| word.parse().ok()).expect("a time");
            std::thread::sleep(Duration::from_millis(time));
        }
        "die" => {
            let code = words.first().and_then(|word| word.parse().ok()).expect("a code");
            std::process::exit(code);
        }
        other => panic!("no such step: {other}"),
    }
}

fn hello() -> FromCell {
    let signatures = vec!["a.b(i)i".parse().expect("a signature")];
    FromCell::Hello { version: PROTOCOL_VERSION, signatures, walls: vec![] }
}

fn call(signature: u32, arguments: &[u64]) -> FromCell {
    FromCell::Call { signature, memory_bytes: 65536, arguments: arguments.to_vec(), viewed: vec![] }
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
