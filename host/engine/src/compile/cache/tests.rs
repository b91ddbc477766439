use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::compile::obtain;
use crate::engine::{Engine, PoolSize};

const KEY: [u8; 32] = [7; 32];

/// A folder, and an engine that keeps its code there.
struct Host {
    folder: TempDir,
    engine: Engine,
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(cache(&folder, KEY));
        Self { folder, engine }
    }

    /// Loads a component and tells whether it was compiled for it.
    fn compiles(&self, component: &[u8], digest: Digest) -> bool {
        let before = self.engine.compiled();
        let component = obtain(&self.engine, component, &digest).unwrap();
        assert!(component.get_export_index(None, "run").is_some(), "it is the component that was asked for");
        self.engine.compiled() > before
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.engine.cache.as_ref().unwrap().path(&self.engine.hash, digest)
    }
}

fn cache(folder: &TempDir, key: [u8; 32]) -> Cache {
    Cache::new(folder.path().join("cache"), key)
}

fn engine(cache: Cache) -> Engine {
    Engine::new(PoolSize { turns: 1, memory: 1 << 20 }).unwrap().with_cache(cache)
}

fn component(result: u32) -> Vec<u8> {
    let text = format!(
        r#"(component
            (core module $m (func (export "run") (result i32) i32.const {result}))
            (core instance $i (instantiate $m))
            (func (export "run") (result u32) (canon lift (core func $i "run"))))"#
    );
    wat::parse_str(text).unwrap()
}

const ONE: Digest = [1; 32];
const TWO: Digest = [2; 32];

#[test]
fn what_was_compiled_once_is_not_compiled_again() {
    let host = Host::new();
    let bytes = component(1);
    assert!(host.compiles(&bytes, ONE));
    assert!(!host.compiles(&bytes, ONE));
    assert!(host.compiles(&bytes, TWO), "another component is another entry");
    let next = engine(cache(&host.folder, KEY));
    obtain(&next, &bytes, &ONE).unwrap();
    assert_eq!(next.compiled(), 0, "also not after the next start");
}

#[test]
fn what_is_kept_is_for_its_owner_only_and_nothing_else_is_left() {
    let host = Host::new();
    host.compiles(&component(1), ONE);
    let path = host.path(&ONE);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    let folder = path.parent().unwrap();
    assert_eq!([mode(&path), mode(folder), mode(folder.parent().unwrap())], [0o600, 0o700, 0o700]);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
    assert_eq!(format!("{:?}", host.engine.cache.unwrap()).matches("***").count(), 1, "the key is not printed");
}

#[test]
fn a_byte_altered_anywhere_is_noticed_and_replaced() {
    let host = Host::new();
    let bytes = component(1);
    host.compiles(&bytes, ONE);
    let whole = fs::read(host.path(&ONE)).unwrap();
    // Format, MAC, the first and the last byte of the code, and some between.
    let spread = (HEADER..whole.len()).step_by(whole.len() / 16);
    for place in [0, 15, 16, 31, 47, HEADER, whole.len() - 1].into_iter().chain(spread) {
        let mut altered = whole.clone();
        altered[place] ^= 1;
        fs::write(host.path(&ONE), altered).unwrap();
        assert!(host.compiles(&bytes, ONE), "byte {place} of {}", whole.len());
        assert!(!host.compiles(&bytes, ONE), "it was replaced");
    }
}

#[test]
fn a_file_that_was_cut_off_or_goes_on_is_noticed_and_replaced() {
    let host = Host::new();
    let bytes = component(1);
    host.compiles(&bytes, ONE);
    let whole = fs::read(host.path(&ONE)).unwrap();
    for length in [0, 1, 16, 47, HEADER, HEADER + 1, whole.len() / 2, whole.len() - 1] {
        fs::write(host.path(&ONE), &whole[..length]).unwrap();
        assert!(host.compiles(&bytes, ONE), "{length} bytes of {}", whole.len());
    }
    fs::write(host.path(&ONE), [whole.as_slice(), b"\0"].concat()).unwrap();
    assert!(host.compiles(&bytes, ONE), "one byte more");
    assert!(!host.compiles(&bytes, ONE));
}

#[test]
fn an_entry_of_another_component_engine_or_key_is_noticed_and_replaced() {
    let host = Host::new();
    let bytes = component(1);
    host.compiles(&bytes, ONE);
    let path = host.path(&ONE);
    let one = fs::read(&path).unwrap();

    host.compiles(&component(2), TWO);
    fs::copy(host.path(&TWO), &path).unwrap();
    assert!(host.compiles(&bytes, ONE), "sealed for another component");

    let cache = host.engine.cache.as_ref().unwrap();
    let code = cache.take(&host.engine.hash, &ONE).unwrap();
    cache.keep("another engine", &ONE, &code);
    fs::copy(cache.path("another engine", &ONE), &path).unwrap();
    assert!(host.compiles(&bytes, ONE), "sealed for another engine");

    let other = Host::new();
    let stranger = engine(self::cache(&other.folder, [8; 32]));
    obtain(&stranger, &bytes, &ONE).unwrap();
    fs::copy(other.path(&ONE), &path).unwrap();
    assert!(host.compiles(&bytes, ONE), "sealed by another host");

    fs::write(&path, &one[HEADER..]).unwrap();
    assert!(host.compiles(&bytes, ONE), "not sealed at all");
    assert!(!host.compiles(&bytes, ONE));
}

