//! The page that a person sees.

use crate::kit::*;

/// All pages that a stranger can bring about.
async fn pages(shop: &Shop) -> Vec<String> {
    let mut pages = Vec::new();
    let hostile =
        "%3Cscript%3Ealert(1)%3C/script%3E%22%27%3E%3Cimg%20src=x%20onerror=alert(1)%3E%26amp;%E2%80%AEabc%00%1b[2J";
    for (name, value) in [("error", hostile), ("error_description", hostile), ("state", hostile), ("code", hostile)] {
        let url = shop.ask(&["USER_ID"]).await;
        let queries = [format!("state={}&{name}={value}", state(&url)), format!("{name}={value}")];
        for query in queries {
            let reply = shop.come_back(&query).await;
            for (header, value) in [
                ("content-type", "text/html; charset=utf-8"),
                ("cache-control", "no-store"),
                ("referrer-policy", "no-referrer"),
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
            ] {
                assert_eq!(reply.headers()[header], value, "{query}");
            }
            let policy = reply.headers()["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
            assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
            pages.push(text(&reply));
        }
    }
    pages
}

#[tokio::test]
async fn a_page_is_persian_first_and_leads_back_to_divar() {
    let shop = Shop::new().await;
    let query = shop.play.allow(&shop.ask(&["USER_ID"]).await, "ann");
    let page = text(&shop.come_back(&query).await);
    assert!(page.starts_with("<!doctype html>\n<html lang=\"fa\" dir=\"rtl\">"), "{page}");
    let (persian, english) = (page.find("دسترسی داده شد").unwrap(), page.find("Access was given").unwrap());
    assert!(persian < english && page.contains("<section lang=\"en\" dir=\"ltr\">"));
    assert!(page.contains("href=\"https://open-platform-redirect.divar.ir/completion\""), "{page}");
    assert!(page.len() < 4_096, "{}", page.len());
}

#[tokio::test]
async fn hostile_words_are_text_and_nothing_else() {
    let shop = Shop::new().await;
    let mut quoted = 0;
    for page in pages(&shop).await {
        for bad in ["<script", "<img", "\u{202e}", "\u{1b}", "\0"] {
            assert!(!page.contains(bad), "{bad:?}: {page}");
        }
        quoted +=
            usize::from(page.contains("<blockquote dir=\"auto\">&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;"));
    }
    assert_eq!(quoted, 1, "the platform's own words are shown, to whom it sent");
}

#[tokio::test]
async fn long_words_are_cut() {
    let shop = Shop::new().await;
    let url = shop.ask(&["USER_ID"]).await;
    let long = "%3C".repeat(2_000);
    let reply = shop.come_back(&format!("state={}&error=x&error_description={long}", state(&url))).await;
    let page = text(&reply);
    assert!(page.contains("&lt;") && page.len() < 8_192, "{}", page.len());
}
