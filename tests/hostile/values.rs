//! Guests that store and read more than they may, or what is not theirs.

use hodhod_core::runtime::Reason;

use crate::kit::{Attack, Guest, import};

/// Opens the bucket «bot», and keeps its handle in `$n`.
const OPEN: &str = "(call $OPEN (i32.const 4101) (i32.const 3) (i32.const 1024))
    (local.set $n (i32.load (i32.const 1028)))";

/// Stores a value: key and value as places and lengths.
fn stores(key: (u32, u32), value: (u32, u32)) -> Guest {
    let set = format!(
        "{OPEN}
        (call $SET (local.get $n) (i32.const {}) (i32.const {}) (i32.const {}) (i32.const {}) (i32.const 1024))
        (call $told_of_values)",
        key.0, key.1, value.0, value.1
    );
    Guest::new(&[import::OPEN, import::SET], &set).memory("200")
}

/// Does this with one key after the other, of four bytes each, until it is refused.
fn each_key(imports: &[&str], call: &str) -> Guest {
    let all = format!(
        "{OPEN} (i32.store (i32.const 5000) (i32.const 0x61616120))
        (loop
            {call}
            (i32.store (i32.const 5000) (i32.add (i32.load (i32.const 5000)) (i32.const 1)))
            ;; No byte of a key is beyond what can be shown.
            (if (i32.gt_u (i32.load8_u (i32.const 5000)) (i32.const 126))
                (then (i32.store (i32.const 5000) (i32.add (i32.load (i32.const 5000)) (i32.const 0xa1)))))
            (br_if 0 (i32.eqz (i32.load8_u (i32.const 1024)))))
        (call $told_of_values)"
    );
    Guest::new(imports, &all)
}

#[test]
fn a_key_of_257_bytes() {
    Attack::by(&stores((131_072, 257), (4096, 4))).run().rejects("too large: at most 256 bytes");
}

#[test]
fn a_key_of_nothing() {
    Attack::by(&stores((65536, 0), (4096, 4))).run().rejects("invalid: the key is empty");
}

#[test]
fn a_value_of_one_byte_too_many() {
    Attack::by(&stores((4096, 4), (65536, 65537))).run().rejects("too large: at most 65536 bytes");
}

#[test]
fn a_flood_of_keys() {
    let set =
        "(call $SET (local.get $n) (i32.const 5000) (i32.const 4) (i32.const 4096) (i32.const 4) (i32.const 1024))";
    let attack = Attack::by(&each_key(&[import::OPEN, import::SET], set));
    attack.run().rejects("quota exceeded: writes: 256 values in one turn");
}

#[test]
fn a_flood_of_keys_within_a_turn_and_beyond_the_bucket() {
    let set =
        "(call $SET (local.get $n) (i32.const 5000) (i32.const 4) (i32.const 4096) (i32.const 4) (i32.const 1024))";
    let attack = Attack::by(&each_key(&[import::OPEN, import::SET], set)).limits(|limits| limits.bucket_keys = 100);
    attack.run().rejects("quota exceeded: bucket_keys: 100");
}

#[test]
fn a_flood_of_values() {
    let set = "(call $SET (local.get $n) (i32.const 5000) (i32.const 4) (i32.const 4096) (i32.const 60000)
        (i32.const 1024))";
    let guest = each_key(&[import::OPEN, import::SET], set);
    let attack = Attack::by(&guest);
    attack.run().rejects("quota exceeded: buffer: 1048576 bytes of messages and values in one turn");
}

#[test]
fn a_flood_of_values_beyond_all_that_the_bot_may_have() {
    let set = "(call $SET (local.get $n) (i32.const 5000) (i32.const 4) (i32.const 4096) (i32.const 60000)
        (i32.const 1024))";
    let attack = Attack::by(&each_key(&[import::OPEN, import::SET], set)).limits(|limits| limits.bot_bytes = 200_000);
    attack.run().rejects("quota exceeded: bot_bytes: 200000");
}

#[test]
fn one_value_written_again_and_again() {
    let set = format!(
        "{OPEN}
        (loop
            (call $SET (local.get $n) (i32.const 4096) (i32.const 4) (i32.const 4096) (i32.const 60000)
                (i32.const 1024))
            (br_if 0 (i32.eqz (i32.load8_u (i32.const 1024)))))
        (call $told_of_values)"
    );
    let attack = Attack::by(&Guest::new(&[import::OPEN, import::SET], &set));
    attack.run().rejects("quota exceeded: buffer: 1048576 bytes of messages and values in one turn");
}

#[test]
fn a_flood_of_reads() {
    let get = "(call $GET (local.get $n) (i32.const 5000) (i32.const 4) (i32.const 1024))";
    let attack = Attack::by(&each_key(&[import::OPEN, import::GET], get));
    attack.run().rejects("quota exceeded: reads: 1024 values in one turn");
}

#[test]
fn a_key_that_is_no_utf_8() {
    Attack::by(&stores((5000, 2), (4096, 4)).and(r#"(data (i32.const 5000) "\ff\fe")"#)).run().fails(Reason::Panic);
}

/// Opens a bucket of this name.
fn opens(name: &str) {
    let escaped: String = name.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let open =
        format!("(call $OPEN (i32.const 5000) (i32.const {}) (i32.const 1024)) (call $told_of_values)", name.len());
    let guest = Guest::new(&[import::OPEN], &open).and(&format!(r#"(data (i32.const 5000) "{escaped}")"#));
    Attack::by(&guest).run().rejects("no-such-store");
}

#[test]
fn a_bucket_outside_of_the_folder() {
    opens("../bot");
}

#[test]
fn a_bucket_of_another_chat() {
    opens("chat:other");
}

#[test]
fn a_bucket_of_another_bot() {
    opens("quiet/bot");
}

#[test]
fn a_bucket_whose_name_goes_on_after_a_zero() {
    opens("bot\0chat");
}

#[test]
fn a_bucket_without_a_name() {
    opens("");
}

#[test]
fn a_bucket_in_other_letters() {
    opens("BOT");
}

#[test]
fn a_bucket_whose_name_commands_the_database() {
    opens("bot'; DROP TABLE kv; --");
}
