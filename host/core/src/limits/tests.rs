use super::*;

#[test]
fn every_limit_can_be_set_within_its_range_and_not_beyond() {
    for row in TABLE {
        let mut limits = Limits::default();
        assert_eq!(limits.get(row.name), Some(row.default), "{}", row.name);
        let Some((least, most)) = row.range else {
            assert_eq!(limits.set(row.name, row.default), Err(LimitError::Fixed));
            continue;
        };
        assert!((least..=most).contains(&row.default), "{}", row.name);
        limits.set(row.name, most).unwrap();
        assert_eq!(limits.get(row.name), Some(most), "{}", row.name);
        assert!(limits.set(row.name, most + 1).is_err(), "{}", row.name);
    }
    assert_eq!(Limits::default().set("memroy", 1), Err(LimitError::Unknown));
}

#[test]
fn what_an_operator_may_allow_fits_through_one_call() {
    for name in ["value", "key", "payload", "log_line"] {
        let (_, most) = row(name).unwrap().range.unwrap();
        assert!(most < HOST_CALL as u64, "{name}");
    }
}

#[test]
fn the_page_of_limits_is_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/limits.md");
    let written = std::fs::read_to_string(path).unwrap();
    assert!(written == page(), "docs/limits.md is old: write it anew with `hodhod limits > docs/limits.md`");
}

#[test]
fn amounts_are_told_in_the_largest_unit_that_fits() {
    let told = |number, unit| Amount { number, unit }.to_string();
    assert_eq!(told(32 << 20, Unit::Bytes), "32 MiB");
    assert_eq!(told(1025, Unit::Bytes), "1025 B");
    assert_eq!(told(90_000, Unit::Time), "90 s");
    assert_eq!(told(0, Unit::Time), "0 ms");
    assert_eq!(told(64, Unit::Count), "64");
}
