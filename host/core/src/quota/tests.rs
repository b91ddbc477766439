use super::*;

#[test]
fn limit_sends_minute_is_for_all_chats_and_free_again_after_a_minute() {
    let quotas = Quotas::default();
    let limits = Limits { sends_minute: 3, ..Limits::default() };
    let send = |chat: &str, at| quotas.send(&"b".into(), &Chat::new("shop", chat), &limits, Millis(at));
    assert_eq!([send("a", 1000), send("b", 2000), send("c", 3000)], [Ok(()), Ok(()), Ok(())]);
    assert_eq!(send("d", 60_999), Err(Duration::from_millis(1)));
    assert_eq!(send("a", 61_000), Ok(()));
}

#[test]
fn limit_sends_chat_minute_is_for_each_chat_and_free_again_after_a_minute() {
    let quotas = Quotas::default();
    let limits = Limits { sends_chat_minute: 2, ..Limits::default() };
    let send = |chat: &str, at| quotas.send(&"b".into(), &Chat::new("shop", chat), &limits, Millis(at));
    assert_eq!([send("a", 1000), send("a", 2000)], [Ok(()), Ok(())]);
    assert_eq!(send("a", 3000), Err(Duration::from_secs(58)));
    assert_eq!(send("b", 3000), Ok(()));
    assert_eq!(send("a", 61_000), Ok(()));
}

#[test]
fn limit_log_lines_minute_is_counted_over_turns() {
    let quotas = Quotas::default();
    let limits = Limits { log_lines_minute: 2, ..Limits::default() };
    let line = |at| quotas.line(&"b".into(), 1, &limits, Millis(at));
    assert!(line(0) && line(1) && !line(59_999));
    assert!(line(60_000));
}

#[test]
fn limit_log_bytes_minute_is_counted_over_turns() {
    let quotas = Quotas::default();
    let limits = Limits { log_bytes_minute: 100, ..Limits::default() };
    let line = |bytes, at| quotas.line(&"b".into(), bytes, &limits, Millis(at));
    assert!(line(60, 0) && !line(41, 0) && line(40, 0));
    assert!(!line(1, 59_999) && line(100, 60_000));
}

#[test]
fn dropped_lines_are_told_of_once_a_minute() {
    let quotas = Quotas::default();
    let dropped = |lines, at| quotas.dropped(lines, Millis(at));
    assert_eq!([dropped(3, 0), dropped(4, 100), dropped(5, 59_999)], [Some(3), None, None]);
    assert_eq!(dropped(1, 60_000), Some(10));
}

#[test]
fn limit_http_minute_is_counted_over_turns() {
    let quotas = Quotas::default();
    let limits = Limits { http_minute: 2, ..Limits::default() };
    let request = |at| quotas.request(&"b".into(), &limits, Millis(at));
    assert!(request(0) && request(1) && !request(59_999));
    assert!(request(60_000));
}

#[test]
fn limit_platform_minute_is_counted_over_turns() {
    let quotas = Quotas::default();
    let limits = Limits { platform_minute: 2, ..Limits::default() };
    let call = |at| quotas.call(&"b".into(), &limits, Millis(at));
    assert_eq!([call(0), call(1), call(59_999)], [Ok(()), Ok(()), Err(Duration::from_millis(1))]);
    assert_eq!(call(60_000), Ok(()));
    assert!(quotas.request(&"b".into(), &limits, Millis(0)), "other servers are counted apart");
}

#[test]
fn a_turn_that_began_before_the_minute_does_not_begin_another() {
    let quotas = Quotas::default();
    let limits = Limits { sends_minute: 1, http_minute: 1, log_lines_minute: 1, ..Limits::default() };
    let bot = BotName::from("b");
    let send = |at| quotas.send(&bot, &Chat::new("shop", "a"), &limits, Millis(at)).is_ok();
    let request = |at| quotas.request(&bot, &limits, Millis(at));
    let line = |at| quotas.line(&bot, 1, &limits, Millis(at));
    assert!(send(1000) && request(1000) && line(1000));
    for at in [999, 1000, 0, 1001] {
        assert!(!send(at) && !request(at) && !line(at), "at {at}");
    }
}

#[test]
fn lines_of_a_bot_leave_room_for_what_the_host_says_about_it() {
    let quotas = Quotas::default();
    let limits = Limits { log_lines_minute: 2, ..Limits::default() };
    while quotas.line(&"b".into(), 100, &limits, Millis(0)) {}
    assert!(quotas.notice(100, &limits, Millis(0)) && quotas.notice(100, &limits, Millis(0)));
    assert!(!quotas.notice(100, &limits, Millis(0)), "that is not without end either");
    assert!(quotas.notice(100, &limits, Millis(60_000)));
}

#[test]
fn four_fifths_of_a_quota_are_told_of_once_an_hour() {
    let quotas = Quotas::default();
    let hour = 3_600_000;
    let near = |name, used, at| quotas.is_news(name, used, 10, Millis(at));
    assert!(!near("timers", 7, 0));
    assert!(near("timers", 8, 0));
    assert!(!near("timers", 10, hour - 1));
    assert!(near("bot_keys", 9, hour - 1), "each quota by itself");
    assert!(near("timers", 10, hour));
}
