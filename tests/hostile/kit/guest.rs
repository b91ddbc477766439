//! Guests made of a few lines of WebAssembly.
//!
//! A guest is a core module in the shape that every toolchain makes for the contract: memory, an
//! allocator, and a handler that gets the event where it lies in memory. An attack writes the lines that differ.

use std::path::Path;
use std::sync::OnceLock;

use hodhod_tests::wat;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// Everything that a guest may import.
const WORLD: &str = "
    package hodhod:hostile;
    world everything {
        include hodhod:bot/bot@0.1.0;
        import hodhod:divar/kenar@0.1.0;
        import wasi:io/poll@0.2.12;
        import wasi:io/streams@0.2.12;
        import wasi:clocks/monotonic-clock@0.2.12;
        import wasi:random/random@0.2.12;
        import wasi:cli/environment@0.2.12;
        import wasi:cli/exit@0.2.12;
        import wasi:cli/stdout@0.2.12;
        import wasi:filesystem/preopens@0.2.12;
    }";

/// Imports, as the contract lowers them. The last parameter of most is where the answer is written.
pub(crate) mod import {
    macro_rules! imports {
        ($($name:ident = $module:literal $function:literal $params:literal;)+) => {
            $(pub(crate) const $name: &str = concat!(
                "(import \"", $module, "\" \"", $function, "\" (func $", stringify!($name), " ", $params, "))\n"
            );)+
        };
    }

    imports! {
        SEND = "hodhod:bot/messenger@0.1.0" "send" "(param i32 i32)";
        RESPOND = "hodhod:bot/messenger@0.1.0" "respond" "(param i32 i32 i32 i32)";
        TIMER = "hodhod:bot/timers@0.1.0" "set" "(param i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32)";
        CANCEL = "hodhod:bot/timers@0.1.0" "cancel" "(param i32 i32 i32 i32 i32 i32 i32 i32)";
        READ = "hodhod:bot/files@0.1.0" "read" "(param i32 i32 i64 i32 i32)";
        UPLOAD = "hodhod:bot/files@0.1.0" "[static]upload.start" "(param i32 i32 i32 i32 i32 i32 i32)";
        PIECE = "hodhod:bot/files@0.1.0" "[method]upload.write" "(param i32 i32 i32 i32)";
        POST = "hodhod:divar/kenar@0.1.0" "get-post" "(param i32 i32 i32 i32 i32)";
        CONSENT = "hodhod:divar/kenar@0.1.0" "request-consent" "(param i32 i32 i32 i32 i32 i32 i32)";
        OPEN = "wasi:keyvalue/store@0.2.0-draft" "open" "(param i32 i32 i32)";
        GET = "wasi:keyvalue/store@0.2.0-draft" "[method]bucket.get" "(param i32 i32 i32 i32)";
        SET = "wasi:keyvalue/store@0.2.0-draft" "[method]bucket.set" "(param i32 i32 i32 i32 i32 i32)";
        EXISTS = "wasi:keyvalue/store@0.2.0-draft" "[method]bucket.exists" "(param i32 i32 i32 i32)";
        DELETE = "wasi:keyvalue/store@0.2.0-draft" "[method]bucket.delete" "(param i32 i32 i32 i32)";
        INCREMENT = "wasi:keyvalue/atomics@0.2.0-draft" "increment" "(param i32 i32 i32 i64 i32)";
        CLOSE = "wasi:keyvalue/store@0.2.0-draft" "[resource-drop]bucket" "(param i32)";
        CONFIG = "wasi:config/store@0.2.0-rc.1" "get" "(param i32 i32 i32)";
        LOG = "wasi:logging/logging@0.1.0-draft" "log" "(param i32 i32 i32 i32 i32)";
        RANDOM = "wasi:random/random@0.2.12" "get-random-bytes" "(param i64 i32)";
        RESOLUTION = "wasi:clocks/monotonic-clock@0.2.12" "resolution" "(result i64)";
        SLEEP = "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" "(param i64) (result i32)";
        BLOCK = "wasi:io/poll@0.2.12" "[method]pollable.block" "(param i32)";
        POLL = "wasi:io/poll@0.2.12" "poll" "(param i32 i32 i32)";
        WAKE = "wasi:io/poll@0.2.12" "[resource-drop]pollable" "(param i32)";
        EXIT = "wasi:cli/exit@0.2.12" "exit" "(param i32)";
        ENVIRONMENT = "wasi:cli/environment@0.2.12" "get-environment" "(param i32)";
        ARGUMENTS = "wasi:cli/environment@0.2.12" "get-arguments" "(param i32)";
        STDOUT = "wasi:cli/stdout@0.2.12" "get-stdout" "(result i32)";
        WRITE = "wasi:io/streams@0.2.12" "[method]output-stream.write" "(param i32 i32 i32 i32)";
        PREOPENS = "wasi:filesystem/preopens@0.2.12" "get-directories" "(param i32)";
    }
}

