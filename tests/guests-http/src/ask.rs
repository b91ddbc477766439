//! One request, from a text to a text.

use crate::raw::wasi::http::outgoing_handler::handle;
use crate::raw::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use crate::raw::wasi::io::streams::StreamError;

/// Bodies that are longer are told by their length.
const SHOWN: usize = 1000;

/// Bytes that are asked for at once.
const PIECE: u64 = 64 << 10;

/// Begins a request. What the host refuses at once is told.
pub(crate) fn begin(text: &str) -> Result<FutureIncomingResponse, String> {
    let mut lines = text.lines().map(unescape);
    let first = lines.next().unwrap_or_default();
    let words: Vec<&str> = first.split('\t').collect();
    let [method, scheme, authority, path] = words[..] else { return Err("four words are needed".into()) };

    let fields = Fields::new();
    let mut bytes = None;
    for line in lines {
        if let Some(number) = line.strip_prefix("body ") {
            bytes = number.parse::<usize>().ok();
            continue;
        }
        let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
        fields.append(name, value.as_bytes()).map_err(|error| format!("{name}: {error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    request.set_method(&method_of(method)).map_err(|()| "the method is refused")?;
    request.set_scheme(Some(&scheme_of(scheme))).map_err(|()| "the scheme is refused")?;
    request.set_authority(Some(authority)).map_err(|()| "the authority is refused")?;
    request.set_path_with_query(Some(path)).map_err(|()| "the path is refused")?;
    let body = match bytes {
        Some(_) => Some(request.body().map_err(|()| "the body is refused")?),
        None => None,
    };
    let future = handle(request, None).map_err(told)?;
    if let (Some(body), Some(bytes)) = (body, bytes) {
        write(&body, bytes);
        // What is wrong with the body is told with the answer.
        drop(OutgoingBody::finish(body, None));
    }
    Ok(future)
}

/// Writes until the host takes no more.
fn write(body: &OutgoingBody, bytes: usize) {
    let Ok(stream) = body.write() else { return };
    for piece in vec![b'x'; bytes].chunks(4096) {
        if stream.blocking_write_and_flush(piece).is_err() {
            return;
        }
    }
}

/// Waits for the answer of a request, and reads all of it.
pub(crate) fn answer(future: FutureIncomingResponse) -> Result<String, String> {
    future.subscribe().block();
    let response = future.get().ok_or("it is not there")?.map_err(|()| "it was taken")?.map_err(told)?;
    let mut text = response.status().to_string();
    for (name, value) in response.headers().entries() {
        text = format!("{text}\n{name}: {}", String::from_utf8_lossy(&value));
    }
    let body = response.consume().map_err(|()| "it was read")?;
    let read = read(&body)?;
    let shown =
        if read.len() > SHOWN { format!("{} bytes", read.len()) } else { String::from_utf8_lossy(&read).into() };
    text = format!("{text}\n> {shown}");
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    if let Some(Ok(Ok(Some(fields)))) = trailers.get() {
        for (name, value) in fields.entries() {
            text = format!("{text}\n< {name}: {}", String::from_utf8_lossy(&value));
        }
    }
    Ok(text)
}

fn read(body: &IncomingBody) -> Result<Vec<u8>, String> {
    let stream = body.stream().map_err(|()| "the body was taken")?;
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(PIECE) {
            Ok(piece) => all.extend(piece),
            Err(StreamError::Closed) => return Ok(all),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = crate::raw::wasi::http::types::http_error_code(&error);
                return Err(code.map_or_else(
                    || format!("body: {}", error.to_debug_string()),
                    |code| format!("body: {}", told(code)),
                ));
            }
        }
    }
}

fn told(code: ErrorCode) -> String {
    format!("{code:?}")
}

fn method_of(text: &str) -> Method {
    match text {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn scheme_of(text: &str) -> Scheme {
    match text {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    }
}

fn unescape(line: &str) -> String {
    let line = line.replace("\\r", "\r").replace("\\n", "\n").replace("\\0", "\0");
    // So many letters, as in `\\*1000;`.
    let Some((before, rest)) = line.split_once("\\*") else { return line };
    let Some((Ok(number), after)) = rest.split_once(';').map(|(number, after)| (number.parse(), after)) else {
        return line;
    };
    format!("{before}{}{after}", "x".repeat(number))
}
