//! A disk without room: what was acknowledged is there and is read, posting says what to do, and
//! goes on by itself once there is room. A disk that turns read-only: the same, by its supervisor.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use super::acknowledged::{Acknowledged, event, fresh_id, post};
use super::mounted::{Mounted, is_root};
use super::not_tried;
use crate::harness::{Dir, Snagd, until};

const TMPFS: &str = "mount -t tmpfs -o size=128m,mode=0700 none \"$1\"";
const SMALL: &str = "mount -t tmpfs -o size=40m,mode=0700 none \"$1\"";
/// On a file of its own beside the directory it is mounted on.
const EXT4: &str = "truncate -s 96M \"$1.img\" && mkfs.ext4 -q -m 0 \"$1.img\" && \
    mount -o loop,errors=remount-ro \"$1.img\" \"$1\"";

#[test]
fn a_full_tmpfs() {
    let dir = Dir::new();
    match Mounted::new(&dir, TMPFS) {
        Ok(disk) => {
            let snagd = disk.snagd(dir);
            assert!(snagd.log().contains("is on a tmpfs"), "{}", snagd.log());
            fill_and_free(&disk, snagd);
        }
        Err(why) => not_tried("a full tmpfs", &why),
    }
}

#[test]
fn a_full_ext4() {
    let dir = Dir::new();
    match ext4(&dir) {
        Ok(disk) => fill_and_free(&disk, disk.snagd(dir)),
        Err(why) => not_tried("a full ext4", &why),
    }
}

#[test]
fn a_start_without_a_byte_of_room() {
    let dir = Dir::new();
    let disk = match ext4(&dir) {
        Ok(disk) => disk,
        Err(why) => return not_tried("a start without a byte of room", &why),
    };
    let mut snagd = disk.snagd(dir);
    let told = Acknowledged::default();
    for _ in 0..20 {
        assert_eq!(told.post(&snagd, 300), 201);
    }
    until("the index is on disk", || {
        fs::read_to_string(disk.path("index.checkpoint"))
            .is_ok_and(|noted| noted.starts_with("20 "))
    });
    for round in ["first", "second"] {
        snagd.kill();
        let _ = fs::remove_file(disk.path("ballast"));
        fill(&disk.path(round));
        snagd.restart();
        reads(&snagd, &told);
        assert!(snagd.log().contains("the disk is full: nothing is recorded"), "{}", snagd.log());
        assert_eq!(told.post(&snagd, 300), 507);
        let status = snagd.snag(&["status"]).ok();
        assert!(status.stdout.contains("The disk is full"), "{status:#?}");
    }
    assert!(!snagd.log().contains("set the index aside"), "{}", snagd.log());
    snagd.stop();
}

