//! The task that sends spans to the receiver, in batches, as OTLP over HTTP.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hodhod_core::trace::{Step, TraceKey};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;
use reqwest::{Client, Url, redirect};
use secrecy::ExposeSecret;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Tally;
use super::spans::Spans;
use crate::config::{Problem, TracesConfig};

/// Most spans of one request: about 200 KiB.
const BATCH: usize = 512;

/// How long the first span of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);

/// What one request may take, and all tries of a batch together.
const REQUEST: Duration = Duration::from_secs(5);
const ALL_TRIES: Duration = Duration::from_secs(10);

/// What the last batches may take when the host stops.
const LAST_SPANS: Duration = Duration::from_secs(1);

/// The export under way.
pub(crate) struct Exporter {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Exporter {
    pub(super) fn start(
        config: &TracesConfig,
        key: TraceKey,
        steps: mpsc::Receiver<Step>,
        tally: Arc<Tally>,
    ) -> Result<Self, Problem> {
        let exporter = exporter(config)?;
        let (stop, stopped) = oneshot::channel();
        let work = Work { exporter, spans: Spans::new(key), tally, failing: false };
        Ok(Self { stop, task: tokio::spawn(work.run(steps, stopped)) })
    }

    /// Sends what waits, as far as it can be sent in a moment, and ends.
    pub(crate) async fn close(self) {
        let Self { stop, mut task } = self;
        drop(stop);
        if timeout(LAST_SPANS, &mut task).await.is_err() {
            tracing::warn!("the receiver of traces does not take the last spans; they are dropped");
            task.abort();
        }
    }
}

fn exporter(config: &TracesConfig) -> Result<SpanExporter, Problem> {
    let failed = |error: &dyn std::fmt::Display| Problem::new("host.traces", format!("no export is possible: {error}"));
    let headers = config.headers()?.into_iter().map(|(name, value)| (name, value.expose_secret().to_owned())).collect();
    // A redirect would take the headers to wherever it points.
    let client = Client::builder().timeout(REQUEST).redirect(redirect::Policy::none());
    let client = if is_local(&config.endpoint) {
        client.no_proxy()
    } else {
        if config.endpoint.scheme() == "http" {
            tracing::warn!("the address for traces is http: spans and headers travel in the clear");
        }
        client
    };
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client.build().map_err(|error| failed(&error))?)
        .with_endpoint(config.endpoint.as_str())
        .with_headers(headers)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(ALL_TRIES)
        .build()
        .map_err(|error| failed(&error))?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    exporter.set_resource(&Resource::builder().with_service_name("hodhod").with_attribute(version).build());
    Ok(exporter)
}

/// True where no proxy has a part in it and nobody listens on the way.
fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

struct Work {
    exporter: SpanExporter,
    spans: Spans,
    tally: Arc<Tally>,
    failing: bool,
}

impl Work {
    async fn run(mut self, mut steps: mpsc::Receiver<Step>, mut stopped: oneshot::Receiver<()>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                () = gather(&mut steps, &mut batch) => {}
                // Told, or nobody is left who could tell.
                _ = &mut stopped => break,
            }
            self.export(&mut batch).await;
        }
        // From here on nothing comes any more, and what is there is gathered at once.
        steps.close();
        while !batch.is_empty() || steps.recv_many(&mut batch, BATCH).await > 0 {
            self.export(&mut batch).await;
        }
    }

    async fn export(&mut self, batch: &mut Vec<Step>) {
        let count = batch.len();
        let spans = batch.iter().map(|step| self.spans.of(step)).collect();
        let result = self.exporter.export(spans).await;
        batch.clear();
        match result {
            Ok(()) => {
                self.tally.exported(count);
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the receiver takes traces again");
                }
            }
            Err(error) => {
                self.tally.dropped(count);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(%error, "traces cannot be exported; spans are dropped until they can");
                }
            }
        }
    }
}

/// Fills a batch, or waits a moment for what else there is. Cancelled, it leaves in the batch what it got.
async fn gather(steps: &mut mpsc::Receiver<Step>, batch: &mut Vec<Step>) {
    if batch.is_empty() && steps.recv_many(batch, BATCH).await == 0 {
        // Nobody can tell anything any more; whoever stops the export does.
        return std::future::pending().await;
    }
    let full = async { while batch.len() < BATCH && steps.recv_many(batch, BATCH - batch.len()).await > 0 {} };
    // Full or not, it goes.
    let _full = timeout(GATHER, full).await;
}
