use super::*;
use crate::manifest::tests::example;
use crate::{FILES_FILE, Start};
use bellglass_wire::Interruption;

const MODULE_FILE: &str = "module.wasm";
const COMPILED_FILE: &str = "module.cwasm";

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::new(folder.path().join("images"));
    (folder, store)
}

fn stage(store: &Store) -> Staging {
    let staging = store.stage().expect("a staging folder");
    for part in [MODULE_FILE, COMPILED_FILE, FILES_FILE] {
        fs::write(staging.part(part), b"part").expect("written");
    }
    staging
}

fn install(store: &Store, name: &str, version: &str) -> Image {
    store.install(stage(store), &example(name, version)).expect("installed")
}

#[test]
fn a_store_that_does_not_exist_is_empty_and_says_what_to_do() {
    let (_folder, store) = store();
    assert!(store.list().expect("a list").is_empty());
    let error = store.find("python").expect_err("nothing there");
    assert!(error.to_string().ends_with("run 'bellglass image build python'"), "{error}");
}

#[test]
fn the_newest_version_is_found_by_name() {
    let (_folder, store) = store();
    for version in ["3.9.2", "3.13.5", "3.13.15", "3.14.0rc1"] {
        install(&store, "python", version);
    }
    install(&store, "pythonic", "9");
    let version = |name: &str| store.find(name).expect("an image").manifest().version.clone();
    assert_eq!(version("python"), "3.14.0rc1");
    assert_eq!(version("python@3.13.5"), "3.13.5");
    assert_eq!(version("pythonic"), "9");
    let list: Vec<String> = store.list().expect("a list").into_iter().map(|one| one.full_name).collect();
    assert_eq!(list, ["python@3.14.0rc1", "python@3.13.15", "python@3.13.5", "python@3.9.2", "pythonic@9"]);
    assert!(matches!(store.find("python@3"), Err(ImageError::NotFound { .. })));
}

#[test]
fn an_image_is_found_by_its_path() {
    let (_folder, store) = store();
    let image = install(&store, "python", "1");
    let path = image.path().to_str().expect("UTF-8");
    assert_eq!(store.find(path).expect("an image").manifest(), image.manifest());
    assert!(matches!(store.find("./nowhere"), Err(ImageError::NotAnImage { .. })));
    for bad in ["", "a b", "python@", "@1", "a@b@c"] {
        assert!(matches!(store.find(bad), Err(ImageError::BadName { .. })), "{bad}");
    }
}

#[test]
fn a_new_build_replaces_the_old_one_of_its_version() {
    let (_folder, store) = store();
    let old = install(&store, "python", "1");
    let mut manifest = example("python", "1");
    manifest.origin.built_at = 2;
    let new = store.install(stage(&store), &manifest).expect("installed");
    assert_ne!(old.path(), new.path());
    assert_eq!(store.list().expect("a list").len(), 1);
    // The same build once more, over damaged parts.
    fs::write(new.path().join(FILES_FILE), b"xx").expect("written");
    store.install(stage(&store), &manifest).expect("installed");
    store.find("python").expect("an image");
}

#[test]
fn an_opened_image_stays_whole_when_it_is_removed() {
    use std::io::Read;
    let (_folder, store) = store();
    let image = install(&store, "python", "1");
    assert_eq!(store.remove("python").expect("removed").len(), 1);
    assert!(!image.path().exists());
    let mut bytes = Vec::new();
    image
        .compiled(Start::Fresh, Interruption::Kill)
        .expect("a module")
        .read_to_end(&mut bytes)
        .expect("read");
    assert_eq!(bytes, b"part");
    assert!(matches!(store.remove("python"), Err(ImageError::NotFound { .. })));
    let left: Vec<_> =
        fs::read_dir(store.folder()).expect("a folder").flatten().map(|one| one.file_name()).collect();
    assert_eq!(left, [".install.lock"], "nothing else is left behind");
}

#[test]
fn what_is_half_written_is_not_installed_and_not_listed() {
    let (_folder, store) = store();
    let staging = store.stage().expect("a staging folder");
    fs::write(staging.part(MODULE_FILE), b"part").expect("written");
    assert!(store.install(staging, &example("python", "1")).is_err());
    let staging = stage(&store);
    fs::write(staging.part(COMPILED_FILE), b"par").expect("written");
    let error = store.install(staging, &example("python", "1")).expect_err("too short");
    assert!(matches!(error, ImageError::DamagedPart { .. }));
    let _unfinished = stage(&store);
    assert!(store.list().expect("a list").is_empty());
}

