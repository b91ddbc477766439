//! What the game promises.

use hodhod_plugin::testing::{TestHost, Turn};
use hodhod_plugin::{Answer, Content, Event, Keyboard, Location, Message, Press};

use super::Xo;

/// A person in the chatbot on Divar, who is nobody there.
fn divar() -> TestHost<Xo> {
    let mut host = TestHost::new();
    host.platform = "divar".into();
    host.sender.id = None;
    host
}

/// The buttons of the last message of a turn: what they say, and what they do.
fn buttons(turn: &Turn) -> Vec<(String, String)> {
    let Some(Keyboard::Show(rows)) = turn.sent.last().and_then(|(_, message)| message.keyboard.clone()) else {
        return Vec::new();
    };
    assert!(rows.len() <= 3 && rows.iter().all(|row| row.len() <= 3), "Divar shows three by three");
    let data = |press: Press| match press {
        Press::Event(data) => data,
        other => panic!("{other:?}"),
    };
    rows.into_iter().flatten().map(|button| (button.label, data(button.press))).collect()
}

/// What the button says that is called so.
fn button(turn: &Turn, label: &str) -> String {
    let found = buttons(turn).into_iter().find(|(other, _)| other == label);
    found.unwrap_or_else(|| panic!("no {label} in {:?}", buttons(turn))).1
}

fn press(host: &mut TestHost<Xo>, data: &str) -> Turn {
    host.content(Content::Button(data.into()))
}

/// What the person is shown in answer to a press.
fn notice(turn: &Turn) -> &str {
    match &turn.answers[..] {
        [Answer::Notice(text)] => text,
        other => panic!("{other:?}"),
    }
}

/// Takes the first free cell again and again until the game is over, and gives the last turn.
fn play_on(host: &mut TestHost<Xo>, mut turn: Turn) -> Turn {
    for _ in 0..5 {
        let free = buttons(&turn).into_iter().find(|(label, _)| label.starts_with(|c| ('۱'..='۹').contains(&c)));
        let Some((_, data)) = free else { return turn };
        turn = press(host, &data);
    }
    turn
}

#[test]
fn a_start_is_a_greeting_and_a_board_to_press() {
    let turn = divar().content(Content::Start(Some("MY_DIVAR".into())));
    let labels: Vec<_> = buttons(&turn).into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, ["۱", "۲", "۳", "۴", "۵", "۶", "۷", "۸", "۹"]);
    let text = turn.texts().concat();
    assert!(text.starts_with("سلام!") && text.ends_with("نوبت شماست."), "{text}");
    assert_eq!(turn.answers, [], "nobody waits for a notice");
}

#[test]
fn a_press_is_answered_by_a_notice_and_a_new_board() {
    let mut host = divar();
    let start = host.content(Content::Start(None));
    let turn = press(&mut host, &button(&start, "۵"));
    assert!(notice(&turn).ends_with("را گرفتم."), "{turn:?}");
    let marks = |mark: &str| buttons(&turn).iter().filter(|(label, _)| label == mark).count();
    assert_eq!((marks("❌"), marks("⭕"), turn.sent.len()), (1, 1, 1));
    assert_eq!(buttons(&turn)[4].0, "❌");
}

#[test]
fn two_quick_presses_of_one_board_are_one_move() {
    let mut host = divar();
    let start = host.content(Content::Start(None));
    let first = press(&mut host, &button(&start, "۵"));
    for label in ["۵", "۱"] {
        let second = press(&mut host, &button(&start, label));
        assert!(notice(&second).starts_with("این صفحه قدیمی است"), "{second:?}");
        assert_eq!(second.sent, [], "and the board does not come again and again");
    }
    let board = host.text("/board");
    assert_eq!(buttons(&board), buttons(&first), "nothing has changed");
}

#[test]
fn a_board_of_an_earlier_game_is_known() {
    let mut host = divar();
    let old = host.content(Content::Start(None));
    // The computer begins every other game, so one cell may be taken already.
    host.text("/new");
    host.text("/new");
    let turn = press(&mut host, &button(&old, "۵"));
    assert!(notice(&turn).starts_with("این صفحه قدیمی است"), "{turn:?}");
}

#[test]
fn a_cell_that_is_taken_is_said_to_be() {
    let mut host = divar();
    let start = host.content(Content::Start(None));
    let turn = press(&mut host, &button(&start, "۵"));
    let again = press(&mut host, &button(&turn, "❌"));
    assert_eq!(notice(&again), "این خانه پر است؛ خانهٔ دیگری بگیرید.");
}

#[test]
fn a_game_ends_with_its_board_the_score_and_what_to_do_next() {
    let mut host = divar();
    let turn = host.text("/level hard");
    let end = play_on(&mut host, turn);
    let text = end.texts().concat();
    assert!(text.contains("❌") && text.contains("⭕"), "{text}");
    assert!(text.ends_with("برد شما ۰ · برد من ۱ · مساوی ۰"), "the hard one wins against the first free cell: {text}");
    assert_eq!(notice(&end), "این بار من بردم.");
    let next = press(&mut host, &button(&end, "بازی دوباره"));
    assert_eq!(notice(&next), "بازی تازه (سخت).");
    assert_eq!(buttons(&next).iter().filter(|(label, _)| label == "⭕").count(), 1, "now the computer begins");
    assert_eq!(host.text("/score").texts(), ["برد شما ۰ · برد من ۱ · مساوی ۰"]);
}

