//! A receiver of traces on loopback that speaks the real protocol: OTLP over HTTP, protobuf.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hodhod_tests::eventually;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Takes it.
    Take,
    /// Says that it is overloaded.
    Refuse,
    /// Never answers.
    Hang,
}

/// A receiver.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    seen: Arc<Seen>,
    server: JoinHandle<()>,
}

struct Seen {
    manner: Manner,
    requests: Mutex<Vec<(HeaderMap, Bytes)>>,
}

impl Receiver {
    pub(super) async fn start(manner: Manner) -> Self {
        let seen = Arc::new(Seen { manner, requests: Mutex::default() });
        let router = Router::new().route("/v1/traces", post(take)).with_state(seen.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, seen, server }
    }

    /// The lines of the configuration that name it.
    pub(super) fn lines(&self) -> String {
        format!("[host.traces]\nendpoint = \"http://{}\"", self.address)
    }

    /// Every request as it came.
    pub(super) fn requests(&self) -> Vec<(HeaderMap, Bytes)> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// The spans so far.
    pub(super) fn spans(&self) -> Vec<Span> {
        let requests = self.requests().into_iter();
        let decoded = requests.map(|(_, body)| ExportTraceServiceRequest::decode(body).unwrap());
        decoded
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }

    /// Waits until the spans satisfy a condition, and gives them.
    pub(super) async fn spans_when(&self, what: &str, condition: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        eventually(what, async || {
            let spans = self.spans();
            if condition(&spans) { Ok(spans) } else { Err(names(&spans)) }
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> (StatusCode, Vec<u8>) {
    seen.requests.lock().unwrap().push((headers, body));
    match seen.manner {
        Manner::Take => (StatusCode::OK, ExportTraceServiceResponse::default().encode_to_vec()),
        Manner::Refuse => (StatusCode::SERVICE_UNAVAILABLE, Vec::new()),
        Manner::Hang => std::future::pending().await,
    }
}

/// The names of spans.
pub(super) fn names(spans: &[Span]) -> Vec<String> {
    spans.iter().map(|span| span.name.clone()).collect()
}

/// What a span says, as text.
pub(super) fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let pairs = span.attributes.iter().cloned();
    pairs.filter_map(|pair| Some((pair.key, text(pair.value?.value?)))).collect()
}

/// An id as the log writes it.
pub(super) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