#[test]
fn a_broken_image_is_listed_with_its_error_and_can_be_removed() {
    let (_folder, store) = store();
    let older = install(&store, "python", "1");
    let image = install(&store, "python", "2");
    fs::write(image.path().join(MANIFEST_FILE), "{").expect("written");
    let list = store.list().expect("a list");
    assert_eq!(list.len(), 2);
    assert!(matches!(list[0].image, Err(ImageError::DamagedManifest { .. })));
    // A whole image of that name serves better than an error.
    assert_eq!(store.find("python").expect("an image").path(), older.path());
    let error = store.find("python@2").expect_err("damaged");
    assert!(error.to_string().contains("bellglass image build"), "{error}");
    store.remove("python@2").expect("removed");
    assert_eq!(store.list().expect("a list").len(), 1);
}

#[test]
fn damage_is_found_by_size_at_once_and_by_digest_on_request() {
    let (_folder, store) = store();
    let image = install(&store, "python", "1");
    image.verify().expect("whole");
    fs::write(image.path().join(FILES_FILE), b"parT").expect("written");
    let image = store.find("python").expect("sizes are right");
    assert!(matches!(image.verify(), Err(ImageError::DamagedPart { .. })));
    fs::remove_file(image.path().join(FILES_FILE)).expect("removed");
    assert!(matches!(store.find("python"), Err(ImageError::DamagedPart { .. })));
}

#[test]
fn many_installs_at_once_leave_whole_images() {
    let (_folder, store) = store();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let store = &store;
            scope.spawn(move || {
                let mut manifest = example("python", "1");
                manifest.origin.built_at = number;
                store.install(stage(store), &manifest).map(drop)
            });
        }
    });
    let list = store.list().expect("a list");
    assert_eq!(list.len(), 1);
    assert!(list[0].image.is_ok());
}

#[test]
fn versions_are_ordered_as_releases_are() {
    let ordered = ["3.9", "3.13.0a1", "3.13.0rc1", "3.13.0", "3.13.5", "3.13.15", "3.14"];
    for pair in ordered.windows(2) {
        assert_eq!(compare_versions(pair[0], pair[1]), Ordering::Less, "{pair:?}");
    }
    assert_eq!(compare_versions("3.013", "3.13"), Ordering::Equal);
}

#[test]
fn what_others_could_have_written_is_no_image() {
    let (folder, store) = store();
    let image = install(&store, "python", "1");
    let change =
        |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("changed");
    let untrusted = |reason: &str| match Image::open(image.path()) {
        Err(error @ ImageError::Untrusted { .. }) => assert!(error.to_string().contains(reason), "{error}"),
        other => panic!("{other:?} in place of '{reason}'"),
    };
    // Each file that a run reads, and each folder above it.
    let files = [MANIFEST_FILE, COMPILED_FILE, FILES_FILE].map(|file| (image.path().join(file), 0o644));
    let folders = [image.path(), store.folder(), folder.path()].map(|folder| (folder.to_owned(), 0o755));
    for (path, mode) in files.into_iter().chain(folders) {
        for (bits, reason) in [(0o020, "its group may write"), (0o002, "every user may write")] {
            change(&path, mode | bits);
            untrusted(reason);
        }
        change(&path, mode);
        Image::open(image.path()).expect("it is as it was");
    }
    // What is in a folder with the sticky bit can be replaced by nobody else.
    change(folder.path(), 0o1777);
    Image::open(image.path()).expect("as in /tmp");
    change(folder.path(), 0o755);

    // By another way, which ends in the same place.
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(image.path(), &link).expect("a link");
    Image::open(&link).expect("links to trusted folders are followed");
    change(store.folder(), 0o777);
    assert!(matches!(Image::open(&link), Err(ImageError::Untrusted { .. })));
    assert!(matches!(store.stage(), Err(ImageError::Untrusted { .. })));
    change(store.folder(), 0o755);
    // A part that is a link leads to nobody knows where.
    let part = image.path().join(FILES_FILE);
    fs::rename(&part, folder.path().join("elsewhere")).expect("renamed");
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &part).expect("a link");
    Image::open(image.path()).expect_err("a part is a link");
}