/// An index that finds no room is built as far as it can be, and waits: recording and reading go on.
#[test]
fn an_index_is_built_once_there_is_room() {
    const EVENTS: usize = 46_000;
    let dir = Dir::new();
    let disk = match Mounted::new(&dir, TMPFS) {
        Ok(disk) => disk,
        Err(why) => return not_tried("an index without room", &why),
    };
    let mut snagd = disk.snagd(dir);
    // Of a person each, so that more gathers than the index keeps in memory.
    let lines: Vec<String> = (0..EVENTS)
        .map(|n| format!(r#"{{"place":"web/a","class":"use","person":"p{n}"}}"#))
        .collect();
    for batch in lines.chunks(1000) {
        snagd.post_as("application/x-ndjson", batch.join("\n").as_bytes()).is(200);
    }
    snagd.stop();
    fs::remove_dir_all(disk.path("index")).unwrap();
    fs::write(disk.path("some"), vec![b'x'; 7 << 20]).unwrap();
    let filler = fill(&disk.path("filler"));
    fs::remove_file(disk.path("some")).unwrap();
    let is_behind = |snagd: &Snagd| snagd.get("/v1/status").header("snag-behind").is_some();
    for _ in 0..2 {
        snagd.restart();
        until("it says that there is no room", || snagd.log().contains("no room for the index to"));
        assert!(is_behind(&snagd));
        snagd.get("/v1/hotspots").is(200);
        let answer = snagd.post(r#"{"place":"web/b","note":"it goes on"}"#);
        assert_eq!(answer.status, 201, "{answer:?}");
        snagd.kill();
    }
    snagd.restart();
    drop(filler);
    fs::remove_file(disk.path("filler")).unwrap();
    until("the index is whole", || !is_behind(&snagd));
    assert_eq!(snagd.events().len(), EVENTS + 2);
    snagd.stop();
}

/// Forgetting takes room: nothing is begun that finds none, and what is begun waits for it.
#[test]
fn forgetting_on_a_full_disk() {
    let dir = Dir::new();
    let disk = match Mounted::new(&dir, SMALL) {
        Ok(disk) => disk,
        Err(why) => return not_tried("forgetting on a full disk", &why),
    };
    let mut snagd = disk.snagd(dir);
    let told = Acknowledged::default();
    for _ in 0..20 {
        assert_eq!(told.post(&snagd, 3000), 201);
    }
    let filler = fill(&disk.path("filler"));
    until("there is no room to record", || told.post(&snagd, 30_000) == 507);
    let forget = ["forget", "--place", "web", "--yes"];
    let started = snagd.get("/v1/status").json()["started_at"].take();
    let refused = snagd.snag(&forget).ended(69);
    assert!(refused.stderr.contains("make some where snagd stores"), "{refused:#?}");
    assert!(!disk.path("forget.json").exists());
    assert_eq!(snagd.get("/v1/status").json()["started_at"], started, "nothing was done");
    reads(&snagd, &told);

    // Written down, and then the room was gone.
    drop(filler);
    fs::remove_file(disk.path("filler")).unwrap();
    fs::write(disk.path("forget.json"), r#"{"place":"web"}"#).unwrap();
    let filler = fill(&disk.path("filler"));
    for _ in 0..2 {
        snagd.kill();
        snagd.restart();
        reads(&snagd, &told);
        assert_eq!(told.post(&snagd, 300), 507);
    }
    assert!(snagd.log().contains("no room to forget"), "{}", snagd.log());
    let waits = snagd.snag(&forget).ended(69);
    assert!(waits.stderr.contains("before still waits for room"), "{waits:#?}");

    drop(filler);
    fs::remove_file(disk.path("filler")).unwrap();
    until("it is done by itself", || !disk.path("forget.json").exists());
    until("snagd is back", || snagd.snag(&["status"]).code == 0);
    assert_eq!(snagd.events().len(), 0, "{}", snagd.log());
    let again = Acknowledged::default();
    assert_eq!(again.post(&snagd, 300), 201);
    again.check(&snagd);
    snagd.stop();
}

#[test]
fn an_import_that_fills_the_disk_says_what_is_recorded_and_goes_on_later() {
    let dir = Dir::new();
    let disk = match Mounted::new(&dir, SMALL) {
        Ok(disk) => disk,
        Err(why) => return not_tried("an import that fills the disk", &why),
    };
    let lines: Vec<String> = (0..400).map(|_| event(&fresh_id(), 30_000)).collect();
    let file = dir.path().join("many.ndjson");
    fs::write(&file, lines.join("\n")).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let mut snagd = disk.snagd(dir);
    // The segment that is there has room for some.
    let filler = fill(&disk.path("filler"));
    let refused = snagd.snag(&["import", &file]).ended(69);
    let recorded = snagd.events().len();
    assert!(0 < recorded && recorded < lines.len(), "{refused:#?}");
    let so_far = format!("{recorded} events of the file are recorded");
    assert!(refused.stderr.contains(&so_far), "{so_far}: {refused:#?}");
    drop(filler);
    fs::remove_file(disk.path("filler")).unwrap();
    let rest = format!("imported {}, known before {recorded}, rejected 0", lines.len() - recorded);
    until("there is room", || snagd.snag(&["import", &file]).stdout.contains(&rest));
    assert_eq!(snagd.events().len(), lines.len());
    snagd.stop();
}

fn ext4(dir: &Dir) -> Result<Mounted, String> {
    if !is_root() {
        return Err("only root has loop devices".to_owned());
    }
    Mounted::new(dir, EXT4)
}

/// Fills the disk under a daemon, twice, with a restart in between, and makes room again.
fn fill_and_free(disk: &Mounted, mut snagd: Snagd) {
    let told = Acknowledged::default();
    for _ in 0..20 {
        assert_eq!(told.post(&snagd, 3000), 201);
    }
    let waiting = fresh_id();
    fs::write(disk.path("drop/.waiting"), event(&waiting, 300)).unwrap();
    let filler = fill(&disk.path("filler"));
    until("there is no room to record", || told.post(&snagd, 30_000) == 507);
    let answer = post(&snagd.socket(), &event(&fresh_id(), 300));
    answer.tells(507, "make room where snagd stores");
    reads(&snagd, &told);
    fs::rename(disk.path("drop/.waiting"), disk.path("drop/waiting.json")).unwrap();
    until("it says that files wait", || snagd.log().contains("dropped files wait"));

    // A crash does not help, and does no harm either.
    snagd.kill();
    snagd.restart();
    reads(&snagd, &told);
    assert_eq!(told.post(&snagd, 300), 507);
    // Whatever it gave back of its own is taken as well.
    let more = fill(&disk.path("more"));
    snagd.kill();
    snagd.restart();
    reads(&snagd, &told);
    assert_eq!(told.post(&snagd, 300), 507);
    assert!(disk.path("drop/waiting.json").exists());

    for file in [filler, more] {
        drop(file);
    }
    fs::remove_file(disk.path("filler")).unwrap();
    fs::remove_file(disk.path("more")).unwrap();
    until("it records again by itself", || told.post(&snagd, 300) == 201);
    until("the file that waited is taken", || !disk.path("drop/waiting.json").exists());
    told.add([waiting]);
    told.check(&snagd);
    snagd.stop();
    snagd.restart();
    told.check(&snagd);
    assert!(!snagd.log().contains("set the index aside"), "{}", snagd.log());
    assert!(!snagd.log().contains("panicked"), "{}", snagd.log());
    snagd.stop();
}

/// Everything that can be read is answered.
fn reads(snagd: &Snagd, told: &Acknowledged) {
    told.check(snagd);
    for path in ["/v1/status", "/v1/hotspots", "/v1/why?place=web/p0", "/v1/known"] {
        snagd.get(path).is(200);
    }
    let said = snagd.snag(&["hotspots", "--json"]).ok().json();
    assert!(said["rows"].is_array(), "{said}");
}

/// Writes to a file until there is not a byte of room left.
fn fill(path: &Path) -> File {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    // What was removed just now has its room back once that is on disk.
    for sizes in [[1 << 20, 1 << 12, 1]; 2] {
        for size in sizes {
            let piece = vec![b'x'; size];
            while file.write(&piece).is_ok() {}
        }
        file.sync_all().unwrap();
    }
    file
}

#[test]
fn a_disk_that_turns_read_only() {
    let dir = Dir::new();
    let disk = match ext4(&dir) {
        Ok(disk) => disk,
        Err(why) => return not_tried("a disk that turns read-only", &why),
    };
    let mut snagd = disk.snagd(dir);
    let told = Acknowledged::default();
    for _ in 0..20 {
        assert_eq!(told.post(&snagd, 3000), 201);
    }
    // What the kernel does when it meets a broken file system.
    let broke = disk.run(
        r#"echo test > /sys/fs/ext4/$(basename "$(findmnt -no SOURCE "$1")")/trigger_fs_error"#,
    );
    assert!(broke.status.success(), "{broke:?}");
    until("it notices", || {
        told.post(&snagd, 300);
        snagd.child.try_wait().unwrap().is_some()
    });
    assert_eq!(snagd.wait().code(), Some(74), "{}", snagd.log());
    let status = snagd.try_restart().expect_err("it cannot start");
    assert!(matches!(status.code(), Some(74 | 78)), "{status}\n{}", snagd.log());
    assert!(snagd.log().contains("ead-only file system"), "{}", snagd.log());
    let mended = disk.run(
        r#"umount "$1" && { fsck.ext4 -fy "$1.img" >&2; [ $? -le 1 ]; } && mount -o loop "$1.img" "$1""#,
    );
    assert!(mended.status.success(), "{mended:?}");
    snagd.restart();
    told.check(&snagd);
    assert_eq!(told.post(&snagd, 300), 201);
    snagd.stop();
}
