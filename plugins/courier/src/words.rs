//! What the bot says. In a conversation it speaks in a person's name, so it says no more than the person asked for.

/// Labels of the buttons under a quote.
pub(crate) const ACCEPT: &str = "می‌پذیرم";
pub(crate) const AGAIN: &str = "محاسبهٔ دوباره";

pub(crate) const ABOUT: &str = "هزینهٔ ارسال کالای یک آگهی را حساب می‌کنم.\n\n\
     • در گفتگوی خریدار و فروشنده، «پیک» را از فهرست افزونه‌ها باز کنید: پس از اجازهٔ شما، هزینه را در همان گفتگو می‌نویسم.\n\
     • یا پیوند آگهی را همین‌جا بفرستید.";

pub(crate) const NOT_HERE: &str = "این ربات در دیوار کار می‌کند.";
pub(crate) const NO_AD: &str = "چنین آگهی‌ای پیدا نشد. پیوند آگهی را بفرستید.";
pub(crate) const NO_PRICE: &str = "برای شهر این آگهی هنوز قیمتی نداریم.";
pub(crate) const STALE: &str = "این پیشنهاد قدیمی است؛ تازه‌ترین آن پایین‌تر است.";
pub(crate) const ACCEPTED_AGAIN: &str = "پذیرش شما پیش‌تر ثبت شده است.";
pub(crate) const ACCEPTED_HALF: &str = "پذیرش شما ثبت شد؛ منتظر طرف دیگر هستیم.";
pub(crate) const ACCEPTED_WHOLE: &str = "هر دو پذیرفتید.";

/// A quote.
pub(crate) fn quote(title: Option<&str>, place: &str, within: u64, elsewhere: Option<u64>) -> String {
    let what = title.map_or_else(String::new, |title| format!(" «{title}»"));
    let from = if place.is_empty() { String::new() } else { format!(" از {place}") };
    let elsewhere = elsewhere.map_or_else(String::new, |sum| format!("\nبه شهرهای دیگر: {}", tomans(sum)));
    format!("هزینهٔ ارسال{what}{from} با پیک:\nدرون شهر: {}{elsewhere}", tomans(within))
}

/// What both are told once both have accepted.
pub(crate) fn agreed(price: &str, contact: &str) -> String {
    let contact = if contact.is_empty() { String::new() } else { format!(" برای هماهنگی: {contact}") };
    format!("ارسال با پیک ({price} درون شهر) را هر دو پذیرفتیم.{contact}")
}

/// A sum as people read it: «۹۵٬۰۰۰ تومان».
pub(crate) fn tomans(sum: u64) -> String {
    let digits: Vec<char> = sum.to_string().chars().filter_map(persian).collect();
    let mut text = String::new();
    for (place, digit) in digits.iter().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('٬');
        }
        text.push(*digit);
    }
    format!("{text} تومان")
}

fn persian(digit: char) -> Option<char> {
    char::from_u32(u32::from('۰') + digit.to_digit(10)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_grouped_and_in_persian_digits() {
        for (sum, text) in
            [(0, "۰ تومان"), (950, "۹۵۰ تومان"), (95_000, "۹۵٬۰۰۰ تومان"), (1_234_567, "۱٬۲۳۴٬۵۶۷ تومان")]
        {
            assert_eq!(tomans(sum), text);
        }
    }

    #[test]
    fn a_quote_leaves_out_what_is_not_known() {
        let whole = "هزینهٔ ارسال «دوچرخه» از تهران با پیک:\nدرون شهر: ۱ تومان\nبه شهرهای دیگر: ۲ تومان";
        assert_eq!(quote(Some("دوچرخه"), "تهران", 1, Some(2)), whole);
        assert_eq!(quote(None, "", 1, None), "هزینهٔ ارسال با پیک:\nدرون شهر: ۱ تومان");
    }
}