#[test]
fn what_belongs_to_another_user_is_no_image() {
    let (_folder, store) = store();
    let image = install(&store, "python", "1");
    let path = image.path().join(COMPILED_FILE);
    // Only root can give a file away.
    if std::os::unix::fs::chown(&path, Some(4242), None).is_ok() {
        let error = Image::open(image.path()).expect_err("it is another's");
        assert!(error.to_string().contains("belongs to user 4242"), "{error}");
    }
}

#[test]
fn an_image_is_its_owners_whatever_the_umask() {
    let (_folder, store) = store();
    let staging = stage(&store);
    for part in [MODULE_FILE, COMPILED_FILE, FILES_FILE] {
        fs::set_permissions(staging.part(part), Permissions::from_mode(0o666)).expect("changed");
    }
    store.install(staging, &example("python", "1")).expect("installed");
}

#[test]
fn a_store_is_worked_on_where_its_links_lead() {
    let folder = tempfile::tempdir().expect("a folder");
    let (disk, other) = (folder.path().join("disk"), folder.path().join("other"));
    [&disk, &other].into_iter().for_each(|folder| fs::create_dir(folder).expect("made"));
    let link = folder.path().join("images");
    let turn = |to: &Path| {
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(to, &link).expect("a link");
    };
    turn(&disk);
    let store = Store::new(&link);
    let staging = stage(&store);
    let lock = FolderLock::take(&link, "build", || {}).expect("a lock");
    // What was looked at is what is used, wherever the name leads now.
    turn(&other);
    assert!(staging.part(FILES_FILE).starts_with(&disk));
    assert_eq!(fs::read(staging.part(FILES_FILE)).expect("still there"), b"part");
    assert_eq!(lock.folder(), disk);
    assert!(disk.join(".build.lock").exists());
    turn(&disk);
    let image = store.install(staging, &example("python", "1")).expect("installed");
    assert!(image.path().starts_with(&disk), "{image:?}");
    let opened = Image::open(link.join(image.path().file_name().expect("a name"))).expect("an image");
    assert_eq!(opened.path(), image.path());
    turn(&other);
    opened.verify().expect("its files are where they were");
    assert!(image.wasm_path(Start::Fresh).exists());
    assert_eq!(fs::read_dir(&other).expect("there").count(), 0);
    turn(&disk);
    assert!(store.remove("python").expect("removed")[0].starts_with(&disk));
}

#[test]
fn a_part_that_is_no_file_is_not_waited_for() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let (_folder, store) = store();
    let image = install(&store, "python", "1");
    for part in [MANIFEST_FILE, COMPILED_FILE, FILES_FILE] {
        let path = image.path().join(part);
        let bytes = fs::read(&path).expect("a part");
        fs::remove_file(&path).expect("removed");
        // Who opens it would wait for somebody to write to it.
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a FIFO");
        let error = Image::open(image.path()).expect_err("it is no file").to_string();
        assert!(error.contains("it is no file"), "{error}");
        fs::remove_file(&path).expect("removed");
        fs::write(&path, bytes).expect("written");
    }
    Image::open(image.path()).expect("it is as it was");
}

#[test]
fn what_a_build_that_died_has_left_is_swept_away() {
    let (folder, store) = store();
    let (dead, alive, other) = (".incoming-dead", ".incoming-alive", ".mine-dead");
    for name in [dead, alive, other] {
        let path = store.folder().join(name);
        fs::create_dir_all(&path).expect("made");
        fs::write(path.join(FILES_FILE), b"part").expect("written");
        let age = if name == alive { STAGING_LIFETIME / 2 } else { STAGING_LIFETIME * 2 };
        let time = SystemTime::now() - age;
        fs::File::open(&path).and_then(|folder| folder.set_modified(time)).expect("its time");
    }
    // The store itself is made by hand here, in a folder that is trusted.
    fs::set_permissions(folder.path().join("images"), Permissions::from_mode(0o755)).expect("changed");
    drop(store.stage().expect("a staging folder"));
    let is_left = |name: &str| store.folder().join(name).join(FILES_FILE).exists();
    assert!(!is_left(dead) && is_left(alive) && is_left(other));
}
