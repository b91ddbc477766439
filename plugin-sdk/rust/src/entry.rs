//! The way in: from the one function that a component exports to the methods of a bot.

use crate::{Bot, Context, Error, Event, Migrate, Result, Timer};

/// Handles one event with a new bot. [`export!`](crate::export) calls it.
pub fn handle<B: Bot + Default>(event: &Event) -> Result {
    let mut bot = B::default();
    let ctx = Context::new(event);
    match event {
        Event::Message(message) => bot.on_message(&ctx, message),
        Event::Timer(timer) => bot.on_timer(&ctx, timer),
        Event::Delivery(delivery) => bot.on_delivery(&ctx, delivery),
        Event::Other(extra) => bot.on_event_other(&ctx, &extra.name, &extra.json),
    }
}

/// Migrates values with a new bot. [`export!`](crate::export) calls it.
pub fn migrate<B: Migrate + Default>(from: &str) -> core::result::Result<(), Error> {
    B::default().migrate(&Context::new(&no_event()), from)
}

/// What stands in the place of an event where there is none: it has no chat and nobody wrote it.
pub(crate) fn no_event() -> Event {
    Event::Timer(Timer { id: String::new(), chat: None, due: 0, payload: String::new() })
}

/// Makes a bot the one that this component runs. Write it once, with a type that is [`Bot`] and
/// [`Default`]. `export!(Counter: Bot + Migrate)` also lets it [migrate](crate::Migrate) what it has stored.
///
/// Built for anything but WebAssembly it only checks that the type fits, so that a bot's crate
/// still builds, lints and tests on the machine where it is written.
#[macro_export]
macro_rules! export {
    ($bot:ty: Bot + Migrate) => {
        $crate::export!($bot);

        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Component;

            impl $crate::raw::lifecycle::exports::hodhod::bot::lifecycle::Guest for Component {
                fn migrate(from: String) -> ::core::result::Result<(), String> {
                    $crate::migrate::<$bot>(&from).map_err(|error| error.to_string())
                }
            }

    $crate::raw::lifecycle::export_lifecycle!(Component with_types_in $crate::raw::lifecycle);
        };

        #[cfg(not(target_family = "wasm"))]
        const _: fn(&str) -> ::core::result::Result<(), $crate::Error> = $crate::migrate::<$bot>;
    };
    ($bot:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Component;

            impl $crate::raw::exports::hodhod::bot::handler::Guest for Component {
                fn handle(event: $crate::Event) -> $crate::Result {
                    $crate::handle::<$bot>(&event)
                }
            }

    $crate::raw::export_handler!(Component with_types_in $crate::raw);
        };

        #[cfg(not(target_family = "wasm"))]
        const _: fn(&$crate::Event) -> $crate::Result = $crate::handle::<$bot>;
    };
}

/// Puts a manifest into the component: what the bot is, which grants it wants and why, and the keys of
/// its configuration. The path is that of a JSON file, relative to this source file; operators read
/// it with `hodhod inspect`.
#[macro_export]
macro_rules! manifest {
    ($path:literal) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            #[used]
            #[unsafe(link_section = "hodhod:manifest")]
            static MANIFEST: [u8; include_bytes!($path).len()] = *include_bytes!($path);
        };
    };
}
