//! A line of JSON for each event.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormattedFields,
        format::{FormatFields, Writer},
        time::{FormatTime as _, SystemTime},
    },
    registry::{LookupSpan, Scope},
};

/// An object with `timestamp`, `level` and `target`, then the fields of the enclosing spans, then
/// its own. Its fields must be formatted by [`JsonFields`](super::fields::JsonFields).
pub(super) struct Json {
    pub(super) has_time: bool,
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_char('{')?;
        if self.has_time {
            writer.write_str("\"timestamp\":\"")?;
            SystemTime.format_time(&mut writer)?;
            writer.write_str("\",")?;
        }
        // Records of the crate `log` have their origin in fields.
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        write!(writer, "\"level\":\"{}\",\"target\":\"{}\"", metadata.level(), metadata.target())?;
        for span in ctx.event_scope().into_iter().flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                writer.write_str(fields)?;
            }
        }
        ctx.format_fields(writer.by_ref(), event)?;
        writeln!(writer, "}}")
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::{Value, json};
    use tracing_subscriber::{
        fmt::{self, MakeWriter},
        layer::SubscriberExt as _,
        registry,
    };

    use super::super::{
        fields::{JsonFields, TextFields},
        journal::Prioritized,
    };
    use super::Json;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn log_something() {
        let span = tracing::info_span!("http", request = "r1", cookie = "secret1");
        let _entered = span.enter();
        tracing::info!(token = "secret2", status = 200, error = ?"say \"no\"\n", key = ?["secret3"], "an {}", "answer");
    }

    #[test]
    fn json_has_the_spans_fields_that_are_allowed() {
        let lines = Lines::default();
        let layer = fmt::layer().with_writer(lines.clone()).fmt_fields(JsonFields);
        let layer = layer.event_format(Json { has_time: false });
        tracing::subscriber::with_default(registry().with(layer), log_something);
        let text = lines.text();
        assert_eq!((text.lines().count(), text.contains("secret")), (1, false), "{text}");
        let expected = json!({
            "level": "INFO", "target": module_path!(), "request": "r1", "status": 200,
            "error": "\"say \\\"no\\\"\\n\"", "message": "an answer",
        });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }

    #[test]
    fn text_under_journald_has_a_priority_and_no_time() {
        let lines = Lines::default();
        let layer = fmt::layer().with_writer(lines.clone()).with_ansi(false).fmt_fields(TextFields);
        let layer = layer.event_format(Prioritized(fmt::format().without_time()));
        tracing::subscriber::with_default(registry().with(layer), log_something);
        let text = lines.text();
        assert!(text.starts_with("<6> INFO http{request=\"r1\"}: "), "{text}");
        assert!(text.contains("an answer status=200") && !text.contains("secret"), "{text}");
    }
}
