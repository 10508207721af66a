//! Abbreviations: loops, templates, repeated bytes.

use serde_json::Value;

use super::super::fields::{Fields, list, text};

/// Unrolls the steps of a loop. `for` is `{var, from, to}`, both ends included.
pub(super) fn unroll(head: Value, steps: Value) -> Result<Vec<Value>, String> {
    let mut fields = Fields::of(head, "a loop")?;
    let placeholder = format!("${{{}}}", fields.text("var")?);
    let (from, to) = (fields.number::<u32>("from")?, fields.number::<u32>("to")?);
    fields.done()?;
    let steps = list(steps)?;
    let turn = |number: u32| {
        let number = number.to_string();
        steps.iter().map(|step| replace(step, &placeholder, &number)).collect::<Vec<_>>()
    };
    Ok((from..=to).flat_map(turn).collect())
}

/// Replaces `from` in all strings of the value.
fn replace(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) => text.replace(from, to).into(),
        Value::Array(items) => items.iter().map(|item| replace(item, from, to)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), replace(value, from, to))).collect()
        }
        other => other.clone(),
    }
}

/// Expands a template: `%X*n%` is n times `x` (any letter, in lower case), `%OPEN*n%` and
/// `%CLOSE*n%` are brackets.
pub(super) fn fill_template(template: &str) -> Result<String, String> {
    let mut filled = String::new();
    for (index, part) in template.split('%').enumerate() {
        // Every other part is between two percent signs.
        if index % 2 == 0 {
            filled.push_str(part);
        } else {
            filled
                .push_str(&repeated(part).ok_or_else(|| format!("no placeholder of a template: {part:?}"))?);
        }
    }
    Ok(filled)
}

fn repeated(placeholder: &str) -> Option<String> {
    let (what, count) = placeholder.split_once('*')?;
    let what = match what {
        "OPEN" => "[".to_owned(),
        "CLOSE" => "]".to_owned(),
        letter if letter.len() == 1 => letter.to_lowercase(),
        _ => return None,
    };
    Some(what.repeat(count.parse().ok()?))
}

/// Expands `{byte, count}`.
pub(super) fn repetition(value: Value) -> Result<String, String> {
    let mut fields = Fields::of(value, "a repetition")?;
    let repeated = text(fields.required("byte")?)?.repeat(fields.number("count")?);
    fields.done()?;
    Ok(repeated)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{fill_template, unroll};

    #[test]
    fn a_loop_is_unrolled() {
        let steps =
            unroll(json!({"var": "i", "from": 9, "to": 10}), json!([{"a": ["${i}", 1]}, {"b": "${j}"}]));
        let written_out =
            [json!({"a": ["9", 1]}), json!({"b": "${j}"}), json!({"a": ["10", 1]}), json!({"b": "${j}"})];
        assert_eq!(steps.as_deref(), Ok(written_out.as_slice()));
        assert!(unroll(json!({"var": "i", "from": 1}), json!([])).is_err());
        assert!(unroll(json!({"var": "i", "from": 1, "to": 2, "by": 2}), json!([])).is_err());
    }

    #[test]
    fn a_template_is_expanded() {
        assert_eq!(fill_template("a%OPEN*2%%X*3%%CLOSE*1%b").as_deref(), Ok("a[[xxx]b"));
        for bad in ["%X%", "%OPENING*2%", "%X*many%", "100%"] {
            assert!(fill_template(bad).is_err(), "{bad}");
        }
    }
}
