//! Random bytes, straight from the import, since `std` has no function for them.

use std::fmt::Write;

mod raw {
    wit_bindgen::generate!({
        inline: "package guests:random; world random { import wasi:random/random@0.2.12; }",
        path: "../../wit/deps/random",
        generate_all,
    });
}

/// Eight random bytes, as sixteen digits.
pub(crate) fn hex() -> String {
    let mut hex = String::new();
    for byte in raw::wasi::random::random::get_random_bytes(8) {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
