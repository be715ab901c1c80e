use super::*;
use crate::progress::Silent;
use bellglass_image::digest_of_bytes;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A server on this machine that gives each answer once, in turn, whatever is
/// asked, and the last one from then on.
struct Server {
    base: String,
    requests: Arc<AtomicUsize>,
}

fn serve(answers: Vec<Vec<u8>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = requests.clone();
    // The thread ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a copy"));
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            let number = counter.fetch_add(1, Ordering::SeqCst);
            let answer = &answers[number.min(answers.len() - 1)];
            let _ = stream.write_all(answer);
        }
    });
    Server { base, requests }
}

fn answer(status: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn ok(body: &[u8]) -> Vec<u8> {
    answer("200 OK", body.len(), body)
}

fn source(servers: &[&Server]) -> Source {
    Source {
        name: "thing".to_owned(),
        file: "thing.tar".to_owned(),
        sha256: digest_of_bytes(b"thing"),
        size: 5,
        debian: None,
        security: false,
        urls: servers.iter().map(|server| format!("{}/thing.tar", server.base)).collect(),
        pypi: None,
    }
}

fn downloads(folder: &tempfile::TempDir) -> Downloads<'static> {
    Downloads {
        folder: folder.path().join("downloads"),
        mirrors: Mirrors::default(),
        progress: &Silent,
        pause: Duration::from_millis(1),
    }
}

fn requests(server: &Server) -> usize {
    server.requests.load(Ordering::SeqCst)
}

#[test]
fn a_file_is_fetched_once_and_then_cached() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = serve(vec![ok(b"thing")]);
    let downloads = downloads(&folder);
    let path = downloads.fetch(&source(&[&server])).expect("fetched");
    assert_eq!(fs::read(&path).expect("there"), b"thing");
    assert_eq!(downloads.fetch(&source(&[&server])).expect("cached"), path);
    assert_eq!(requests(&server), 1);
    // A cached file that has changed is fetched again.
    fs::write(&path, b"other").expect("written");
    downloads.fetch(&source(&[&server])).expect("fetched");
    assert_eq!(requests(&server), 2);
    assert_eq!(fs::read_dir(&downloads.folder).expect("there").count(), 1, "nothing else is left");
}

#[test]
fn wrong_bytes_are_refused_and_the_next_address_is_tried() {
    let folder = tempfile::tempdir().expect("a folder");
    let (liar, good) = (serve(vec![ok(b"thinG")]), serve(vec![ok(b"thing")]));
    let downloads = downloads(&folder);
    downloads.fetch(&source(&[&liar, &good])).expect("fetched");
    assert_eq!((requests(&liar), requests(&good)), (1, 1));
}

#[test]
fn wrong_bytes_everywhere_are_an_error_that_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let liars = [serve(vec![ok(b"thinG")]), serve(vec![ok(b"thin")]), serve(vec![ok(b"things")])];
    let downloads = downloads(&folder);
    let error =
        downloads.fetch(&source(&[&liars[0], &liars[1], &liars[2]])).expect_err("refused").to_string();
    let lie = digest_of_bytes(b"thinG").to_string();
    for part in [lie.as_str(), "4 bytes instead of 5", "6 bytes, more than the 5 expected", "put the file at"]
    {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(fs::read_dir(&downloads.folder).expect("there").count(), 0);
}

#[test]
fn a_body_without_a_length_is_cut_at_the_cap() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    endless.extend(vec![b'x'; 1 << 20]);
    let server = serve(vec![endless]);
    let error = downloads(&folder).fetch(&source(&[&server])).expect_err("refused").to_string();
    assert!(error.contains("more than the 5 bytes"), "{error}");
}

#[test]
fn what_can_pass_is_tried_again_and_what_cannot_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let downloads = downloads(&folder);
    let busy = serve(vec![answer("503 Busy", 0, b""), answer("200 OK", 5, b"thi"), ok(b"thing")]);
    downloads.fetch(&source(&[&busy])).expect("at the third try");
    assert_eq!(requests(&busy), 3);
    let folder = tempfile::tempdir().expect("a folder");
    let downloads = self::downloads(&folder);
    let (gone, broken) = (serve(vec![answer("404 No", 0, b"")]), serve(vec![answer("500 No", 0, b"")]));
    let error = downloads.fetch(&source(&[&gone, &broken])).expect_err("nobody has it").to_string();
    assert_eq!((requests(&gone), requests(&broken)), (1, 3), "{error}");
}

#[test]
fn mirrors_come_first_and_security_has_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut downloads = downloads(&folder);
    downloads.mirrors.main = vec!["http://m.example/debian".to_owned()];
    downloads.mirrors.security = vec!["http://s.example/sec".to_owned()];
    let mut source = source(&[]);
    source.debian = Some("pool/main/t/thing.tar".to_owned());
    source.urls = vec!["http://u.example/thing.tar".to_owned()];
    assert_eq!(
        downloads.addresses(&source),
        ["http://m.example/debian/pool/main/t/thing.tar", "http://u.example/thing.tar"]
    );
    source.security = true;
    assert_eq!(downloads.addresses(&source)[0], "http://s.example/sec/pool/main/t/thing.tar");
}

#[test]
fn a_source_without_a_usable_address_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let downloads = downloads(&folder);
    let mut source = source(&[]);
    source.debian = Some("pool/x".to_owned());
    let error = downloads.fetch(&source).expect_err("no mirror").to_string();
    assert!(error.contains("no address is known"), "{error}");
    source.urls = vec!["not an address".to_owned()];
    assert!(downloads.fetch(&source).is_err());
}

#[test]
fn a_recipe_names_wheels_only() {
    let mut source = source(&[]);
    source.pypi = Some("thing==1".to_owned());
    // Pip would run what builds it.
    for file in ["thing-1.tar.gz", "thing-1.zip", "thing.whl.tar"] {
        source.file = file.to_owned();
        let error = source.check().expect_err(file);
        assert!(error.contains("is no wheel"), "{error}");
    }
    source.file = "thing-1-py3-none-any.whl".to_owned();
    assert_eq!(source.check(), Ok(()));
}

#[test]
fn pip_builds_nothing() {
    let installed = Command::new("python3").args(["-m", "pip", "--version"]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        eprintln!("not tested: there is no pip");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let [index, sources, mark, into] =
        ["index", "sources/thing-1", "mark", "into"].map(|name| folder.path().join(name));
    [&index, &sources, &into].into_iter().for_each(|folder| fs::create_dir_all(folder).expect("made"));
    // Its sources bring along what builds it, and that says when it is run.
    let project = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n";
    let backend = format!("open({:?}, 'w')\n", mark.to_str().expect("UTF-8"));
    for (name, text) in [
        ("pyproject.toml", project),
        ("backend.py", &backend),
        ("PKG-INFO", "Metadata-Version: 2.1\nName: thing\nVersion: 1\n"),
    ] {
        fs::write(sources.join(name), text).expect("written");
    }
    let packed = fs::File::create(index.join("thing-1.tar.gz")).expect("a file");
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(packed, flate2::Compression::fast()));
    tar.append_dir_all("thing-1", &sources).expect("packed");
    tar.into_inner().and_then(|packer| packer.finish()).expect("packed");

    let mut pip = pip_download("thing==1", &into);
    let output = pip.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", &index).output().expect("pip");
    assert!(!output.status.success() && !mark.exists(), "pip has built it: {output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("thing==1"), "{output:?}");
}
