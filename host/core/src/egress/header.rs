//! Header fields that belong to the connection, and so to the host.

/// True for a field that a guest may not set: it decides where a request goes, where it ends, or
/// what becomes of the connection. The name is in lower case.
pub fn is_forbidden(name: &str) -> bool {
    const NAMES: [&str; 10] = [
        "connection",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    NAMES.contains(&name) || name.starts_with("proxy-")
}
