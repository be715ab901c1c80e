use std::collections::HashMap;
use std::io::{BufRead, Read, Write};
use std::time::{Duration, Instant, SystemTime};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    println!("arguments {:?}", arguments);
    println!("variable {:?}", std::env::var("GREETING").ok());
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).unwrap();
    println!("read {:?}", line);
    eprintln!("to stderr");
    match std::fs::read_to_string("/work/notes.txt") {
        Ok(text) => println!("notes {:?}", text),
        Err(error) => println!("notes: {:?}", error.kind()),
    }
    if arguments.len() > 1 {
        let mut file = std::fs::File::create("/work/made.txt").unwrap();
        file.write_all(arguments[1].as_bytes()).unwrap();
        std::fs::create_dir("/work/folder").unwrap();
        std::fs::rename("/work/made.txt", "/work/folder/moved.txt").unwrap();
        let names: Vec<String> =
            std::fs::read_dir("/work/folder").unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        println!("{:?} {}", names, std::fs::metadata("/work/folder/moved.txt").unwrap().len());
    }
    let begun = Instant::now();
    std::thread::sleep(Duration::from_millis(20));
    println!("slept {}", begun.elapsed() >= Duration::from_millis(20));
    println!("clock {}", SystemTime::now() > SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000));
    let mut words: HashMap<&str, usize> = HashMap::new();
    for word in "a b a".split(' ') {
        *words.entry(word).or_default() += 1;
    }
    println!("words {}", words["a"]);
    println!("threads {}", std::thread::Builder::new().spawn(|| ()).is_err());
    println!("socket {}", std::net::TcpStream::connect("127.0.0.1:1").is_err());
    let mut rest = String::new();
    std::io::stdin().read_to_string(&mut rest).unwrap();
    match arguments.first().map(String::as_str) {
        Some("panic") => panic!("as asked"),
        Some(code) => std::process::exit(code.parse().unwrap()),
        None => {}
    }
}