#[test]
fn what_is_no_plain_file_is_not_read_and_replaced() {
    let host = Host::new();
    let bytes = component(1);
    host.compiles(&bytes, ONE);
    let (path, elsewhere) = (host.path(&ONE), host.folder.path().join("elsewhere"));
    fs::rename(&path, &elsewhere).unwrap();
    let sealed = fs::read(&elsewhere).unwrap();

    symlink(&elsewhere, &path).unwrap();
    assert!(host.compiles(&bytes, ONE), "a link, even to a good file");
    assert!(!path.is_symlink());
    assert_eq!(fs::read(&elsewhere).unwrap(), sealed, "what it pointed to was not written to");

    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(host.compiles(&bytes, ONE), "a folder");

    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert!(host.compiles(&bytes, ONE), "a pipe, which is not waited for");
    assert!(!host.compiles(&bytes, ONE));
}

/// Somebody with the key cannot be told from the host, but what does not fit the engine is no fault either.
#[test]
fn sealed_bytes_that_are_no_code_are_compiled_anew() {
    let host = Host::new();
    let bytes = component(1);
    for code in [&b""[..], b"\x7fELF", &[0; 4096]] {
        let cache = host.engine.cache.as_ref().unwrap();
        cache.keep(&host.engine.hash, &ONE, &Trusted::compiled(code.to_vec()));
        assert!(host.compiles(&bytes, ONE));
        assert!(!host.compiles(&bytes, ONE));
    }
}

#[test]
fn a_folder_that_cannot_be_written_keeps_nobody_from_running() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cache"), "a file").unwrap();
    let engine = engine(cache(&folder, KEY));
    for times in 1..=2 {
        obtain(&engine, &component(1), &ONE).unwrap();
        assert_eq!(engine.compiled(), times);
    }
}

/// Fills a cache one entry after the other, each used a minute later, and gives the names that are left.
fn left(cache: &Cache, code: &Trusted, count: u8) -> Vec<u8> {
    let began = SystemTime::now() - Duration::from_secs(100_000);
    for number in 1..=count {
        // Two engines in turn: the bounds are for all together.
        let engine = if number % 2 == 0 { "new" } else { "old" };
        cache.keep(engine, &[number; 32], code);
        let used = began + Duration::from_secs(60 * u64::from(number));
        File::open(cache.path(engine, &[number; 32])).unwrap().set_modified(used).unwrap();
    }
    (1..=count)
        .filter(|number| ["new", "old"].iter().any(|engine| cache.path(engine, &[*number; 32]).exists()))
        .collect()
}

#[test]
fn limit_cache_entries_the_least_recently_used_go() {
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(&folder, KEY);
    let code = Trusted::compiled(vec![1; 10]);
    assert_eq!(left(&cache, &code, 70), (7..=70).collect::<Vec<_>>());
    assert_eq!(cache.entries, 64);

    // Being read is being used.
    assert!(cache.take("old", &[7; 32]).is_some());
    cache.keep("new", &[100; 32], &code);
    assert!(cache.path("old", &[7; 32]).exists());
    assert!(!cache.path("new", &[8; 32]).exists());
}

#[test]
fn limit_cache_bytes_the_least_recently_used_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = cache(&folder, KEY);
    assert_eq!(cache.bytes, 2 << 30);
    cache.bytes = 10_000;
    let size = 3000 - HEADER;
    assert_eq!(left(&cache, &Trusted::compiled(vec![1; size]), 8), [6, 7, 8]);

    // One that is larger than all there may be is still kept until the next one comes.
    cache.keep("third", &[100; 32], &Trusted::compiled(vec![1; 20_000]));
    assert!(cache.take("third", &[100; 32]).is_some());
    assert!(!folder.path().join("cache/new").exists(), "the folder of an engine goes with its last file");
    cache.keep("third", &[101; 32], &Trusted::compiled(vec![1; size]));
    assert!(cache.take("third", &[100; 32]).is_none());
}

#[test]
fn what_a_killed_host_left_half_written_goes_in_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = cache(&folder, KEY);
    cache.entries = 2;
    let code = Trusted::compiled(vec![1; 10]);
    cache.keep("engine", &ONE, &code);
    let half = cache.path("engine", &ONE).with_file_name(".123-abc");
    fs::write(&half, "half").unwrap();
    fs::set_permissions(&half, Permissions::from_mode(0o600)).unwrap();
    File::open(&half).unwrap().set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    cache.keep("engine", &TWO, &code);
    assert!(!half.exists());
    assert!(cache.take("engine", &ONE).is_some());
}
