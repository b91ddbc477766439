//! The operator's price table: one line of text, as a configuration holds it.

use std::collections::BTreeMap;

use hodhod_plugin::text::parse_number;

/// The row for every city that has none.
const ANY: &str = "*";

/// What it costs within a city, or within one of its districts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prices(BTreeMap<String, Row>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    tomans: u64,
    /// For people; Divar's own word where there is none.
    name: Option<String>,
}

/// What was found for an ad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) tomans: u64,
    /// Where it is, for people.
    pub(crate) place: String,
}

impl Prices {
    /// Reads a table, and gives what of it is no row.
    pub(crate) fn read(text: &str) -> (Self, Vec<String>) {
        let (mut rows, mut odd) = (BTreeMap::new(), Vec::new());
        for line in text.split([';', '\n']).map(str::trim).filter(|line| !line.is_empty()) {
            match row(line) {
                Some((place, row)) => drop(rows.insert(place, row)),
                None => odd.push(line.to_owned()),
            }
        }
        (Self(rows), odd)
    }

    /// The most exact row.
    pub(crate) fn find(&self, city: Option<&str>, district: Option<&str>) -> Option<Found> {
        let city_row = city.and_then(|city| self.0.get(city));
        let district_row = city.zip(district).and_then(|(city, district)| self.0.get(&format!("{city}/{district}")));
        let tomans = district_row.or(city_row).or_else(|| self.0.get(ANY))?.tomans;
        let name = |row: Option<&Row>, word: Option<&str>| {
            row.and_then(|row| row.name.clone()).or_else(|| word.map(ToOwned::to_owned))
        };
        // A district without a name would be a word of another language in the midst of a sentence.
        let names = [name(city_row, city), name(district_row, None)];
        let place = names.into_iter().flatten().collect::<Vec<_>>().join("، ");
        Some(Found { tomans, place })
    }
}

/// «tehran/nazi-abad = 75000 نازی‌آباد»
fn row(line: &str) -> Option<(String, Row)> {
    let (place, rest) = line.split_once('=')?;
    let (number, name) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    let place = place.trim();
    let name = Some(name.trim()).filter(|name| !name.is_empty()).map(ToOwned::to_owned);
    let is_place = !place.is_empty() && !place.contains(char::is_whitespace);
    is_place.then_some(())?;
    Some((place.to_owned(), Row { tomans: parse_number(number)?, name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(text: &str) -> Prices {
        let (prices, odd) = Prices::read(text);
        assert_eq!(odd, Vec::<String>::new());
        prices
    }

    fn found(prices: &Prices, city: &str, district: &str) -> Option<(u64, String)> {
        let some = |word: &'static str| Some(word).filter(|word| !word.is_empty());
        let leak = |word: &str| -> &'static str { Box::leak(word.to_owned().into_boxed_str()) };
        prices.find(some(leak(city)), some(leak(district))).map(|found| (found.tomans, found.place))
    }

    #[test]
    fn the_most_exact_row_counts() {
        let prices = prices("tehran = 90000 تهران; tehran/nazi-abad = ۷۵٬۰۰۰ نازی‌آباد\n qom=60000 ;* = 100000");
        for (city, district, tomans, place) in [
            ("tehran", "nazi-abad", 75_000, "تهران، نازی‌آباد"),
            ("tehran", "vanak", 90_000, "تهران"),
            ("tehran", "", 90_000, "تهران"),
            ("qom", "nazi-abad", 60_000, "qom"),
            ("yazd", "", 100_000, "yazd"),
            ("", "", 100_000, ""),
        ] {
            assert_eq!(found(&prices, city, district), Some((tomans, place.to_owned())), "{city}/{district}");
        }
    }

    #[test]
    fn a_place_without_a_row_has_no_price() {
        assert_eq!(found(&prices("tehran = 90000"), "qom", ""), None);
        assert_eq!(found(&prices(""), "tehran", ""), None);
    }

    #[test]
    fn what_is_no_row_is_told() {
        let (prices, odd) = Prices::read("tehran; = 5; qom = much; a b = 5; yazd = -1; kish = 5");
        assert_eq!(odd, ["tehran", "= 5", "qom = much", "a b = 5", "yazd = -1"]);
        assert_eq!(found(&prices, "kish", ""), Some((5, "kish".to_owned())));
    }
}
