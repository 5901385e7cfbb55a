//! The Prometheus text format 0.0.4, made of the OpenMetrics text: for whoever does not ask for the latter.

/// Says the same in the older format: it names counters by their samples, knows no `info`, and needs no end.
pub(super) fn plain(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                kind => ("", kind),
            };
            if let Some((_, said)) = help.take().filter(|(helped, _)| *helped == name) {
                text.extend(["# HELP ", name, suffix, " ", said, "\n"]);
            }
            text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            text.extend([line, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_named_by_their_samples_and_infos_are_gauges() {
        let text = "# HELP a_b Bs.\n# TYPE a_b counter\na_b_total{c=\"# x\"} 1\n# HELP d D.\n# TYPE d info\nd_info{v=\"1\"} 1\n\
                    # HELP e E.\n# TYPE e gauge\n# UNIT e seconds\ne 2\n# EOF\n";
        let said = "# HELP a_b_total Bs.\n# TYPE a_b_total counter\na_b_total{c=\"# x\"} 1\n# HELP d_info D.\n\
                    # TYPE d_info gauge\nd_info{v=\"1\"} 1\n# HELP e E.\n# TYPE e gauge\ne 2\n";
        assert_eq!(plain(text), said);
    }
}