#[test]
fn the_last_press_of_a_game_does_nothing_the_second_time() {
    let mut host = divar();
    let mut turn = host.text("/level hard");
    let mut last = String::new();
    while let Some((_, data)) = buttons(&turn).into_iter().find(|(label, _)| ('۱'..='۹').any(|c| label.starts_with(c)))
    {
        last = data;
        turn = press(&mut host, &last);
    }
    let again = press(&mut host, &last);
    assert_eq!(notice(&again), "بازی‌ای در میان نیست. یکی آغاز کنیم؟");
    assert!(host.text("/score").texts().concat().contains("برد من ۱"), "it is counted once");
}

#[test]
fn where_presses_are_texts_a_cell_is_its_number_and_nothing_is_said_twice() {
    let mut host = TestHost::<Xo>::new();
    let start = host.text("/start");
    // What a keyboard writes in the person's name, and what they may write themselves.
    let typed = host.text(&button(&start, "۵"));
    assert_eq!((typed.sent.len(), typed.answers.len()), (1, 0));
    assert_eq!(buttons(&typed)[4].0, "❌");
    let free = buttons(&typed).into_iter().find(|(label, _)| label != "❌" && label != "⭕").unwrap().0;
    let turn = host.text(&format!(" {free} "));
    assert_eq!(turn.sent.len(), 1);
    assert!(buttons(&turn).len() < 9 || buttons(&turn).iter().filter(|(label, _)| label == "❌").count() == 2);

    let stale = host.text(&button(&start, "۵"));
    assert_eq!((stale.sent.len(), stale.answers.len()), (1, 0));
    assert!(stale.texts().concat().starts_with("این صفحه قدیمی است"), "{stale:?}");
}

#[test]
fn digits_of_every_script_are_cells() {
    for text in ["5", "۵", "٥"] {
        let mut host = divar();
        host.content(Content::Start(None));
        assert_eq!(buttons(&host.text(text))[4].0, "❌", "{text}");
    }
    let mut host = divar();
    host.content(Content::Start(None));
    for text in ["0", "10", "-1", "۱۰", "5.5", "255", "99999999999"] {
        assert_eq!(host.text(text).texts(), ["شمارهٔ یک خانه را بنویسید، یا /help."], "{text}");
    }
}

#[test]
fn it_speaks_what_the_person_chose_and_before_that_what_the_operator_did() {
    let mut host = divar().config("language", "en");
    let start = host.content(Content::Start(None));
    assert!(start.texts().concat().starts_with("Hello!"));
    assert_eq!(buttons(&start)[8].0, "9");
    assert!(host.text("/help").texts().concat().contains("/fa"));
    let turn = host.text("/fa");
    assert_eq!(buttons(&turn)[8].0, "۹");
    assert!(host.text("/help").texts().concat().starts_with("دوز"));
}

#[test]
fn a_level_is_chosen_by_button_command_or_name() {
    let mut host = divar();
    let ask = host.text("/level");
    assert_eq!(buttons(&ask).len(), 3);
    assert_eq!(notice(&press(&mut host, &button(&ask, "سخت"))), "بازی تازه (سخت).");
    assert!(host.text("آسان").texts().concat().contains("بازی تازه (آسان)."));
    assert!(host.text("/level MEDIUM").texts().concat().contains("(متوسط)"));
    let mut host = divar().config("level", "hard");
    assert!(host.text("/new").texts().concat().contains("(سخت)"));
}

#[test]
fn a_chat_has_a_game_of_its_own() {
    let mut host = divar();
    host.content(Content::Start(None));
    host.text("5");
    host.chat.id = "another".into();
    assert!(host.text("/board").texts().concat().starts_with("بازی‌ای در میان نیست."));
}

#[test]
fn a_start_in_the_middle_of_a_game_shows_it() {
    let mut host = divar();
    host.content(Content::Start(None));
    let turn = host.text("5");
    assert_eq!(buttons(&host.content(Content::Start(None))), buttons(&turn));
}

#[test]
fn what_is_no_move_is_left_alone_or_answered_with_a_hint() {
    let mut host = divar();
    assert_eq!(host.content(Content::Location(Location { latitude: 0.0, longitude: 0.0 })).sent, []);
    assert_eq!(host.text("سلام").texts(), ["شمارهٔ یک خانه را بنویسید، یا /help."]);
    let odd = press(&mut host, "/x nonsense");
    assert_eq!(odd.texts(), ["شمارهٔ یک خانه را بنویسید، یا /help."]);
    host.sender.automated = true;
    assert_eq!(host.text("/new").sent, [], "two programs would never end");
}

#[test]
fn in_a_group_only_commands_and_the_cells_of_a_game_are_heard() {
    let mut host = TestHost::<Xo>::new();
    host.private = false;
    for text in ["سلام به همه", "5", "سخت", "10"] {
        assert_eq!(host.text(text).sent, [], "{text}");
    }
    host.text("/new@xo_bot");
    assert_eq!(buttons(&host.text("5"))[4].0, "❌");
    assert_eq!(host.text("سخت").sent, []);
}

#[test]
fn between_a_buyer_and_a_seller_nothing_is_played() {
    let mut host = divar();
    host.private = false;
    for content in [Content::Text("/new".into()), Content::Text("5".into()), Content::Button("/new".into())] {
        assert_eq!(host.content(content).sent, []);
    }
}

#[test]
fn a_text_that_is_edited_later_is_no_second_move() {
    let mut host = divar();
    host.content(Content::Start(None));
    let after = buttons(&host.text("5"));
    let edited = Message {
        id: "message-2".into(),
        platform: "divar".into(),
        chat: host.chat.clone(),
        private: true,
        sender: host.sender.clone(),
        sent_at: 3,
        edited: true,
        content: Content::Text("1".into()),
        reply_to: None,
        annotations: Vec::new(),
    };
    assert_eq!(host.event(&Event::Message(edited)).sent, []);
    assert_eq!(buttons(&host.text("/board")), after);
}
