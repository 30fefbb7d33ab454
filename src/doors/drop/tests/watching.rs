//! The door as it runs: what comes is noticed.

use super::*;

#[test]
fn stopping_leaves_the_rest_for_the_next_start() {
    let mut bench = Bench::new();
    for number in 0..10 {
        bench.drop_file(format!("{number}"), event("n"));
    }
    let stop = CancellationToken::new();
    stop.cancel();
    let handle = bench.runtime.handle().clone();
    let mut taker = Taker::new(bench.desk.clone(), bench.path(""), Arc::default(), handle, stop);
    taker.scan();
    assert_eq!(count(&bench.path("")), (10, 0));
    bench.scan();
    assert_eq!(bench.events().len(), 10);
}

#[test]
fn files_are_taken_as_they_come() {
    let bench = Bench::new();
    bench.drop_file("before", event("before"));
    bench.watching(|| {
        bench.await_notes(&["before"]);
        for number in 0..5 {
            let mut notes: Vec<String> = (0..=number).map(|n| n.to_string()).collect();
            bench.drop_file(format!("{number}"), event(&number.to_string()));
            notes.push("before".to_owned());
            eventually(|| bench.notes() == notes);
        }
        fs::create_dir(bench.path("dir")).unwrap();
        eventually(|| bench.names() == ["rejected"]);
    });
}

#[test]
fn a_directory_made_again_is_watched_again() {
    let bench = Bench::new();
    bench.watching(|| {
        bench.drop_file("a", event("a"));
        bench.await_notes(&["a"]);
        fs::remove_dir_all(bench.path("")).unwrap();
        // Made by the daemon.
        eventually(|| bench.path("").is_dir());
        bench.drop_file("b", event("b"));
        bench.await_notes(&["a", "b"]);
        // Made by somebody else, who puts a full one in its place.
        let aside = bench.dir.path().join("aside");
        fs::create_dir(&aside).unwrap();
        fs::write(aside.join("c"), event("c")).unwrap();
        fs::rename(bench.path(""), bench.dir.path().join("gone")).unwrap();
        // The daemon may have been quicker; an empty directory is replaced all the same.
        fs::rename(&aside, bench.path("")).unwrap();
        bench.await_notes(&["a", "b", "c"]);
        bench.drop_file("d", event("d"));
        bench.await_notes(&["a", "b", "c", "d"]);
    });
}

#[test]
fn thousands_at_once_are_taken_once_each() {
    let bench = Bench::new();
    let ready = bench.dir.path().join("ready");
    fs::create_dir(&ready).unwrap();
    for number in 0..2000 {
        fs::write(ready.join(number.to_string()), event(&number.to_string())).unwrap();
    }
    bench.watching(|| {
        for number in 0..2000 {
            let name = number.to_string();
            fs::rename(ready.join(&name), bench.path(&name)).unwrap();
        }
        eventually(|| bench.desk.drops.events.load(Ordering::Relaxed) == 2000);
    });
    assert_eq!(bench.events().len(), 2000);
    assert_eq!(count(&bench.path("")), (0, 0));
}

#[test]
fn a_directory_that_is_none_is_an_error_at_the_start() {
    let bench = Bench::new();
    let file = bench.dir.path().join("file");
    fs::write(&file, "").unwrap();
    let watching = watch(bench.desk.clone(), file, CancellationToken::new());
    let error = bench.runtime.block_on(watching).unwrap_err();
    assert!(error.to_string().contains("it must be a directory"), "{error}");
    // One that is missing is made.
    fs::remove_dir(bench.path("")).unwrap();
    bench.watching(|| eventually(|| bench.path("").is_dir()));
}
