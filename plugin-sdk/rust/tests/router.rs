//! What the router promises to whoever types.

use hodhod_plugin::testing::TestHost;
use hodhod_plugin::{Bot, Content, Context, Failure, Result, Router};

#[derive(Default)]
struct Shop;

impl Shop {
    fn router() -> Router<Self> {
        Router::new()
            .about("فروشگاه")
            .command("start", "آغاز", Self::said::<0>)
            .command("add", "افزودن", Self::said::<1>)
            .command("secret", "", Self::said::<2>)
            .command("کمک", "", Self::said::<3>)
            .word("ليست كالا", "فهرست", Self::said::<4>)
            .fallback(|_, ctx, text| {
                ctx.reply(format!("?<{text}>"))?;
                Ok(())
            })
    }

    fn said<const N: u8>(&mut self, ctx: &Context, arguments: &str) -> Result {
        ctx.reply(format!("{N}<{arguments}>"))?;
        Ok(())
    }
}

impl Bot for Shop {
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        Self::router().text(self, ctx, text)
    }

    fn on_start(&mut self, ctx: &Context, payload: Option<&str>) -> Result {
        Self::router().start(self, ctx, payload)
    }
}

fn answer(text: &str) -> String {
    TestHost::<Shop>::new().text(text).texts().join(" | ")
}

#[test]
fn a_command_is_matched_by_its_whole_name() {
    assert_eq!(answer("/start"), "0<>");
    assert_eq!(answer("/startx"), "?</startx>");
    assert_eq!(answer("/star"), "?</star>");
    assert_eq!(answer("start"), "?<start>");
    assert_eq!(answer("x /start"), "?<x /start>");
    assert_eq!(answer("/ start"), "?</ start>");
    assert_eq!(answer("/"), "?</>");
    assert_eq!(answer("/@bot"), "?</@bot>");
}

#[test]
fn a_command_may_be_surrounded_by_blanks_and_name_the_bot() {
    for text in ["  /start\n", "\u{200F}/start\u{200C}", "/START", "/start@shop_bot", "/start@shop_bot "] {
        assert_eq!(answer(text), "0<>", "{text:?}");
    }
    assert_eq!(answer("/add@shop_bot سیب"), "1<سیب>");
}

#[test]
fn arguments_arrive_as_they_were_typed() {
    assert_eq!(answer("/add   نمی‌دانم  كيف ۱۲ "), "1<نمی‌دانم  كيف ۱۲>");
    assert_eq!(answer("/add\nیک\nدو"), "1<یک\nدو>");
    assert_eq!(answer("/add a@b"), "1<a@b>");
    assert_eq!(answer("/add \u{2068}الف\u{2069}"), "1<\u{2068}الف\u{2069}>");
}

#[test]
fn names_are_compared_as_people_read_them() {
    assert_eq!(answer("/كمك"), "3<>");
    assert_eq!(answer("لیست‌کالا"), "4<>");
    assert_eq!(answer(" لیست   کالا "), "4<>");
    assert_eq!(answer("لیست کالاها"), "?<لیست کالاها>");
}

#[test]
fn what_nothing_understands_reaches_the_fallback_as_it_was() {
    assert_eq!(answer("  hello "), "?<  hello >");
    assert_eq!(answer(""), "?<>");
}

#[test]
fn commands_that_are_not_in_the_table_may_go_their_own_way() {
    #[derive(Default)]
    struct Strict;
    impl Bot for Strict {
        fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
            let router = Router::new()
                .unknown(|_, ctx, text| ctx.reply(format!("unknown {text}")).map(drop).map_err(Failure::from))
                .fallback(|_, ctx, text| ctx.reply(format!("text {text}")).map(drop).map_err(Failure::from));
            router.text(self, ctx, text)
        }
    }
    let mut host = TestHost::<Strict>::new();
    assert_eq!(host.text("/x").texts(), ["unknown /x"]);
    assert_eq!(host.text("/help").texts(), ["unknown /help"]);
    assert_eq!(host.text("x").texts(), ["text x"]);
}

#[test]
fn help_lists_what_has_a_help() {
    assert_eq!(answer("/help"), "فروشگاه\n/start – آغاز\n/add – افزودن\nليست كالا – فهرست");
}

#[test]
fn a_bot_may_have_its_own_help() {
    #[derive(Default)]
    struct Own;
    impl Bot for Own {
        fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
            let router = Router::new().command("/help", "x", |_, ctx: &Context, _| {
                ctx.reply("own")?;
                Ok(())
            });
            router.text(self, ctx, text)
        }
    }
    let mut host = TestHost::<Own>::new();
    assert_eq!(host.text("/help").texts(), ["own"]);
    assert!(host.text("else").sent.is_empty());
}

#[test]
fn a_start_carries_its_payload_to_the_start_command() {
    let mut host = TestHost::<Shop>::new();
    assert_eq!(host.content(Content::Start(Some("MY_POST gZ".into()))).texts(), ["0<MY_POST gZ>"]);
    assert_eq!(host.content(Content::Start(None)).texts(), ["0<>"]);
}

#[test]
fn a_pressed_button_is_handled_like_the_same_text() {
    let mut host = TestHost::<Shop>::new();
    assert_eq!(host.content(Content::Button("/add ۵".into())).texts(), host.text("/add ۵").texts());
}

#[test]
fn a_handler_decides_how_the_turn_ends() {
    #[derive(Default)]
    struct Picky;
    impl Bot for Picky {
        fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
            let router = Router::new().fallback(|_, _, text| Err(Failure::reject(text)));
            router.text(self, ctx, text)
        }
    }
    assert_eq!(TestHost::<Picky>::new().text("no").result, Err(Failure::Reject("no".into())));
}
