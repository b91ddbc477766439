//! Random inputs for a reader of what strangers write, on the stable compiler.
//!
//! Every file of a corpus is tried, and then mutations of them for as long as `HODHOD_FUZZ_SECONDS`
//! says, a second without it. A check is a function that panics where a promise is broken, and says
//! otherwise what became of the input: an input with a new outcome is mutated on, so that chance
//! gets behind the first error. `HODHOD_FUZZ_SEED` repeats a run. Of everything in `core` this alone
//! reads files and the time; it is built for tests only.

#![expect(clippy::panic, clippy::print_stdout, reason = "a test fails by panicking and tells what it did")]

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Longest input, in bytes: enough to get over every limit but the largest.
const LONGEST: usize = 8 << 10;

/// Most inputs that are mutated on beside the corpus.
const KEPT: usize = 2048;

/// Time for one input: far more than any reader takes on a busy machine.
const SLOW: Duration = Duration::from_secs(30);

/// An input that makes others.
pub type Seed = Vec<u8>;

/// The files of a folder in the order of their names.
pub fn corpus(folder: impl AsRef<Path>) -> Vec<Seed> {
    let folder = folder.as_ref();
    let broken = |error: std::io::Error| -> ! { panic!("{}: {error}", folder.display()) };
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| broken(error));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap_or_else(|error| broken(error)).path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| std::fs::read(path).unwrap_or_else(|error| broken(error))).collect()
}

/// A number that is made of an input, for choices that a check makes.
pub fn number(input: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    hasher.finish()
}

/// The words of a message without what differs from input to input: an outcome for a check.
pub fn words(message: &impl ToString) -> String {
    let message = message.to_string();
    let (head, tail) = message.split_once(['"', '`']).unwrap_or((&message, ""));
    let unquoted = [head, tail.rsplit_once(['"', '`']).map_or(tail, |(_, tail)| tail)].concat();
    unquoted.chars().filter(char::is_ascii_alphabetic).take(200).collect()
}

/// Checks every seed, and then mutations of the seeds with the words of `dictionary`.
pub fn run<Outcome: Hash>(name: &str, seeds: Vec<Seed>, dictionary: &[&[u8]], mut check: impl FnMut(&[u8]) -> Outcome) {
    let set = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let time = Duration::from_secs(set("HODHOD_FUZZ_SECONDS").unwrap_or(1));
    let seed = set("HODHOD_FUZZ_SEED").unwrap_or_else(rand::random);
    let (began, mut slowest, mut runs) = (Instant::now(), Duration::ZERO, 0_u64);
    let (mut rng, mut pool, mut outcomes) = (StdRng::seed_from_u64(seed), seeds, HashSet::new());
    let corpus = pool.len();
    while runs < corpus as u64 || began.elapsed() < time {
        let known = usize::try_from(runs).ok().filter(|run| *run < corpus);
        let input = known.map_or_else(|| mutate(&mut rng, &pool, dictionary), |run| pool[run].clone());
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let outcome = check(&input);
            assert!(start.elapsed() < SLOW, "it took {:?}", start.elapsed());
            outcome
        }));
        runs += 1;
        slowest = slowest.max(start.elapsed());
        let mut hasher = DefaultHasher::new();
        match result {
            Ok(outcome) => outcome.hash(&mut hasher),
            Err(panic) => {
                let path = std::env::temp_dir().join(format!("hodhod-{name}-{:016x}", number(&input)));
                let written = std::fs::write(&path, &input);
                println!("{name}: seed {seed}, run {runs}, input in {} ({written:?}):", path.display());
                println!("{}", input.escape_ascii());
                resume_unwind(panic);
            }
        }
        if outcomes.insert(hasher.finish()) && known.is_none() {
            match pool.len().checked_sub(corpus + KEPT) {
                None => pool.push(input),
                Some(_) => pool[rng.random_range(corpus..corpus + KEPT)] = input,
            }
        }
    }
    let (found, spent) = (outcomes.len(), began.elapsed().as_secs());
    println!("{name}: seed {seed}, {runs} runs in {spent} s, {corpus} seeds, {found} outcomes, slowest {slowest:?}");
}

fn mutate(rng: &mut StdRng, pool: &[Seed], dictionary: &[&[u8]]) -> Seed {
    let one = |rng: &mut StdRng| &pool[rng.random_range(0..pool.len())];
    let mut input = one(rng).clone();
    for _ in 0..rng.random_range(1..=6) {
        let (start, end) = part(rng, &input);
        match rng.random_range(0..10) {
            // Splice, or take a part of another.
            0 => {
                let other = one(rng);
                let (from, _) = part(rng, other);
                input.truncate(start);
                input.extend_from_slice(&other[from..]);
            }
            1 => {
                let other = one(rng);
                let (from, to) = part(rng, other);
                drop(input.splice(start..end, other[from..to].iter().copied()));
            }
            2 | 3 if !dictionary.is_empty() => {
                let word = dictionary[rng.random_range(0..dictionary.len())];
                drop(input.splice(start..start, word.iter().copied()));
            }
            4 if !dictionary.is_empty() => {
                let word = dictionary[rng.random_range(0..dictionary.len())];
                drop(input.splice(start..end, word.iter().copied()));
            }
            5 => {
                let times = 1_usize << rng.random_range(0..8);
                let repeated = input[start..end].repeat(times.min(1 + LONGEST / (1 + end - start)));
                drop(input.splice(start..start, repeated));
            }
            6 => drop(input.drain(start..end)),
            7 => input.truncate(start),
            8 if start < input.len() => input[start] ^= 1 << rng.random_range(0..8),
            _ if start < input.len() => input[start] = rng.random(),
            _ => input.push(rng.random()),
        }
        input.truncate(LONGEST);
    }
    input
}

/// Where a part begins and ends; half of the time next to a character that means something.
fn part(rng: &mut StdRng, input: &[u8]) -> (usize, usize) {
    let mut place = || {
        let place = rng.random_range(0..=input.len());
        let next = input[place..].iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        if rng.random() { place + next.unwrap_or_default() } else { place }
    };
    let (one, other) = (place(), place());
    (one.min(other), one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutation_finds_what_is_not_in_the_corpus_and_stays_short() {
        let (mut rng, pool) = (StdRng::seed_from_u64(1), vec![b"{\"a\":1}".to_vec(), b"[2,3]".to_vec(), Seed::new()]);
        let made: HashSet<_> = (0..10_000).map(|_| mutate(&mut rng, &pool, &[b"word"])).collect();
        assert!(made.len() > 5000 && made.iter().all(|input| input.len() <= LONGEST));
        assert!(made.iter().any(|input| input.windows(4).any(|part| part == b"word")));
        assert!(made.iter().any(|input| input.starts_with(b"{\"a") && input.ends_with(b"3]")), "two were spliced");
    }
}