/// The allocator of most guests: gives what comes next and takes nothing back.
const REALLOC: &str = "
    (func $realloc (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
        (global.set $next (i32.add (local.get $at) (local.get 3)))
        (block $fits
            (loop $more
                (br_if $fits (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
                (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
                unreachable))
        (local.get $at))";

/// What every guest has. The answer of a host call goes to 1024; the message to send lies at 2048, and says
/// «hi» to its own chat unless the attack writes something else there.
const COMMON: &str = r#"
    (global $next (mut i32) (i32.const 65536))
    (data (i32.const 4096) "loudabothitoo-largerate-limitedtimeoutno-such-storeaccess-denied")
    ;; connection, chat, text
    (data (i32.const 2048) "\00\10\00\00\04\00\00\00\04\10\00\00\01\00\00\00")
    (data (i32.const 2072) "\08\10\00\00\02\00\00\00")
    (func $reject (param $text i32) (param $length i32) (result i32)
        (i32.store (i32.const 512) (i32.const 1))
        (i32.store (i32.const 520) (i32.const 1))
        (i32.store (i32.const 528) (local.get $text))
        (i32.store (i32.const 532) (local.get $length))
        (i32.const 512))
    ;; Ends well, or rejects the event with what the host said at 1024.
    (func $told (result i32)
        (local $case i32)
        (if (i32.eqz (i32.load8_u (i32.const 1024))) (then (return (i32.const 16))))
        (local.set $case (i32.load8_u (i32.const 1032)))
        (if (i32.eq (local.get $case) (i32.const 3)) (then (return (call $reject (i32.const 4106) (i32.const 9)))))
        (if (i32.eq (local.get $case) (i32.const 5)) (then (return (call $reject (i32.const 4115) (i32.const 12)))))
        (if (i32.eq (local.get $case) (i32.const 6)) (then (return (call $reject (i32.const 4127) (i32.const 7)))))
        (call $reject (i32.load (i32.const 1040)) (i32.load (i32.const 1044))))
    ;; The same for stored values, whose errors are others.
    (func $told_of_values (result i32)
        (local $case i32)
        (if (i32.eqz (i32.load8_u (i32.const 1024))) (then (return (i32.const 16))))
        (local.set $case (i32.load8_u (i32.const 1028)))
        (if (i32.eqz (local.get $case)) (then (return (call $reject (i32.const 4134) (i32.const 13)))))
        (if (i32.eq (local.get $case) (i32.const 1)) (then (return (call $reject (i32.const 4147) (i32.const 13)))))
        (call $reject (i32.load (i32.const 1032)) (i32.load (i32.const 1036))))
"#;

/// What differs from guest to guest. All of it is WebAssembly text.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    /// What it imports.
    pub(crate) imports: String,
    /// Its memory, as pages.
    pub(crate) memory: String,
    /// What the handler does; what it leaves on the stack is where its result lies, and 16 is «well».
    pub(crate) body: String,
    /// Its allocator.
    pub(crate) realloc: String,
    /// Whatever else is in the module.
    pub(crate) rest: String,
}

impl Guest {
    /// A guest whose handler is `body`.
    pub(crate) fn new(imports: &[&str], body: &str) -> Self {
        Self {
            imports: imports.concat(),
            memory: "2".to_owned(),
            body: body.to_owned(),
            realloc: REALLOC.to_owned(),
            rest: String::new(),
        }
    }

    /// A guest that handles everything well and has `rest` in its module.
    pub(crate) fn with(rest: &str) -> Self {
        Self::new(&[], "(i32.const 16)").and(rest)
    }

    pub(crate) fn and(self, rest: &str) -> Self {
        Self { rest: rest.to_owned(), ..self }
    }

    pub(crate) fn memory(self, pages: &str) -> Self {
        Self { memory: pages.to_owned(), ..self }
    }

    /// The component.
    pub(crate) fn component(&self) -> Vec<u8> {
        let Self { imports, memory, body, realloc, rest } = self;
        let mut module = wat(&format!(
            r#"(module
                {imports}
                (memory (export "memory") {memory})
                {COMMON}
                {realloc}
                {rest}
                (func (export "hodhod:bot/handler@0.1.0#handle") (param $event i32) (result i32)
                    (local $n i32)
                    {body}))"#
        ));
        let (resolve, world) = contract();
        embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
    }
}

fn contract() -> &'static (Resolve, WorldId) {
    static CONTRACT: OnceLock<(Resolve, WorldId)> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        resolve.push_dir(wit).unwrap();
        let package = resolve.push_str("hostile.wit", WORLD).unwrap();
        let world = resolve.select_world(&[package], Some("everything")).unwrap();
        (resolve, world)
    })
}
