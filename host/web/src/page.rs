//! Families of metrics, put together for the library that writes them down.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Error, TextEncoder};

use hodhod_core::histogram::Distribution;

/// The labels of one series. Their values are names of the configuration and fixed words.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

/// A page in the making.
#[derive(Default)]
pub(crate) struct Page(Vec<MetricFamily>);

impl Page {
    /// Adds counters: numbers that only grow while the process runs.
    pub(crate) fn counters(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::COUNTER)
    }

    /// Adds gauges: numbers of this moment.
    pub(crate) fn gauges(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::GAUGE)
    }

    /// Adds histograms.
    pub(crate) fn histograms(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::HISTOGRAM)
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricType) -> Family<'_> {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        Family { page: self, family }
    }

    /// The page in Prometheus' text format.
    pub(crate) fn write(&self) -> Result<String, Error> {
        TextEncoder::new().encode_to_string(&self.0)
    }
}

/// A family that is being filled, and is on the page once this is dropped.
pub(crate) struct Family<'p> {
    page: &'p mut Page,
    family: MetricFamily,
}

impl Family<'_> {
    /// Adds the series of each of these.
    pub(crate) fn each<T>(&mut self, all: &[T], add: impl Fn(&mut Self, &T)) {
        all.iter().for_each(|one| add(self, one));
    }

    /// Adds a number.
    #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
    pub(crate) fn add(&mut self, labels: Labels<'_>, value: u64) {
        self.add_float(labels, value as f64);
    }

    /// Adds a number that need not be whole, as seconds are not.
    pub(crate) fn add_float(&mut self, labels: Labels<'_>, value: f64) {
        let mut metric = labelled(labels);
        if self.family.get_field_type() == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.family.mut_metric().push(metric);
    }

    /// Adds a histogram of numbers of which `unit` are one of the family's, as a thousand milliseconds are a second.
    #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
    pub(crate) fn add_histogram(&mut self, labels: Labels<'_>, seen: &Distribution, unit: f64) {
        let mut below = 0;
        let buckets = seen.bounds.iter().zip(&seen.counts).map(|(bound, count)| {
            below += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound as f64 / unit);
            bucket.set_cumulative_count(below);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(seen.count());
        histogram.set_sample_sum(seen.sum as f64 / unit);
        let mut metric = labelled(labels);
        metric.set_histogram(histogram);
        self.family.mut_metric().push(metric);
    }
}

impl Drop for Family<'_> {
    fn drop(&mut self) {
        // One without numbers is none.
        if !self.family.get_metric().is_empty() {
            self.page.0.push(std::mem::take(&mut self.family));
        }
    }
}

fn labelled(labels: Labels<'_>) -> Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    Metric::from_label(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_what_lies_below_each_bound() {
        let mut page = Page::default();
        let seen = Distribution { bounds: &[30_000, 1_000_000], counts: vec![2, 1, 4], sum: 12_000_000 };
        page.histograms("turn_seconds", "Turns.").add_histogram(&[("bot", "a")], &seen, 1e9);
        let lines = [
            "# HELP turn_seconds Turns.",
            "# TYPE turn_seconds histogram",
            "turn_seconds_bucket{bot=\"a\",le=\"0.00003\"} 2",
            "turn_seconds_bucket{bot=\"a\",le=\"0.001\"} 3",
            "turn_seconds_bucket{bot=\"a\",le=\"+Inf\"} 7",
            "turn_seconds_sum{bot=\"a\"} 0.012",
            "turn_seconds_count{bot=\"a\"} 7",
        ];
        assert_eq!(page.write().unwrap().lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn no_name_ends_its_label_or_its_line() {
        let mut page = Page::default();
        page.gauges("up", "Up.").add(&[("bot", "a\"} 1\nup{bot=\"b\\")], 1);
        page.counters("nothing_total", "Nothing.");
        assert_eq!(
            page.write().unwrap(),
            "# HELP up Up.\n# TYPE up gauge\nup{bot=\"a\\\"} 1\\nup{bot=\\\"b\\\\\"} 1\n"
        );
    }
}
