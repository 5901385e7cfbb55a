//! Reads what the process says about itself, and where.

use std::path::Path;

use tracing_subscriber::EnvFilter;

use super::super::section::Section;
use crate::{
    telemetry::trace::{Collector, Options, Sample},
    yaml::quote,
};

/// Reads the directives of the log, and where spans go.
pub(super) fn telemetry(mut section: Section<'_>, base: &Path) -> (Option<String>, Option<Option<Options>>) {
    let log = section.parsed("log", directives);
    let traces = match section.maybe("otlp") {
        Some(mut section) => otlp(&mut section, base).map(Some),
        None => Some(None),
    };
    (log, traces)
}

fn otlp(section: &mut Section<'_>, base: &Path) -> Option<Options> {
    let ca = section.text("ca").map(|ca| base.join(ca));
    let collector = section
        .parsed("endpoint", |text| Collector::parse(text, ca.clone()).map_err(|why| format!("{} {why}", quote(text))));
    let sample = section.parsed("sample", |text| Sample::parse(text).map_err(|why| format!("{} {why}", quote(text))));
    let service = section.parsed("service_name", service);
    Some(Options { collector: collector?, sample: sample?, service: service? })
}

fn service(text: &str) -> Result<String, String> {
    if text.len() > MAX_SERVICE || text.chars().any(char::is_control) {
        return Err(format!("{} is no name of a service: write at most {MAX_SERVICE} characters", quote(text)));
    }
    Ok(text.to_owned())
}

fn directives(text: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{} does not say what to log: {error}", quote(text))),
    }
}

const MAX_SERVICE: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parse(telemetry: &str) -> Result<Option<Options>, Vec<String>> {
        let source = format!(
            "self: spiffe://prod.example/api\ntrust: [{{trust_domain: prod.example, pem: roots.pem}}]\n\
             store: {{directory: documents}}\npolicy: {{directory: policy}}\ntelemetry: {{{telemetry}}}\n"
        );
        let told = |problems: crate::yaml::Problems| {
            problems.0.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
        };
        Config::parse(Path::new("/etc/hopguard.yaml"), &source).map(|config| config.traces).map_err(told)
    }

    #[test]
    fn nothing_is_told_unless_it_is_said_where() {
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("otlp: null"), Ok(None));
        assert_eq!(parse("otlp: {}").unwrap_err(), ["telemetry.otlp.endpoint: is required"]);
    }

    #[test]
    fn a_collector_is_all_that_has_to_be_named() {
        let options = parse("otlp: {endpoint: \"http://127.0.0.1:4317\"}").unwrap().unwrap();
        assert_eq!((options.sample, options.service.as_str()), (Sample::Parent, "hopguard"));
        let options = parse(
            "otlp: {endpoint: \"https://collector:4317\", ca: roots.pem, sample: 10%, service_name: payments-guard}",
        );
        let options = options.unwrap().unwrap();
        let collector = Collector::parse("https://collector:4317", Some("/etc/roots.pem".into())).unwrap();
        assert_eq!(options.collector, collector);
        assert_eq!(options.sample, Sample::parse("10%").unwrap());
        assert_eq!(options.service, "payments-guard");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let at = "endpoint: \"http://127.0.0.1:4317\"";
        for (otlp, field, problem) in [
            ("endpoint: \"http://collector:4317\"".to_owned(), "endpoint", "in plain text"),
            (format!("{at}, ca: roots.pem"), "endpoint", "leave `ca` out"),
            (format!("{at}, sample: always"), "sample", "neither `parent` nor a share"),
            (format!("{at}, sample: 0.1"), "sample", ""),
            (format!("{at}, service_name: \"a\\nb\""), "service_name", "no name of a service"),
            (format!("{at}, headers: {{api-key: x}}"), "", "unknown field `headers`"),
        ] {
            let problems = parse(&format!("otlp: {{{otlp}}}")).unwrap_err();
            let place = format!("telemetry.otlp{}{field}: ", if field.is_empty() { "" } else { "." });
            assert!(problems.iter().any(|it| it.starts_with(&place) && it.contains(problem)), "{otlp}: {problems:?}");
        }
    }
}
