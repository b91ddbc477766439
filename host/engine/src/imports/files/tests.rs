//! The interface as a guest calls it, over a platform that does what each test wants.

mod rig;
mod shelf;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use hodhod_core::files::FileSeal;
use hodhod_core::runtime::Limits;
use hodhod_core::turn::GivenFile;

use self::rig::{Rig, again, finish, read, start, start_to, write};
use self::shelf::{PLATFORM_PIECE, Shelf};
use super::*;

fn numbers(count: u32) -> Vec<u8> {
    (0..count).flat_map(u32::to_le_bytes).collect()
}

#[tokio::test]
async fn a_file_is_read_at_any_offset_in_any_order_and_comes_once() {
    let whole = numbers(20_000);
    for says_its_size in [false, true] {
        let rig = Rig::new(Shelf { file: whole.clone(), says_its_size, ..Shelf::default() });
        let mut state = rig.state(Limits::default());
        for (offset, length) in [(0, 10), (79_990, 100), (5, 0), (999, 2), (0, 80_000), (80_000, 5), (40_000, 1_u32)] {
            let got = read(&mut state, &rig.name(), offset as u64, length).await.unwrap();
            assert_eq!(got, whole[offset..(offset + length as usize).min(whole.len())], "{offset} {length}");
        }
        assert_eq!(read(&mut state, &rig.name(), u64::MAX, 9).await, Ok(Vec::new()));
        assert_eq!(rig.shelf.downloads.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn an_empty_file_is_read_to_its_end() {
    let rig = Rig::new(Shelf::default());
    assert_eq!(read(&mut rig.state(Limits::default()), &rig.name(), 0, 10).await, Ok(Vec::new()));
}

#[tokio::test]
async fn of_a_file_whose_beginning_is_read_the_rest_does_not_come() {
    let taken = Arc::new(AtomicUsize::new(0));
    let rig = Rig::new(Shelf::default());
    let mut state = rig.state(Limits::default());
    let counted = taken.clone();
    let endless = stream::repeat_with(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(Bytes::from_static(&[7; PLATFORM_PIECE]))
    });
    let platform = Arc::new(Shelf { stream: Mutex::new(Some(endless.boxed())), ..Shelf::default() });
    let folder = rig.folder.path();
    let given = GivenFile { platform, key: "key".into(), told: None };
    let mut reading = Reading::begin(folder, &Handle::current(), given, 1 << 30).unwrap();
    assert_eq!(reading.read(10, 10).await.unwrap(), [7; 10]);
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(taken.load(Ordering::SeqCst) < 20, "{taken:?} pieces were taken");
    assert_eq!(read(&mut state, &rig.name(), 0, 1).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_file_that_breaks_off_is_unavailable_and_begins_anew_when_it_is_asked_for_again() {
    let whole = numbers(2000);
    let breaks_after = Mutex::new(Some(3));
    let rig = Rig::new(Shelf { file: whole.clone(), breaks_after, ..Shelf::default() });
    let mut state = rig.state(Limits::default());
    assert_eq!(read(&mut state, &rig.name(), 0, 3000).await, Ok(whole[..3000].to_vec()));
    let broken = read(&mut state, &rig.name(), 2999, 2).await;
    assert_eq!(broken, Err(Refusal::Unavailable("the line broke".to_owned())));
    assert_eq!(read(&mut state, &rig.name(), 0, 8000).await, Ok(whole));
    assert_eq!(rig.shelf.downloads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_bot_cannot_read_what_it_was_not_given() {
    let rig = Rig::new(Shelf { file: numbers(10), ..Shelf::default() });
    let mut state = rig.state(Limits::default());
    let others = rig.seal.seal(&"other".into(), &"shop".into(), "key");
    let forged = FileSeal::new([4; 32]).seal(&"bot".into(), &"shop".into(), "key");
    for name in ["key", "", &others, &forged, &format!("{}x", rig.name())] {
        assert!(matches!(read(&mut state, name, 0, 1).await, Err(Refusal::Invalid(_))), "{name}");
    }
    let elsewhere = rig.seal.seal(&"bot".into(), &"elsewhere".into(), "key");
    assert!(matches!(read(&mut state, &elsewhere, 0, 1).await, Err(Refusal::Denied(_))));
    assert!(matches!(start_to(&mut state, "elsewhere").await, Err(Refusal::Denied(_))));
    assert_eq!(rig.shelf.downloads.load(Ordering::SeqCst), 0, "the platform heard of none of it");
}

#[tokio::test]
async fn a_file_that_the_platform_has_no_more_is_invalid() {
    let rig = Rig::new(Shelf::default());
    let gone = rig.seal.seal(&"bot".into(), &"shop".into(), "gone");
    let refused = read(&mut rig.state(Limits::default()), &gone, 0, 1).await;
    assert_eq!(refused, Err(Refusal::Invalid("Invalid File Url".to_owned())));
}

#[tokio::test]
async fn limit_piece_is_the_most_that_one_call_reads_or_writes() {
    let whole = numbers(400_000);
    let rig = Rig::new(Shelf { file: whole.clone(), ..Shelf::default() });
    let mut state = rig.state(Limits::default());
    let most = u32::try_from(PIECE).unwrap();
    assert_eq!(read(&mut state, &rig.name(), 0, most).await, Ok(whole[..PIECE].to_vec()));
    assert_eq!(read(&mut state, &rig.name(), 0, most + 1).await, Err(Refusal::TooLarge(PIECE as u64)));
    let upload = start(&mut state).await.unwrap();
    assert_eq!(write(&mut state, &upload, &whole[..PIECE]).await, Ok(()));
    assert_eq!(write(&mut state, &upload, &whole[..PIECE + 1]).await, Err(Refusal::TooLarge(PIECE as u64)));
    finish(&mut state, &upload).await.unwrap();
    assert_eq!(rig.shelf.uploads.lock().unwrap()[0].2, whole[..PIECE], "what was refused is not in it");
}

#[tokio::test]
async fn limit_download_is_the_most_that_is_read_of_one_file() {
    let whole = numbers(2500);
    for says_its_size in [false, true] {
        let rig = Rig::new(Shelf { file: whole.clone(), says_its_size, ..Shelf::default() });
        let mut state = rig.state(Limits { download: 10_000, ..Limits::default() });
        assert_eq!(read(&mut state, &rig.name(), 0, 20_000).await, Ok(whole.clone()), "as long as the limit");

        let mut state = rig.state(Limits { download: 9999, ..Limits::default() });
        for _ in 0..2 {
            assert_eq!(read(&mut state, &rig.name(), 0, 20_000).await, Err(Refusal::TooLarge(9999)));
        }
    }
}

#[tokio::test]
async fn limit_upload_is_the_most_that_is_written_to_one_file() {
    let rig = Rig::new(Shelf::default());
    let mut state = rig.state(Limits { upload: 1000, ..Limits::default() });
    let upload = start(&mut state).await.unwrap();
    assert_eq!(write(&mut state, &upload, &[1; 600]).await, Ok(()));
    assert_eq!(write(&mut state, &upload, &[2; 401]).await, Err(Refusal::TooLarge(1000)));
    assert_eq!(write(&mut state, &upload, &[3; 400]).await, Ok(()));
    finish(&mut state, &upload).await.unwrap();
    assert_eq!(rig.shelf.uploads.lock().unwrap()[0].2, [[1; 600].as_slice(), &[3; 400]].concat());
}

#[tokio::test]
async fn limit_files_counts_those_that_are_read_and_those_that_are_uploaded() {
    let rig = Rig::new(Shelf { file: numbers(10), ..Shelf::default() });
    let mut state = rig.state(Limits { files: 2, ..Limits::default() });
    for _ in 0..3 {
        read(&mut state, &rig.name(), 0, 1).await.unwrap();
    }
    let upload = start(&mut state).await.unwrap();
    HostUpload::drop(&mut state, upload).await.unwrap();
    let full = Refusal::Quota("files: 2 in one turn".to_owned());
    assert_eq!(start(&mut state).await.map(|_| ()), Err(full.clone()));
    let another = rig.seal.seal(&"bot".into(), &"shop".into(), "another");
    assert_eq!(read(&mut state, &another, 0, 1).await, Err(full));
    assert!(read(&mut state, &rig.name(), 0, 1).await.is_ok(), "one that is open stays so");
}

#[tokio::test]
async fn an_upload_that_fails_twice_succeeds_the_third_time_with_the_same_bytes() {
    let whole = numbers(100_000);
    let unavailable = || FileError::Unavailable("busy".to_owned());
    let failures = Mutex::new([unavailable(), FileError::Wait(Duration::from_millis(1))].into());
    let rig = Rig::new(Shelf { failures, ..Shelf::default() });
    let mut state = rig.state(Limits::default());
    let upload = start(&mut state).await.unwrap();
    for piece in whole.chunks(300_000) {
        write(&mut state, &upload, piece).await.unwrap();
    }
    let name = finish(&mut state, &upload).await.unwrap();
    let (connection, key) = rig.seal.open(&"bot".into(), &name).unwrap();
    assert_eq!((connection, key.as_str()), ("shop".into(), "uploaded-3"));
    let uploads = rig.shelf.uploads.lock().unwrap().clone();
    assert_eq!(uploads, vec![("گل.jpg".to_owned(), "image/jpeg".to_owned(), whole); 3]);

    let over = Err(Refusal::Invalid("this upload has been finished".to_owned()));
    assert_eq!(finish(&mut state, &upload).await, over);
    assert_eq!(write(&mut state, &upload, b"x").await.map(|()| String::new()), over);
}

#[tokio::test]
async fn an_upload_that_keeps_failing_is_told_and_may_be_finished_later() {
    let failures = Mutex::new(vec![FileError::Unavailable("busy".to_owned()); 3].into());
    let rig = Rig::new(Shelf { failures, ..Shelf::default() });
    let mut state = rig.state(Limits::default());
    let upload = start(&mut state).await.unwrap();
    write(&mut state, &upload, b"abc").await.unwrap();
    assert_eq!(finish(&mut state, &upload).await, Err(Refusal::Unavailable("busy".to_owned())));
    assert_eq!(rig.shelf.uploads.lock().unwrap().len(), 3);
    assert!(finish(&mut state, &upload).await.is_ok());
    assert_eq!(rig.shelf.uploads.lock().unwrap()[3].2, b"abc");
}

#[tokio::test]
async fn what_waiting_does_not_help_is_told_at_once() {
    for (failure, told) in [
        (FileError::Wait(Duration::from_secs(60)), Refusal::Wait(Duration::from_secs(60))),
        (FileError::Refused("never".to_owned()), Refusal::Invalid("never".to_owned())),
        (FileError::TooLarge(5), Refusal::TooLarge(5)),
        (FileError::Unsupported("no files".to_owned()), Refusal::Unsupported("no files".to_owned())),
    ] {
        let rig = Rig::new(Shelf { failures: Mutex::new([failure].into()), ..Shelf::default() });
        let mut state = rig.state(Limits::default());
        let upload = start(&mut state).await.unwrap();
        assert_eq!(finish(&mut state, &upload).await, Err(told));
        assert_eq!(rig.shelf.uploads.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_turn_that_ends_in_whatever_way_holds_no_file_any_more() {
    let rig = Rig::new(Shelf { file: numbers(100_000), hangs: true, ..Shelf::default() });
    let mut state = rig.state(Limits::default());
    read(&mut state, &rig.name(), 0, 10).await.unwrap();
    let upload = start(&mut state).await.unwrap();
    write(&mut state, &upload, &[0; 100_000]).await.unwrap();
    assert_eq!(rig.held(), 2);
    assert_eq!(std::fs::read_dir(rig.folder.path()).unwrap().count(), 0, "they have no names");

    // As at the wall-clock limit: the call is dropped with the request under way.
    assert!(tokio::time::timeout(Duration::from_millis(20), state.finish(again(&upload))).await.is_err());
    drop(state);
    while rig.held() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_the_hosts_trouble_and_its_path_nobodys() {
    let rig = Rig::new(Shelf::default());
    let mut state = rig.state(Limits::default());
    std::fs::remove_dir(rig.folder.path()).unwrap();
    let error = read(&mut state, &rig.name(), 0, 1).await;
    assert_eq!(error, Err(Refusal::Unavailable("the host cannot keep the file".to_owned())));
}
