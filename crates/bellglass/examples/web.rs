//! A web server in which each request has a sandbox of its own.
//!
//! `BELLGLASS_CELL=target/release/bellglass-cell cargo run --release --package bellglass --example web -- HANDLER.py 127.0.0.1:8080`
//!
//! The handler is a Python program, as with CGI: it finds the request's method and path in
//! its environment and the body on its stdin, and what it prints is the answer. Nothing of
//! one request is there in the next, whatever the handler does.

use bellglass::{Capture, Input, LimitKind, Limits, Mount, Outcome, Output, Pool, Store};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a request's head, and of its body, that are taken.
const HEAD_BYTES: u64 = 16 << 10;
const BODY_BYTES: u64 = 1 << 20;

/// How long a client may take to say something.
const PATIENCE: Duration = Duration::from_secs(5);

const PLACE: &str = "/handler.py";

struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(path), Some(address)) = (words.next(), words.next()) else {
        return Err("usage: web HANDLER.py ADDRESS:PORT".into());
    };
    let handler: Arc<[u8]> = std::fs::read(path)?.into();
    let pool = Arc::new(Pool::builder(Store::open_default()?.find("python")?).size(4).build()?);
    let listener = TcpListener::bind(address)?;
    println!("listening on http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, pool, handler) = (stream?, Arc::clone(&pool), Arc::clone(&handler));
        std::thread::spawn(move || {
            if let Err(error) = serve(stream, &pool, handler) {
                eprintln!("a request was not answered: {error}");
            }
        });
    }
    Ok(())
}

fn serve(mut stream: TcpStream, pool: &Pool, handler: Arc<[u8]>) -> Result<(), Box<dyn std::error::Error>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = read(&stream)?;
    let printed = Capture::new();
    let report = pool
        .sandbox()
        .arguments([PLACE])
        .mount(Mount::bytes(handler, PLACE))
        .environment("REQUEST_METHOD", request.method)
        .environment("PATH_INFO", request.path)
        .stdin(Input::Bytes(request.body))
        .stdout(Output::Capture(printed.clone()))
        .limits(Limits {
            timeout: Some(Duration::from_secs(3)),
            memory_bytes: 128 << 20,
            ..Limits::default()
        })
        .build()?
        .run();
    let (status, body) = match report.outcome {
        Outcome::Exited { code: 0 } => ("200 OK", printed.bytes()),
        outcome if outcome.limit() == Some(LimitKind::Timeout) => {
            ("504 Gateway Timeout", b"the handler took too long\n".to_vec())
        }
        _ => ("500 Internal Server Error", b"the handler failed\n".to_vec()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)?;
    Ok(())
}

/// Reads a request: only as much of HTTP as this example needs.
fn read(stream: &TcpStream) -> Result<Request, Box<dyn std::error::Error>> {
    let mut reader = BufReader::new(stream.take(HEAD_BYTES));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err("it is not a request of HTTP".into());
    };
    let (method, path) = (method.to_owned(), path.to_owned());
    let mut length = 0;
    loop {
        line.clear();
        // At the end of what is taken, or of the stream, nothing is read.
        if reader.read_line(&mut line)? == 0 {
            return Err("its head has no end, or is too long".into());
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse()?
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    if length > BODY_BYTES {
        return Err("its body is too long".into());
    }
    // What the buffer has taken of the body already counted against the head's bytes.
    reader.get_mut().set_limit(length);
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    Ok(Request { method, path, body })
}
