//! A page of metrics, as OpenMetrics 1.0 or as the text format 0.0.4 that came before it.
//!
//! By hand: the official crate writes the newer format only, and would have the recorder keep its
//! counters in a registry of the doors. What differs is how a family is called, and the end.

use std::fmt::{Display, Write};

use crate::recorder::Histogram;

/// A page as far as it is written.
pub(super) struct Page {
    is_open: bool,
    text: String,
}

/// What a family of samples is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

impl Page {
    pub(super) fn open() -> Self {
        Self { is_open: true, text: String::new() }
    }

    pub(super) fn classic() -> Self {
        Self { is_open: false, text: String::new() }
    }

    pub(super) fn content_type(&self) -> &'static str {
        if self.is_open {
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        } else {
            "text/plain; version=0.0.4; charset=utf-8"
        }
    }

    /// Begins a family. `name` is that of its samples.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let (family, kind) = match (kind, self.is_open) {
            (Kind::Counter, true) => (name.trim_end_matches("_total"), "counter"),
            (Kind::Counter, false) => (name, "counter"),
            (Kind::Info, true) => (name.trim_end_matches("_info"), "info"),
            (Kind::Info, false) | (Kind::Gauge, _) => (name, "gauge"),
            (Kind::Histogram, _) => (name, "histogram"),
        };
        self.line(format_args!("# HELP {family} {help}"));
        self.line(format_args!("# TYPE {family} {kind}"));
    }

    /// Adds a sample. Labels are our own words and need no escaping.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> =
            labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        match &labels[..] {
            [] => self.line(format_args!("{name} {value}")),
            labels => self.line(format_args!("{name}{{{}}} {value}", labels.join(","))),
        }
    }

    pub(super) fn histogram(&mut self, name: &str, histogram: &Histogram) {
        let (buckets, all, sum) = histogram.read();
        let bucket = format!("{name}_bucket");
        for (bound, count) in buckets {
            // Written with a point always, as OpenMetrics wants it.
            let bound = format!("{:?}", bound.as_secs_f64());
            self.sample(&bucket, &[("le", &bound)], count);
        }
        self.sample(&bucket, &[("le", "+Inf")], all);
        self.sample(&format!("{name}_sum"), &[], sum.as_secs_f64());
        self.sample(&format!("{name}_count"), &[], all);
    }

    pub(super) fn finish(mut self) -> String {
        if self.is_open {
            self.line("# EOF");
        }
        self.text
    }

    fn line(&mut self, line: impl Display) {
        // Writing to memory cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn written(mut page: Page) -> String {
        page.family("snag_build_info", Kind::Info, "What runs.");
        page.sample("snag_build_info", &[("version", "1")], 1);
        page.family("snag_x_total", Kind::Counter, "Counted.");
        page.sample("snag_x_total", &[("a", "b"), ("c", "d")], 7);
        page.family("snag_y_seconds", Kind::Histogram, "Measured.");
        let histogram = Histogram::default();
        histogram.observe(Duration::from_secs(1));
        page.histogram("snag_y_seconds", &histogram);
        page.finish()
    }

    #[test]
    fn the_two_formats_differ_in_names_and_the_end() {
        let open = written(Page::open());
        assert!(open.starts_with("# HELP snag_build What runs.\n# TYPE snag_build info\nsnag_build_info{version=\"1\"} 1\n"));
        assert!(open.contains("# TYPE snag_x counter\nsnag_x_total{a=\"b\",c=\"d\"} 7\n"));
        assert!(open.ends_with("snag_y_seconds_sum 1\nsnag_y_seconds_count 1\n# EOF\n"), "{open}");
        assert!(open.contains("{le=\"0.0001\"} 0\n") && open.contains("{le=\"1.0\"} 1\n"));

        let classic = written(Page::classic());
        assert!(classic.contains("# TYPE snag_build_info gauge\nsnag_build_info{"), "{classic}");
        assert!(classic.contains("# TYPE snag_x_total counter\nsnag_x_total{"));
        assert!(!classic.contains("# EOF"));
        let samples = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
        };
        assert_eq!(samples(&open), samples(&classic));
    }
}
